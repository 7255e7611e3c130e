"""Changes of the stack wait for the next answer, where the user wants it so."""

from __future__ import annotations

import pytest

from tests.engine.puppets import row
from tests.session.conftest import PROMPTLY, attached
from tests.session.test_session_answering import ENDLESS, WHO, ask, text
from tests.session.test_session_tags import HALTS, WHAT
from tests.ui.hands import until

WAITS = "Answering. The changed stack waits for the next answer."


@pytest.fixture
def live(session, heard, plan):
    """A puppet that takes changes while it answers, with one adapter; the session lets them wait."""
    session.load(plan(loader="live"))
    heard.wait("model_loaded")
    session.set_rows((row("a", 0.5),))
    heard.wait("stack_changed")
    session.let_changes_wait(True)
    return session


def said(heard):
    return [step for step, _ in heard.of("progressed")]


def test_a_change_waits_for_the_end_and_acts_on_the_next_answer(live, heard, home):
    ask(live, HALTS)
    until(lambda: text(heard) == "a 0.5")
    live.set_rows((row("a", 0.7), row("b")))
    live.set_rows((row("a", 0.9),))
    assert said(heard)[-1] == WAITS
    (home.logs / "go").touch()
    answer = heard.wait("answer_ended")
    assert (answer.with_stack.text, answer.with_stack.segments) == ("a 0.5a 0.5", ())
    assert [one.weight for one in answer.stack] == [0.5]
    until(lambda: heard.of("stack_changed")[-1][0].rows == (row("a", 0.9),))
    assert attached(live) == [["a", 0.9]]
    ask(live, WHAT)
    assert heard.wait("answer_ended").with_stack.text == "a 0.9"


def test_a_change_just_after_sending_waits_and_one_just_before_acts(live, heard):
    live.set_rows((row("a", 0.6),))
    ask(live, WHAT)
    live.set_rows((row("a", 0.7),))
    answer = heard.wait("answer_ended")
    assert (answer.with_stack.text, answer.stack[0].weight) == ("a 0.6", 0.6)
    until(lambda: attached(live) == [["a", 0.7]])


def test_without_an_answer_nothing_waits(live, heard):
    live.set_rows((row("b"),))
    heard.wait("stack_changed")
    assert attached(live) == [["b", 1.0]]


def test_a_change_taken_back_is_no_change(live, heard):
    ask(live, ENDLESS)
    until(lambda: text(heard))
    live.set_rows(())
    live.set_rows((row("a", 0.5),))
    assert said(heard)[-2:] == [WAITS, "Answering"]
    reports = len(heard.of("stack_changed"))
    live.cancel()
    heard.wait("answer_ended", PROMPTLY)
    ask(live, WHAT)
    assert heard.wait("answer_ended").with_stack.text == "a 0.5"
    assert len(heard.of("stack_changed")) == reports


def test_another_choice_makes_what_waits_act_at_once(live, heard):
    ask(live, ENDLESS)
    until(lambda: text(heard))
    live.set_rows((row("b"),))
    live.let_changes_wait(False)
    until(lambda: attached(live) == [["b", 1.0]])
    assert said(heard)[-1] == "Answering"
    live.cancel()
    assert len(heard.wait("answer_ended", PROMPTLY).stack) == 1


def test_after_an_answer_that_failed_a_change_is_made_too(live, heard, home):
    ask(live, f"{HALTS}\nraise ValueError('ouch')")
    until(lambda: text(heard))
    live.set_rows((row("b"),))
    (home.logs / "go").touch()
    heard.wait("answer_failed")
    until(lambda: attached(live) == [["b", 1.0]])


def test_both_sides_of_a_comparison_have_the_stack_it_began_with(live, heard, home):
    ask(live, HALTS.replace(WHAT, WHO), compare=True)
    until(lambda: text(heard))
    live.set_rows((row("b"),))
    (home.logs / "go").touch()
    answer = heard.wait("answer_ended")
    assert (answer.with_stack.text, answer.base.text) == ("aa", "basebase")
    until(lambda: attached(live) == [["b", 1.0]])
