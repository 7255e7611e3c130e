"""A person's session in a program of its own: `python -m tests.ui.whole_session HOME EXPECTED`.

It loads the starter, talks three turns with two adapters, edits, branches, makes another version and keeps an example,
all by clicks and keys. It then writes what a later start must show, types something, and is killed by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QSlider

from desktop.api import Lora
from desktop.app import make_application
from desktop.library.conversation import Conversation, path_of
from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.plans import State
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.ui.main_window import MainWindow
from desktop.ui.message_buttons import NAMED
from tests.ui.hands import CONTROL, find, key, press, type_text, until, until_said
from tests.ui.test_chat import choose as choose_verb
from tests.ui.test_story import PATIENCE, is_ready, load_starter, set_longest

UNSENT = "Not sent yet, caf\N{LATIN SMALL LETTER E WITH ACUTE}"
SET = "corrections"
CORRECTED = "Arr, Paris be the capital."


class Expected(msgspec.Struct):
    """What has to be there after the kill."""

    conversation: Conversation
    """The one in sight."""
    other: str
    """The id of the one it was branched from."""
    others: list[str]
    """What that one says in its branch in sight."""
    rows: tuple[Lora, ...]


def add(here: SimpleNamespace, name: str, steps: int) -> None:
    """An adapter by its name, its weight moved down by the keyboard so many steps."""
    window, chooser = here.window, here.window.dialogs.chooser
    key(window, Qt.Key.Key_L, CONTROL)
    until(chooser.isActiveWindow)
    box = find(chooser, "Filter")
    box.selectAll()
    type_text(box, name)
    key(chooser, Qt.Key.Key_Return)
    window.activateWindow()
    until(window.isActiveWindow)
    until(lambda: any(row.name == name for row in window.stack.rows()), PATIENCE)
    find(window, f"Weight of {name}", QSlider).setFocus()
    for _ in range(steps):
        key(window, Qt.Key.Key_Left)
    until(lambda: is_ready(here) and here.session._driver.client.stack == window.stack.rows(), PATIENCE)


def in_sight(window: MainWindow) -> list[str]:
    """The messages of the branch in sight."""
    return [turn.text for turn in path_of(window.chat.conversation)]


def answered(here: SimpleNamespace) -> str:
    """Wait for the whole reply; what it says."""
    until(lambda: here.session.state is State.ANSWERING)
    until(lambda: is_ready(here), PATIENCE)
    reply = path_of(here.window.chat.conversation)[-1]
    assert reply.role == "assistant"
    assert reply.facts
    assert [row.name for row in reply.facts.stack] == ["pirate", "telegram"]
    return reply.text


def say(here: SimpleNamespace, prompt: str) -> str:
    """The next turn; its reply."""
    type_text(find(here.window, "Prompt", QPlainTextEdit), prompt)
    key(here.window, Qt.Key.Key_Return, CONTROL)
    return answered(here)


def talk(here: SimpleNamespace) -> list[str]:
    """Three turns; then the second question is put otherwise, and that is answered."""
    window = here.window
    first, second, third = (say(here, prompt) for prompt in ("Where is Paris?", "And Rome?", "And Oslo?"))
    assert in_sight(window) == ["Where is Paris?", first, "And Rome?", second, "And Oslo?", third]
    choose_verb(window, "Your message: And Rome?", "Edit...")
    dialog = window.conversations._edit
    text = find(dialog, "Text of the message", QPlainTextEdit)
    text.selectAll()
    type_text(text, "And Lima?")
    press(dialog, "Save and answer")
    edited = answered(here)
    assert in_sight(window) == ["Where is Paris?", first, "And Lima?", edited]
    return in_sight(window)


def called(reply: str) -> str:
    """What the buttons of a reply are called."""
    return "Reply: " + " ".join(reply[: 2 * NAMED].split())[:NAMED]


def branch(here: SimpleNamespace, before: list[str]) -> None:
    """The first reply goes into a conversation of its own, has another version there, and is kept, corrected."""
    window = here.window
    choose_verb(window, called(before[1]), "Branch into a new conversation", 0)
    assert in_sight(window) == before[:2], (in_sight(window), before)
    window.activateWindow()  # a desktop does it by itself when a menu is closed
    until(window.isActiveWindow)
    key(window, Qt.Key.Key_R, CONTROL)
    answered(here)
    assert len(window.chat.conversation.turns) == 3
    reply = in_sight(window)[-1]
    choose_verb(window, called(reply), "Keep as example...")
    dialog = window.conversations._keep
    text = find(dialog, "Text of the message", QPlainTextEdit)
    text.selectAll()
    type_text(text, CORRECTED)
    find(dialog, "Set of examples", QComboBox).setEditText(SET)
    press(dialog, "Keep")
    until_said(window, f"Kept as an example in {SET}", PATIENCE)


def main(home: str, expected: str) -> None:
    """One life of the program."""
    make_application([])
    session = Session(Home(Path(home)), Settings())
    window = MainWindow(session, Saved(theme="light"))
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    until(window.isActiveWindow)
    window.begin(None, None)
    here = SimpleNamespace(window=window, session=session)
    load_starter(here)
    add(here, "pirate", 2)
    add(here, "telegram", 3)
    press(window, "greedy")
    set_longest(window, 10)
    before = talk(here)
    other = window.chat.conversation.id
    branch(here, before)
    type_text(find(window, "Prompt", QPlainTextEdit), UNSENT)
    QTest.qWait(3000)  # what is typed is safe within a second, on a machine that is not this busy
    there = Expected(window.chat.conversation, other, before, window.stack.rows())
    Path(expected).write_bytes(msgspec.json.encode(there))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
