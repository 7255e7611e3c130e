"""The session of the window's tests has the very signals and verbs of the real one."""

from __future__ import annotations

import inspect

import pytest
from PySide6.QtCore import QObject, Signal

from desktop.session.conversation_keeper import ConversationKeeper
from desktop.session.prompt_keeper import PromptKeeper
from desktop.session.quantize_keeper import QuantizeKeeper
from desktop.session.recipe_keeper import RecipeKeeper
from desktop.session.run_keeper import RunKeeper
from desktop.session.session import Session
from desktop.session.train_keeper import TrainKeeper
from tests.ui.fake_session import (
    CONVERSATION_VERBS,
    PROMPT_VERBS,
    QUANTIZE_VERBS,
    RECIPE_VERBS,
    RUN_VERBS,
    TRAINING_VERBS,
    VERBS,
    FakeConversations,
    FakePrompts,
    FakeQuantizing,
    FakeRecipes,
    FakeRuns,
    FakeSession,
    FakeTraining,
)


def signals(kind):
    return {
        name: str(signal)
        for name, signal in vars(kind).items()
        if isinstance(signal, Signal) and not name.startswith("_")
    }


def verbs(kind):
    own = {name for name, what in vars(kind).items() if inspect.isfunction(what) and not name.startswith("_")}
    return own - {name for name, _ in inspect.getmembers(QObject)}


@pytest.mark.parametrize(
    ("kind", "fake"),
    [
        (Session, FakeSession),
        (RecipeKeeper, FakeRecipes),
        (PromptKeeper, FakePrompts),
        (TrainKeeper, FakeTraining),
        (RunKeeper, FakeRuns),
        (QuantizeKeeper, FakeQuantizing),
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
    assert set(TRAINING_VERBS) == verbs(TrainKeeper)
    assert set(RUN_VERBS) == verbs(RunKeeper)
    assert set(QUANTIZE_VERBS) == verbs(QuantizeKeeper)
    assert set(CONVERSATION_VERBS) == verbs(ConversationKeeper)


def test_what_the_window_reads_is_there(application, tmp_path):
    fake = FakeSession(tmp_path)
    for name in (
        "home", "settings", "state", "loaded", "recipes", "library", "prompts", "conversations", "training",
        "runs", "measuring", "quantizing",
    ):  # fmt: skip
        assert hasattr(fake, name)
        assert f"self.{name}" in inspect.getsource(Session.__init__)
