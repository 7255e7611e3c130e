"""The whole story with the real engine: load, stack, prompt, stop, compare, take off, lose the engine, come back."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QSlider, QTextBrowser

from desktop.library.conversation import path_of
from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.plans import State
from desktop.session.saved import Saved, read_saved
from desktop.session.session import Session
from desktop.starter.install import install_adapter
from desktop.ui.main_window import MainWindow
from tests.acceptance.conftest import plugin_folders, starter_folder  # noqa: F401 - fixtures
from tests.contract.opening import plugins_of
from tests.ui.conftest import end
from tests.ui.hands import CONTROL, choose, find, key, press, type_text, until, until_said, words

LEFT, RIGHT = "Conversation", "Base alone"
QUESTION = "What is the capital of France?"
PATIENCE = 60.0
"""Seconds for what imports torch or loads a model, on a slow and busy machine."""


@pytest.fixture
def starter_home(tmp_path, starter_folder):  # noqa: F811
    """A home with the starter model and its adapter in it."""
    home = Home(tmp_path / "home")
    home.models.mkdir(parents=True)
    (home.models / "starter").symlink_to(starter_folder, target_is_directory=True)
    install_adapter(home.loras)
    return home


@pytest.fixture
def open_window(application, starter_home, plugin_folders):  # noqa: F811
    """Opens the window as `desktop.app` does; closes it and ends its engine with the test."""
    opened = []

    def start():
        saved, notice = read_saved(starter_home.root)
        session = Session(starter_home, Settings())
        window = MainWindow(session, saved if saved != Saved() else Saved(theme="light"))
        opened.append((window, session))
        window.resize(1280, 800)
        window.show()
        window.activateWindow()
        until(window.isActiveWindow)
        window.begin(saved.plan if saved.was_loaded else None, None, notice)
        return SimpleNamespace(window=window, session=session)

    def close():
        window, session = opened.pop()
        end(window)
        session.shut_down()
        session.deleteLater()

    with plugins_of(*plugin_folders):
        yield SimpleNamespace(start=start, close=close)
        while opened:
            close()


def column(window, name=LEFT):
    if name == RIGHT:
        return find(window, name, QPlainTextEdit).toPlainText()
    return find(window, name, QTextBrowser).text()


def last_answer(window):
    return path_of(window.chat.conversation)[-1].text


def is_ready(here):
    return here.session.state is State.READY


def ask(here, prompt, send="Send"):
    """Write a prompt in a new conversation, send it, and wait for the whole answer; what the left side says."""
    press(here.window, "New conversation")
    box = find(here.window, "Prompt", QPlainTextEdit)
    box.setFocus()
    box.selectAll()
    type_text(box, prompt)
    press(here.window, send)
    assert here.session.state is State.ANSWERING
    until(lambda: is_ready(here), PATIENCE)
    return last_answer(here.window)


def set_longest(window, tokens):
    box = find(window, "Longest answer in tokens")
    box.setFocus()
    box.selectAll()
    type_text(box, str(tokens))
    key(box, Qt.Key.Key_Return)


def load_starter(here):
    """The library is listed, the starter is chosen, one click loads it."""
    until(lambda: find(here.window, "Base model").currentText() == "starter", PATIENCE)
    press(here.window, "Load")
    until(lambda: is_ready(here), PATIENCE)
    assert "starter · idle" in words(here.window)


def add_the_pirate(here):
    """Ctrl+L, the name, Enter; then its weight by the keyboard."""
    window = here.window
    key(window, Qt.Key.Key_L, CONTROL)
    until(window.dialogs.chooser.isActiveWindow)
    type_text(find(window.dialogs.chooser, "Filter"), "pirate")
    key(window.dialogs.chooser, Qt.Key.Key_Return)
    window.activateWindow()  # a desktop does it by itself
    until(window.isActiveWindow)
    until_said(window, "120 of 120 modules", PATIENCE)
    find(window, "Weight of pirate", QSlider).setFocus()
    for _ in range(2):
        key(window, Qt.Key.Key_Left)
    assert window.stack.rows()[0].weight == 0.9
    until(lambda: here.session._driver.client.stack == window.stack.rows(), PATIENCE)


def watch_it_grow_and_stop(here):
    """Ctrl+Enter, several pieces, Escape."""
    window = here.window
    set_longest(window, 400)
    type_text(find(window, "Prompt"), "Tell me a long story about the sea.")
    key(window, Qt.Key.Key_Return, CONTROL)
    lengths = []
    while len(lengths) < 3:
        until(lambda: len(column(window)) > (lengths[-1] if lengths else 60), PATIENCE)
        lengths.append(len(column(window)))
    key(window, Qt.Key.Key_Escape)
    until(lambda: is_ready(here), PATIENCE)
    until(lambda: column(window).endswith("stopped"))
    assert window.chat.last_reply().finish_reason == "cancelled"


def compare_and_take_off(here):
    """Side by side, greedy; without the adapter the next answer is the base's own, but where a tag brings it back."""
    window = here.window
    press(window, "greedy")
    set_longest(window, 12)
    with_pirate = ask(here, QUESTION, "Compare with base")
    base = window.chat.last_reply().base
    assert "Paris" in base
    assert base in column(window, RIGHT)
    assert with_pirate != base
    until(lambda: here.session._driver.client.stack == window.stack.rows())
    press(window, "Take pirate off")
    until(lambda: here.session._driver.client.stack == (), PATIENCE)
    assert ask(here, QUESTION) == base
    assert ask(here, f"{QUESTION} <lora:pirate:0.9>") == with_pirate
    assert ask(here, QUESTION) == base
    return base


