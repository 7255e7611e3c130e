"""The window with the real session: a reply is asked for, the stack is changed, and the reply is made again."""

from __future__ import annotations

import pytest

from desktop.api import Lora
from desktop.session.saved import Saved
from desktop.ui import theme
from desktop.ui.main_window import MainWindow
from tests.library.making import make_adapter, write_safetensors
from tests.session.conftest import note
from tests.ui.conftest import end
from tests.ui.hands import until

WEIGHTS = "yield Chunk(text='x', tokens=tuple(round(one.weight * 10) for one in model.loras) or (0,))"
OTHER = "yield Chunk(text='x', tokens=(1, time.perf_counter_ns()))"


@pytest.fixture
def model(tmp_path):
    """A whole file of weights."""
    return write_safetensors(tmp_path / "models" / "polly.safetensors", {"w": ("F32", (2, 2))})


@pytest.fixture
def here(loaded, heard, home):
    """A window with a puppet and the adapter pirate."""
    window = MainWindow(loaded, Saved(theme="light", template="plain"))
    row = Lora(id="ad_1", name="pirate", path=str(make_adapter(home.loras / "pirate")), weight=0.5)
    window._show_stack((row,))
    heard.wait("stack_changed")
    yield note(window=window, session=loaded, heard=heard, row=row)
    end(window)
    theme.use_theme("system")


def ask(here, code):
    here.window.conversations.begin_new()
    here.window.place.box.show_text(code)
    here.window.chat.send()
    return here.heard.wait("answer_ended")


def reproduce(here, answer):
    there = len(here.heard.of("answer_ended"))
    here.window.place.reply_menu.reproduce_requested.emit(answer.id)
    until(lambda: len(here.heard.of("answer_ended")) > there)
    return here.heard.of("answer_ended")[-1][0], here.window.chat.last_reply().note


def test_the_stack_is_there_before_the_answer_begins(here):
    first = ask(here, WEIGHTS)
    assert first.with_stack.token_ids == (5,)
    here.window._show_stack(())
    here.heard.wait("stack_changed")
    assert ask(here, WEIGHTS).with_stack.token_ids == (0,)
    again, said = reproduce(here, first)
    assert again.with_stack.token_ids == (5,)
    assert said == "Reproduced: the same 1 token."
    assert [(row.path, row.weight) for row in here.window.stack.rows()] == [(here.row.path, 0.5)]


def test_other_tokens_are_told(here):
    first = ask(here, OTHER)
    _, said = reproduce(here, first)
    assert said.startswith("Not reproduced: token 2 of 2 differs")
    assert "those before it are the same" in said
