"""No words reach the user but through `tr`, and nothing is connected in a way that would run on a worker's thread."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "desktop"
SOURCES = sorted([*(ROOT / "ui").glob("*.py"), *(ROOT / "session").glob("*.py")])

SETTERS = {
    "setText", "setPlainText", "setToolTip", "setStatusTip", "setWhatsThis", "setPlaceholderText", "setWindowTitle",
    "setTitle", "setAccessibleName", "setAccessibleDescription", "setSuffix", "setPrefix", "setSpecialValueText",
    "setHorizontalHeaderLabels", "setItemText", "addItem", "addItems", "addAction", "addMenu", "addRow", "addButton",
    "add_row", "addTab", "insertPlainText", "appendPlainText", "say", "show_problem", "show_step",
    "progressed", "progress", "tell",
}  # fmt: skip
"""Methods whose texts a user reads."""
MAKERS = {
    "QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QToolButton", "QGroupBox", "QAction", "QMenu", "QDialog",
    "QTreeWidgetItem", "QStandardItem", "Note", "Elided", "heading", "Problem", "AnswerColumn", "LoaderError",
}  # fmt: skip
EMITTED = {"progressed", "refused", "save_failed", "work_failed", "files_changed"}
"""Signals that carry a sentence."""
TRANSLATORS = {"tr", "_tr", "translate"}
AS_THEY_ARE = {
    "LoRA Deck",
    "LoRA",
    "auto", "cpu", "cuda:0", "mps",
    "bfloat16", "float16", "float32",
}  # fmt: skip
"""Names of products and of data, the same in every language."""


def called(node):
    """The last name of what is called."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def reaches_user(node):
    """Whether the arguments of a call are read by the user."""
    name = called(node)
    if name == "emit" and isinstance(node.func.value, ast.Attribute):
        return node.func.value.attr in EMITTED
    return name in SETTERS or name in MAKERS


def literals(node):
    """The texts below a node that don't go through a translator, nor into a look-up or a comparison."""
    if isinstance(node, ast.Call):
        if called(node) in TRANSLATORS:
            return
        # "{:.2f}".format and " · ".join show their own text; what else is called makes what it likes of its arguments.
        if called(node) in {"format", "join"}:
            yield from literals(node.func.value)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Subscript | ast.Compare | ast.Attribute):
        return
    elif isinstance(node, ast.IfExp):
        for part in (node.body, node.orelse):
            yield from literals(part)
    elif isinstance(node, ast.FormattedValue):
        yield from literals(node.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from literals(child)


def untranslated(tree):
    """Texts with letters that would reach the user as they stand, with their lines."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not reaches_user(node):
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            for text in literals(argument):
                if any(letter.isalpha() for letter in text) and text not in AS_THEY_ARE:
                    yield node.lineno, text


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_the_user_reads_can_be_translated(file):
    found = [f"{file.name}:{line}: {text!r}" for line, text in untranslated(ast.parse(file.read_text("utf-8")))]
    assert found == []


def sentences(tree):
    """Texts of three words and more, wherever they stand, that go through no translator and are no documentation."""
    passed = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) in TRANSLATORS]
    passed += [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    spared = {id(part) for node in passed for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spared:
            words = re.findall(r"[^\W\d_]{2,}", node.value)
            if len(words) > 2 and " " in node.value.strip():
                yield node.lineno, node.value


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_sentence_stands_aside(file):
    found = [f"{file.name}:{line}: {text!r}" for line, text in sentences(ast.parse(file.read_text("utf-8")))]
    assert found == []


def test_the_walk_finds_what_it_should():
    tree = ast.parse(
        "label.setText('Hello')\nlabel.setText(f'{n} files')\nlabel.setText(self.tr('fine'))\n"
        "self.progressed.emit('Working', None)\nQLabel('x' if y else tr('z'))\nlabel.setText(words['key'])\n"
        "Problem(sentence='No.')\nlabel.setText(' · '.join(parts))\nbox.addItem('auto')\n"
    )
    assert [text for _, text in untranslated(tree)] == ["Hello", " files", "Working", "x", "No."]


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_is_connected_that_would_run_on_the_wrong_thread(file):
    """A lambda or a partial connected to a worker's signal runs on the worker's thread."""
    found = [
        f"{file.name}:{node.lineno}"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and called(node) == "connect"
        and any(isinstance(argument, ast.Lambda) or is_partial(argument) for argument in node.args)
    ]
    assert found == []


def is_partial(node):
    return isinstance(node, ast.Call) and called(node) == "partial"
