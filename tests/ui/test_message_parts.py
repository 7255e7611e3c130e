"""What a model writes is cut into parts that are all of it and none of which is long, whatever it writes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest

from desktop.ui.chat_text import ChatText
from desktop.ui.message_parts import SLICE, Mode, broken, split
from desktop.ui.shown_turns import ShownTurn

PIECES = st.sampled_from(
    ["<think>", "</think>", "```python\n", "```\n", "~~~\n", "\n", "\n\n", "word ", "- a\n", "1. b\n", "   c\n",
     "> q\n", "|a|b|\n", "[" * 80, "x" * 700, "<b>", "# h\n", "é🙂"]
)  # fmt: skip
HOSTILE = {
    "html": '<b>bold?</b> <img src="file:///etc/passwd"> <a href="http://x">link</a> ',
    "brackets": "[",
    "links": "[a](http://x.y) ![b](file:///etc/passwd) [c](javascript:x)\n\n",
    "table": "|" + "a|" * 60 + "\n",
}
TURN = 0.2
"""Seconds of the processor between two turns of the event loop, on a machine of any speed; measured were 0.02."""


def parts_of(text):
    return list(split(text, Mode()))


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(deadline=None)
def test_the_parts_are_all_of_it_and_short(text):
    parts = parts_of(text)
    assert sum(part.size for part in parts) == len(text)
    assert all(len(part.text) <= SLICE for part in parts)
    at, mode = 0, Mode()
    for part in parts:
        # Each can be cut again from where it begins, which is what happens while a message streams.
        assert next(split(text[at:], mode))[:4] == part[:4]
        at, mode = at + part.size, part.after


def test_thinking_code_and_text_are_told_apart():
    text = "<think>a\nb</think>\nHello\n\n```python\nx = '<think>'\n```\nBye " + "[" * 99 + "\n"
    found = [(part.kind, part.text.strip(), part.language) for part in parts_of(text) if part.text.strip()]
    assert found == [
        ("think", "a\nb", ""),
        ("markdown", "Hello", ""),
        ("code", "x = '<think>'", "python"),
        ("plain", "Bye " + "[" * 99, ""),
    ]


def test_a_list_with_gaps_stays_one():
    assert [part.text for part in parts_of("1. a\n\n   more\n\n2. b\n\nEnd\n")] == [
        "1. a\n\n   more\n\n2. b\n\n",
        "End\n",
    ]


def test_long_lines_are_broken_and_none_of_them_is_lost():
    text = "x" * 1234 + "\n" + "y" * 10
    assert max(map(len, broken(text).split("\n"))) == 500
    assert broken(text).replace("\n", "") == text.replace("\n", "")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_megabyte_of_it_stalls_nobody(application, kind):
    """The GUI thread's own time is measured: what other processes take is not the window's doing."""
    text = (HOSTILE[kind] * (1_000_000 // len(HOSTILE[kind])))[:1_000_000]
    view = ChatText()
    view.resize(660, 700)
    view.show()
    turns, last = [], [time.thread_time()]

    def tick():
        now = time.thread_time()
        turns.append(now - last[0])
        last[0] = now

    timer = QTimer(interval=4)
    timer.timeout.connect(tick)
    QTest.qWait(50)
    timer.start()
    last[0] = time.thread_time()
    view.show_turns([ShownTurn(id="a", is_reply=True, text=text)])
    QTest.qWait(1500)
    timer.stop()
    assert max(turns) < TURN
    assert view.document().characterCount() > 1000
    view.close()
    view.deleteLater()
