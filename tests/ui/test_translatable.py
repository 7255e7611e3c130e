"""Every word the window shows goes through tr, and no signal is connected to a lambda: read off the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "desktop" / "ui").glob("*.py"), *(ROOT / "desktop" / "session").glob("*.py")])

SHOWN = {
    "setText", "setToolTip", "setPlaceholderText", "setWindowTitle", "setAccessibleName",
    "setAccessibleDescription", "setWhatsThis", "setStatusTip", "addMenu", "addAction", "addRow", "add_row",
    "addButton", "setHorizontalHeaderLabels", "QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QAction",
    "QGroupBox", "Note", "Elided", "heading", "say", "_say", "show_step", "write_note", "AnswerColumn",
    "getExistingDirectory", "getOpenFileName", "addItem",
}  # fmt: skip
"""Calls whose texts a user reads."""

UNTRANSLATED = {"LoRA Deck", "\N{ANTICLOCKWISE OPEN CIRCLE ARROW}"}
"""Names and signs that are the same in every language."""


def texts(node: ast.expr):
    """String literals with letters that reach a call without passing through another one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if any(character.isalpha() for character in node.value) and node.value not in UNTRANSLATED:
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield from texts(part)
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, ast.BinOp):
        yield from (*texts(node.left), *texts(node.right))
    elif isinstance(node, ast.List | ast.Tuple):
        for item in node.elts:
            yield from texts(item)


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def untranslated(source: str):
    """What a file shows without `tr`, as (line, text)."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node)
        arguments = [*node.args, *(word.value for word in node.keywords if word.arg in {"sentence", "text", "title"})]
        if name == "Problem":
            arguments = [word.value for word in node.keywords if word.arg == "sentence"]
        elif name not in SHOWN:
            continue
        for argument in arguments:
            for text in texts(argument):
                # Data, not words: what a combo box hands out, a URL, a name of a file's kind.
                if name == "addItem" and argument is not node.args[0]:
                    continue
                yield node.lineno, text


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_text_goes_through_tr(file):
    assert list(untranslated(file.read_text(encoding="utf-8"))) == []


def test_the_check_sees_what_it_should():
    source = (
        'w.setText("Load")\nw.setToolTip(f"Take {x} off")\nProblem(sentence="It broke.")\nw.setText(self.tr("Load"))'
    )
    assert [line for line, _ in untranslated(source)] == [1, 2, 2, 3]


@pytest.mark.parametrize("file", sorted((ROOT / "desktop").rglob("*.py")), ids=lambda file: file.name)
def test_no_signal_is_connected_to_a_lambda_or_a_partial(file):
    # PySide6 runs those on the thread of whoever emits.
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and name_of(node) == "connect":
            assert not any(isinstance(argument, ast.Lambda) for argument in node.args), node.lineno
            assert not any(isinstance(argument, ast.Call) and name_of(argument) == "partial" for argument in node.args)
