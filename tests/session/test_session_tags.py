"""Tags in a prompt: they act for one message, and however it ends the stack is what it was."""

from __future__ import annotations

import pytest

from desktop.session.plans import State
from tests.engine.puppets import row
from tests.session.conftest import PROMPTLY, attached, kill
from tests.session.test_session_answering import ENDLESS, ask, text
from tests.ui.hands import until

NAMED = "f'{one.name} {one.effective_weight:g}' for one in model.loras"
WHAT = f"yield Chunk(text='+'.join({NAMED}) or 'base', tokens=(1,))"
HALTS = f"{WHAT}\nwhile not os.path.exists('go'):\n    time.sleep(0.002)\n    yield Chunk()\n{WHAT}"
MISFIT = "before: raise LoaderError('It does not fit.')"
STACK = [["a", 0.5], ["b", 0.0]]


@pytest.fixture
def library(home):
    """Adapters a tag can name; a puppet never opens them."""
    for name in ("style", "pirate", MISFIT):
        (home.loras / name).mkdir(parents=True)


@pytest.fixture
def open_stacked(session, heard, plan, library):
    """Call it with a loader: a puppet with two adapters, one of them off."""

    def open_with(loader="puppet"):
        session.load(plan(loader=loader))
        heard.wait("model_loaded")
        session.set_rows((row("a", 0.5), row("b", enabled=False)))
        heard.wait("stack_changed")
        return session

    return open_with


@pytest.fixture
def stacked(open_stacked):
    return open_stacked()


def answer_to(session, heard, code, **more):
    ask(session, code, **more)
    return heard.wait("answer_ended")


def test_a_tag_brings_an_adapter_for_one_message(stacked, heard):
    answer = answer_to(stacked, heard, f"<lora:style:-0.8>\n{WHAT}")
    assert answer.with_stack.text == "a 0.5+b 0+style -0.8"
    assert [(one.name, one.effective_weight) for one in answer.stack] == [("a", 0.5), ("b", 0.0), ("style", -0.8)]
    assert answer.plan.prompt.startswith("<lora:style:-0.8>"), "what is answered again must bring it again"
    assert attached(stacked) == STACK
    assert answer_to(stacked, heard, WHAT).with_stack.text == "a 0.5+b 0"


def test_a_tag_gives_a_row_another_weight_for_one_message(stacked, heard):
    assert answer_to(stacked, heard, f"<lora:b:2> <lora:a:0>\n{WHAT}").with_stack.text == "a 0+b 2"
    assert attached(stacked) == STACK


def test_the_starters_adapter_is_there_for_whoever_names_it(loaded, heard, home):
    assert answer_to(loaded, heard, f"<lora:pirate:0.5>\n{WHAT}").with_stack.text == "pirate 0.5"
    assert (home.loras / "pirate" / "adapter_config.json").is_file()


def test_nothing_is_asked_of_the_engine_for_a_name_nobody_knows(stacked, heard):
    ask(stacked, f"<lora:stile:1>\n{WHAT}")
    heard.wait("answer_failed")
    problem, answer = heard.of("answer_failed")[-1]
    assert problem.sentence.startswith("There is no adapter 'stile'.")
    assert "Close names: 'style'" in problem.sentence
    assert (answer.with_stack.text, heard.of("answer_grew"), stacked.state) == ("", [], State.READY)


def test_an_adapter_that_does_not_fit_costs_one_answer(stacked, heard):
    ask(stacked, f"<lora:style> <lora:{MISFIT}>\n{WHAT}")
    heard.wait("answer_failed")
    assert heard.of("answer_failed")[-1][0].sentence == "It does not fit."
    assert heard.of("answer_grew") == []
    assert attached(stacked) == STACK
    assert answer_to(stacked, heard, WHAT).with_stack.text == "a 0.5+b 0"


def test_a_row_that_was_refused_is_not_in_the_record_and_is_not_tried_again(stacked, heard):
    stacked.set_rows((row("a", 0.5), row("bad", code=MISFIT)))
    assert "bad" in heard.wait("stack_changed").problems
    reports = len(heard.of("stack_changed"))
    answer = answer_to(stacked, heard, f"<lora:style>\n{WHAT}")
    assert [one.name for one in answer.stack] == ["a", "style"]
    assert attached(stacked) == [["a", 0.5]]
    assert len(heard.of("stack_changed")) == reports


def test_a_stopped_answer_leaves_the_stack_as_it_was(stacked, heard):
    ask(stacked, f"<lora:style>\n{ENDLESS}")
    until(lambda: len(text(heard)) > 20)
    stacked.cancel()
    assert heard.wait("answer_ended", PROMPTLY).with_stack.finish_reason == "cancelled"
    assert attached(stacked) == STACK


def test_a_failed_answer_leaves_the_stack_as_it_was(stacked, heard):
    ask(stacked, f"<lora:style>\n{WHAT}\nraise ValueError('ouch')")
    heard.wait("answer_failed")
    assert [one.name for one in heard.of("answer_failed")[-1][1].stack] == ["a", "b", "style"]
    assert attached(stacked) == STACK


def test_a_lost_engine_comes_back_without_what_the_message_brought(stacked, heard):
    ask(stacked, f"<lora:style>\n{ENDLESS}")
    until(lambda: len(text(heard)) > 20)
    kill(stacked)
    until(lambda: stacked.state is State.LOST, PROMPTLY)
    stacked.restart()
    heard.wait("stack_changed")
    assert attached(stacked) == STACK
    assert answer_to(stacked, heard, WHAT).with_stack.text == "a 0.5+b 0"


def test_compare_has_the_message_s_stack_on_one_side_and_the_bare_base_on_the_other(stacked, heard):
    answer = answer_to(stacked, heard, f"<lora:style:0.8>\n{WHAT}", compare=True)
    assert answer.with_stack.text == "a 0.5+b 0+style 0.8"
    assert answer.base.text == "a 0+b 0+style 0"
    assert attached(stacked) == STACK


@pytest.mark.parametrize(("loader", "seen"), [("live", "a 1+style 0.8"), ("puppet", "a 0.5+b 0+style 0.8")])
def test_a_change_meanwhile_keeps_what_the_message_brought(open_stacked, heard, home, loader, seen):
    session = open_stacked(loader)
    ask(session, f"<lora:style:0.8>\n{HALTS}")
    until(lambda: text(heard) == "a 0.5+b 0+style 0.8")
    session.set_rows((row("a"),))
    if loader == "live":
        until(lambda: len(attached(session)) == 2)
    (home.logs / "go").touch()
    assert heard.wait("answer_ended").with_stack.text == f"a 0.5+b 0+style 0.8{seen}"
    until(lambda: attached(session) == [["a", 1.0]])