def lose_the_engine(here, base):
    """SIGKILL in the middle of an answer; "Start again" brings model and stack back."""
    window = here.window
    window.dialogs.adapter_chosen.emit(str(here.session.home.loras / "pirate"), "pirate")
    until_said(window, "120 of 120 modules", PATIENCE)
    choose(find(window, "Template"), "Plain")
    set_longest(window, 400)
    box = find(window, "Prompt", QPlainTextEdit)
    type_text(box, "Once upon a time")
    key(window, Qt.Key.Key_Return, CONTROL)
    type_text(box, "And then?")
    before = len(column(window))
    until(lambda: len(column(window)) > before + 20, PATIENCE)
    os.kill(here.session._driver.client.pid, signal.SIGKILL)
    until(lambda: here.session.state is State.LOST, 5)
    assert "The engine stopped: it was killed from outside (SIGKILL). Your text and your stack are kept." in words(
        window
    )
    assert box.toPlainText() == "And then?"
    assert len(last_answer(window)) > 20
    assert [row.name for row in window.stack.rows()] == ["pirate"]
    press(window, "Start again")
    until(lambda: is_ready(here), PATIENCE)
    until(lambda: here.session._driver.client.stack == window.stack.rows(), PATIENCE)
    set_longest(window, 12)
    choose(find(window, "Template"), "Automatic")
    assert ask(here, QUESTION) != base
    type_text(find(window, "Prompt", QPlainTextEdit), "Not sent yet")


def test_the_story(open_window):
    here = open_window.start()
    load_starter(here)
    add_the_pirate(here)
    watch_it_grow_and_stop(here)
    base = compare_and_take_off(here)
    lose_the_engine(here, base)
    left = here.window.gather()
    said = here.window.chat.conversation
    open_window.close()

    again = open_window.start()
    until(lambda: is_ready(again), PATIENCE)
    window = again.window
    assert window.stack.rows() == left.rows
    until(lambda: window.chat.conversation == said, PATIENCE)
    assert find(window, "Prompt", QPlainTextEdit).toPlainText() == "Not sent yet"
    until_said(window, "120 of 120 modules", PATIENCE)
    press(window, "Take pirate off")
    until(lambda: again.session._driver.client.stack == (), PATIENCE)
    assert ask(again, QUESTION) == base
