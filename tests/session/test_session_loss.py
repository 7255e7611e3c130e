"""The engine is killed: told in words within two seconds, text and rows kept, and a restart brings all back."""

from __future__ import annotations

import pytest

from desktop.session.plans import PromptPlan, State
from tests.engine.puppets import row
from tests.session.conftest import PROMPTLY, attached, kill
from tests.session.test_session_answering import ENDLESS, SLOW_BASE, ask, text
from tests.ui.hands import until

ROWS = (row("a", 0.5), row("b", -1.0))
KILLED = "The engine stopped: it was killed from outside (SIGKILL). Your text and your stack are kept."


@pytest.fixture
def stacked(loaded, heard):
    """A puppet with two adapters."""
    loaded.set_rows(ROWS)
    heard.wait("stack_changed")
    return loaded


def is_told(session, heard):
    """The loss was told in words, in time; a restart brings model and stack back, and it answers."""
    until(lambda: heard.of("engine_lost"), PROMPTLY)
    (problem,) = heard.of("engine_lost")[-1]
    assert problem.sentence == KILLED
    assert problem.can_retry
    until(lambda: session.state is State.LOST, PROMPTLY)
    assert session.loaded is not None
    session.restart()
    heard.wait("stack_changed")
    assert attached(session) == [["a", 0.5], ["b", -1.0]]
    ask(session, "yield Chunk(text='again', tokens=(1,))")
    assert heard.wait("answer_ended").with_stack.text == "again"


def test_killed_while_idle(stacked, heard):
    kill(stacked)
    is_told(stacked, heard)


def test_killed_while_answering(stacked, heard):
    ask(stacked, ENDLESS)
    until(lambda: len(text(heard)) > 20)
    kill(stacked)
    until(lambda: heard.of("answer_failed"), PROMPTLY)
    problem, answer = heard.of("answer_failed")[-1]
    assert problem.sentence == KILLED
    assert answer.with_stack.text == text(heard)
    assert answer.plan.prompt == ENDLESS
    is_told(stacked, heard)


def test_killed_while_comparing(stacked, heard):
    ask(stacked, SLOW_BASE, compare=True)
    until(lambda: len(text(heard, 1)) > 20)
    kill(stacked)
    until(lambda: heard.of("answer_failed"), PROMPTLY)
    assert heard.of("answer_failed")[-1][1].with_stack.text == "a,b"
    is_told(stacked, heard)


def test_killed_while_attaching(stacked, heard, home):
    hangs = "before: open('hangs', 'w').close(); os.path.exists('once') or (open('once', 'w').close(), time.sleep(600))"
    stacked.set_rows((*ROWS, row("c", code=hangs)))
    until(lambda: (home.logs / "hangs").exists())
    kill(stacked)
    until(lambda: heard.of("engine_lost"), PROMPTLY)
    assert heard.of("engine_lost")[-1][0].sentence == KILLED
    stacked.restart()
    until(lambda: attached(stacked) == [["a", 0.5], ["b", -1.0], ["c", 1.0]])


def test_killed_while_attaching_and_answering(stacked, heard, home):
    ask(stacked, ENDLESS)
    stacked.set_rows((*ROWS, row("c")))
    until(lambda: len(text(heard)) > 20)
    kill(stacked)
    until(lambda: heard.of("engine_lost"), PROMPTLY)
    until(lambda: stacked.state is State.LOST, PROMPTLY)
    assert len(heard.of("answer_failed")) == 1


def test_a_plugin_that_ends_the_process(stacked, heard):
    ask(stacked, "yield Chunk(text='half', tokens=(1,))\nprint('no more wires')\nos._exit(7)")
    until(lambda: heard.of("engine_lost"))
    words = heard.of("engine_lost")[-1][0].sentence
    assert "it ended with status 7 after saying: no more wires" in words
    assert heard.of("answer_failed")[-1][1].with_stack.text == "half"


def test_killed_at_once_after_sending_ends_the_answer(stacked, heard):
    kill(stacked)
    stacked.answer(PromptPlan(prompt=ENDLESS, template="plain"))
    until(lambda: heard.of("answer_failed") or heard.of("answer_ended"), PROMPTLY)
    until(lambda: stacked.state is State.LOST, PROMPTLY)


def test_unloading_after_a_loss(stacked, heard):
    kill(stacked)
    until(lambda: stacked.state is State.LOST, PROMPTLY)
    stacked.unload()
    heard.wait("model_unloaded")
    assert stacked.state is State.EMPTY


def test_losing_it_twice(stacked, heard):
    for _ in range(2):
        kill(stacked)
        until(lambda: stacked.state is State.LOST, PROMPTLY)
        stacked.restart()
        until(lambda: stacked.state is State.READY)
    assert len(heard.of("engine_lost")) == 2
