"""The middle before the first answer: what to do next, and hints that stay away once dismissed."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton

from desktop.session.plans import State
from desktop.session.saved import Saved
from desktop.starter.install import MODEL
from tests.ui import gallery
from tests.ui.hands import find, press, sees, words

STARTER = "Get the starter model and its adapter"
HINT = "Tick an adapter on the left, move its weight, and the next answer changes."


@pytest.fixture
def first(window, session):
    """The library was listed, and is empty."""
    gallery.library(session, empty=True)
    return window


def test_the_first_run_has_one_button(first, session):
    assert "Welcome to LoRA Deck" in words(first)
    assert next(one for one in first.findChildren(QPushButton) if one.text() == STARTER).isDefault()
    press(first, STARTER)
    assert session.last("get_starter") == ()
    session.become(State.LOADING)
    session.progressed.emit("Downloading SmolLM2-135M-Instruct", 0.2)
    assert "Getting ready" in words(first)
    assert "Downloading SmolLM2-135M-Instruct" in words(first)


def test_before_the_library_is_read_nothing_is_claimed(make_window):
    assert not sees(make_window(), STARTER)


def test_with_models_it_says_to_choose_one(window, session):
    gallery.library(session)
    assert "Choose a model" in words(window)
    assert not sees(window, STARTER)


def test_with_a_model_loaded_it_says_to_write(ready):
    assert "SmolLM2-135M is ready" in words(ready)
    assert "Write a prompt below, and send it with Ctrl+Enter." in words(ready)


def test_the_starter_is_chosen_and_its_adapter_put_on_once(first, session):
    path, adapter = "/library/models/starter", "/library/loras/pirate"
    for _ in range(2):
        session.starter_ready.emit(path, adapter)
    assert first.base.plan().path == path
    assert [row.path for row in first.stack.rows()] == [adapter]


def test_the_starter_is_fetched_where_it_is_named_and_missing(make_window, session, tmp_path):
    window = make_window()
    from desktop.session.plans import LoadPlan

    plan = LoadPlan(name=MODEL, path=str(tmp_path / "models" / "starter"), device="cpu")
    window.begin(plan, None)
    assert session.last("get_starter") == (plan,)


def test_a_hint_is_dismissed_and_remembered(first, session, make_window):
    assert HINT in words(first)
    (name,) = [one for one in names_of_hints(first) if HINT in one]
    press(first, name)
    assert HINT not in words(first)
    assert session.last("touch") == ()
    kept = first.gather().hints_dismissed
    again = make_window(Saved(theme="light", hints_dismissed=kept))
    again.begin(None, None)
    gallery.library(session, empty=True)
    assert HINT not in words(again)
    assert "Drop a LoRA's folder anywhere" in words(again)
    assert sees(first, STARTER)


def names_of_hints(window):
    return [one.accessibleName() for one in window.findChildren(QPushButton) if one.text() == "Got it"]


def test_the_keyboard_is_in_the_prompt_once_a_model_is_loaded(ready):
    assert find(ready, "Prompt").hasFocus()
