"""AutoGPTQ and GPTQModel, each chosen in the settings form of the window and run in its own interpreter.

Makes their interpreters at the first run and keeps them: `pytest -m long`.
"""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QSlider

from desktop.api import LoadRequest, QuantizeRequest
from desktop.library.conversation import path_of
from desktop.library.home import Home
from desktop.library.settings import read_settings_file
from desktop.session.plans import State
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.starter.install import ADAPTERS, install_adapter
from desktop.ui.main_window import MainWindow
from tests.acceptance.conftest import plugin_folders, starter_folder  # noqa: F401 - fixtures
from tests.contract.opening import PATIENCE, engine_of, plugins_of
from tests.contract.own_interpreters import give_interpreter
from tests.ui.conftest import end
from tests.ui.hands import CONTROL, choose, click, find, key, press, type_text, until, until_said, words
from tests.ui.test_story import is_ready, last_answer, set_longest

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

QUESTION = "What is the capital of France?"
SLOW = 5 * PATIENCE
"""Seconds in which another program's kernels answer on the CPU; one of them is compiled at its first pass."""


@pytest.fixture(scope="session")
def quantised_starter(starter_folder, plugin_folders, tmp_path_factory):  # noqa: F811
    """The starter in 4 bits, groups of 32, in act-order, as the program's own command makes it."""
    folder = tmp_path_factory.mktemp("quantised") / "starter-4bit"
    with plugins_of(*plugin_folders), engine_of("transformers", Home(folder.parent / "home")) as engine:
        assert engine.load(LoadRequest(path=str(starter_folder))).result(PATIENCE) is not None
        request = QuantizeRequest(folder=str(folder), group_size=32, act_order=True, search=False, samples=8)
        engine.quantize(request).result(PATIENCE)
    return folder


@pytest.fixture(params=["auto_gptq", "gptqmodel"])
def here(request, application, quantised_starter, plugin_folders, tmp_path):  # noqa: F811
    """The window over a home with the checkpoint, two adapters, and the interpreter with one of the engines."""
    home = Home(tmp_path / "home")
    home.models.mkdir(parents=True)
    (home.models / "starter-4bit").symlink_to(quantised_starter, target_is_directory=True)
    for name in ADAPTERS:
        install_adapter(home.loras, name)
    with plugins_of(*plugin_folders):
        python = give_interpreter(home, request.param)
        session = Session(home, read_settings_file(home.settings_file))
        window = MainWindow(session, Saved(theme="light"))
        window.resize(1280, 1000)
        window.show()
        window.activateWindow()
        until(window.isActiveWindow)
        window.begin(None, None)
        yield SimpleNamespace(window=window, session=session, engine=request.param, python=python)
        end(window)
        session.shut_down()
        session.deleteLater()


def load_with_the_engine(here):
    """The library is listed, the loaders have judged; Settings, the engine, Load."""
    window = here.window
    until(lambda: find(window, "Base model").currentText() == "starter-4bit", PATIENCE)
    until(lambda: find(window, "Loader", QComboBox).currentText() == "Automatic: AutoGPTQ", PATIENCE)
    assert "AutoGPTQ opens it: it is made for this format. GPTQ-for-LLaMa could open it too." in words(window)
    press(window, "Settings")
    choose(find(window, "engine", QComboBox), here.engine)
    press(window, "Load")
    until(lambda: is_ready(here), SLOW)
    title = {"auto_gptq": "AutoGPTQ", "gptqmodel": "GPTQModel"}[here.engine]
    until_said(window, f"Computed by {title} (")


def add(here, name, steps):
    """Ctrl+L, the name, Enter; then its weight by so many steps of the keyboard."""
    window = here.window
    window.activateWindow()
    until(window.isActiveWindow)
    key(window, Qt.Key.Key_L, CONTROL)
    until(window.dialogs.chooser.isActiveWindow)
    type_text(find(window.dialogs.chooser, "Filter"), name)
    key(window.dialogs.chooser, Qt.Key.Key_Return)
    window.activateWindow()  # a desktop does it by itself
    until(window.isActiveWindow)
    until(lambda: name in [row.name for row in window.stack.rows()])
    find(window, f"Weight of {name}", QSlider).setFocus()
    for _ in range(steps):
        key(window, Qt.Key.Key_Left)
    settle(here)


def settle(here):
    """Wait until the engine has the stack that the window shows."""
    until(lambda: here.session._driver.client.stack == here.window.stack.rows(), SLOW)


def tick(here, name):
    """Click the tick box of an adapter."""
    click(find(here.window, f"{name} acts"))
    settle(here)


def ask(here):
    """The greedy answer to the question in a conversation of its own."""
    window = here.window
    if path_of(window.chat.conversation):
        press(window, "New conversation")
    type_text(find(window, "Prompt", QPlainTextEdit), QUESTION)
    press(window, "Send")
    assert here.session.state is State.ANSWERING
    until(lambda: is_ready(here), SLOW)
    return last_answer(window)


def test_two_weighted_adapters_answer_through_the_window(here):
    window = here.window
    load_with_the_engine(here)
    press(window, "greedy")
    set_longest(window, 12)
    base = ask(here)
    assert "Paris" in base
    add(here, "pirate", 2)
    add(here, "telegram", 6)
    assert [(row.name, row.weight) for row in window.stack.rows()] == [("pirate", 0.9), ("telegram", 0.7)]
    assert words(window).count("120 of 120 modules") + words(window).count("210 of 210 modules") == 2
    both = ask(here)
    assert both
    assert both != base
    tick(here, "pirate")
    assert ask(here) != both
    tick(here, "telegram")
    assert ask(here) == base
    tick(here, "telegram")
    tick(here, "pirate")
    assert ask(here) == both
    assert psutil.Process(here.session._driver.client.pid).cmdline()[0] == here.python
