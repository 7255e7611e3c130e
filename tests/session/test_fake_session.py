"""The session of the window's tests has the very signals and verbs of the real one."""

from __future__ import annotations

import inspect

import pytest
from PySide6.QtCore import QObject, Signal

from desktop.session.conversation_keeper import ConversationKeeper
from desktop.session.prompt_keeper import PromptKeeper
from desktop.session.recipe_keeper import RecipeKeeper
from desktop.session.session import Session
from tests.ui.fake_session import (
    CONVERSATION_VERBS,
    PROMPT_VERBS,
    RECIPE_VERBS,
    VERBS,
    FakeConversations,
    FakePrompts,
    FakeRecipes,
    FakeSession,
)


def signals(kind):
    return {name: str(signal) for name, signal in vars(kind).items() if isinstance(signal, Signal)}


def verbs(kind):
    own = {name for name, what in vars(kind).items() if inspect.isfunction(what) and not name.startswith("_")}
    return own - {name for name, _ in inspect.getmembers(QObject)}


@pytest.mark.parametrize(
    ("kind", "fake"),
    [
        (Session, FakeSession),
        (RecipeKeeper, FakeRecipes),
        (PromptKeeper, FakePrompts),
        (ConversationKeeper, FakeConversations),
    ],
)
def test_the_signals_are_the_same(kind, fake):
    real = {name: text.partition("(")[2] for name, text in signals(kind).items()}
    assert {name: text.partition("(")[2] for name, text in signals(fake).items()} == real


def test_the_verbs_are_the_same():
    assert set(VERBS) == verbs(Session)
    assert set(RECIPE_VERBS) == verbs(RecipeKeeper)
    assert set(PROMPT_VERBS) == verbs(PromptKeeper)
    assert set(CONVERSATION_VERBS) == verbs(ConversationKeeper)


def test_what_the_window_reads_is_there(application, tmp_path):
    fake = FakeSession(tmp_path)
    for name in ("home", "settings", "state", "loaded", "recipes", "prompts", "conversations"):
        assert hasattr(fake, name)
        assert f"self.{name}" in inspect.getsource(Session.__init__)
