"""Answers: they stream, stop, fail with what came kept, and compare puts the stack back whatever happens."""

from __future__ import annotations

import pytest

from desktop.api import Sampling
from desktop.session.plans import PromptPlan, State
from tests.engine.puppets import row
from tests.session.conftest import PROMPTLY, attached, pid_of
from tests.ui.hands import until

ENDLESS = "for i in range(10**9):\n    time.sleep(0.001)\n    yield Chunk(text='x', tokens=(i,))"
WHO = "yield Chunk(text=','.join(one.id for one in model.loras if one.effective_weight) or 'base', tokens=(1,))"
SLOW_BASE = f"{WHO}\nif not any(one.effective_weight for one in model.loras):\n" + "".join(
    f"    {line}\n" for line in ENDLESS.splitlines()
)
STACK = (row("a", 0.5), row("b", enabled=False))


@pytest.fixture
def stacked(loaded, heard):
    """A puppet with two adapters, one of them off."""
    loaded.set_rows(STACK)
    heard.wait("stack_changed")
    return loaded


def ask(session, code, **more):
    session.answer(PromptPlan(prompt=code, template="plain", **more))
    assert session.state is State.ANSWERING


def text(heard, column=0):
    return "".join(piece for where, piece, _ in heard.of("answer_grew") if where == column)


def test_an_answer_streams(loaded, heard, home):
    ask(
        loaded,
        "yield Chunk(text='one ', tokens=(1,))\n"
        "while not os.path.exists('go'): time.sleep(0.002)\n"
        "yield Chunk(text='two', tokens=(2, 3))\n"
        "return Reply(finish_reason='length', prompt_tokens=5)",
    )
    until(lambda: text(heard) == "one ")
    (home.logs / "go").touch()
    answer = heard.wait("answer_ended")
    assert text(heard) == answer.with_stack.text == "one two"
    assert (answer.with_stack.tokens, answer.with_stack.prompt_tokens) == (3, 5)
    assert answer.with_stack.finish_reason == "length"
    assert (answer.model, answer.template, answer.base) == ("polly", "plain", None)
    assert loaded.state is State.READY


def test_a_quick_model_is_shown_in_batches(loaded, heard):
    ask(loaded, "for i in range(3000): yield Chunk(text='x', tokens=(i,))")
    heard.wait("answer_ended")
    assert text(heard) == "x" * 3000
    assert sum(tokens for _, _, tokens in heard.of("answer_grew")) == 3000
    assert len(heard.of("answer_grew")) < 300


def test_stop_keeps_what_came(loaded, heard):
    ask(loaded, ENDLESS)
    until(lambda: len(text(heard)) > 20)
    loaded.cancel()
    answer = heard.wait("answer_ended", PROMPTLY)
    assert answer.with_stack.text == text(heard)
    assert answer.with_stack.finish_reason == "cancelled"
    ask(loaded, WHO)
    assert heard.wait("answer_ended").with_stack.text == "base"


def test_stop_in_the_first_moment_counts(loaded, heard):
    ask(loaded, ENDLESS)
    loaded.cancel()
    assert heard.wait("answer_ended", PROMPTLY).with_stack.finish_reason == "cancelled"


def test_a_plugin_that_raises_costs_one_answer(loaded, heard):
    ask(loaded, "yield Chunk(text='half', tokens=(1,))\nraise ValueError('ouch')")
    heard.wait("answer_failed")
    problem, answer = heard.of("answer_failed")[-1]
    assert "ouch" in problem.sentence
    assert "Traceback" in problem.detail
    assert answer.with_stack.text == "half"
    ask(loaded, WHO)
    assert heard.wait("answer_ended").with_stack.text == "base"


@pytest.mark.parametrize("rows", [STACK, (row("c"),)], ids=["as it was", "changed meanwhile"])
def test_a_plugin_that_hangs_is_ended_by_stopping_twice(stacked, heard, home, rows):
    pid = pid_of(stacked)
    stacked._patience.setInterval(100)
    ask(stacked, "yield Chunk(text='half', tokens=(1,))\nopen('hangs', 'w').close()\ntime.sleep(600)")
    until(lambda: (home.logs / "hangs").exists())
    if rows is not STACK:
        stacked.set_rows(rows)
        until(lambda: stacked._driver.stack.held.locked())
    stacked.cancel()
    until(lambda: any("Stop again to end the engine" in step for step, _ in heard.of("progressed")))
    assert pid_of(stacked) == pid
    stacked.cancel()
    answer = heard.wait("answer_ended", PROMPTLY)
    assert answer.with_stack.text == "half"
    until(lambda: stacked.state is State.LOST, PROMPTLY)
    stacked.restart()
    heard.wait("stack_changed")
    assert attached(stacked) == [[one.id, one.effective_weight] for one in rows]


def test_compare_answers_with_the_base_too_and_puts_the_stack_back(stacked, heard):
    ask(stacked, WHO, compare=True)
    answer = heard.wait("answer_ended")
    assert (answer.with_stack.text, answer.base.text) == ("a", "base")
    assert (text(heard, 0), text(heard, 1)) == ("a", "base")
    assert attached(stacked) == [["a", 0.5], ["b", 0.0]]
    ask(stacked, WHO)
    assert heard.wait("answer_ended").with_stack.text == "a"


def test_compare_stopped_at_the_base_puts_the_stack_back(stacked, heard):
    ask(stacked, SLOW_BASE, compare=True)
    until(lambda: len(text(heard, 1)) > 20)
    stacked.cancel()
    answer = heard.wait("answer_ended", PROMPTLY)
    assert (answer.with_stack.text, answer.base.finish_reason) == ("a", "cancelled")
    assert attached(stacked) == [["a", 0.5], ["b", 0.0]]


def test_compare_stopped_before_the_base_does_not_ask_it(stacked, heard):
    ask(stacked, ENDLESS, compare=True)
    until(lambda: len(text(heard)) > 20)
    stacked.cancel()
    assert heard.wait("answer_ended", PROMPTLY).base is None
    assert attached(stacked) == [["a", 0.5], ["b", 0.0]]


def test_both_sides_of_a_comparison_have_one_seed(loaded, heard):
    ask(loaded, "yield Chunk(text=str(1), tokens=(1,))", compare=True)
    assert heard.wait("answer_ended").seed is not None
    ask(loaded, WHO, sampling=Sampling(seed=7))
    assert heard.wait("answer_ended").seed == 7
    ask(loaded, WHO, sampling=Sampling(greedy=True))
    assert heard.wait("answer_ended").seed is None


@pytest.mark.parametrize("loader", ["puppet", "live"])
def test_rows_set_while_it_answers_are_there_for_the_next(session, heard, plan, home, loader):
    session.load(plan(loader=loader))
    heard.wait("model_loaded")
    ask(session, f"{WHO}\nwhile not os.path.exists('go'):\n    time.sleep(0.002)\n    yield Chunk()\n{WHO}")
    until(lambda: text(heard) == "base")
    for weight in (0.1, 0.2, 0.3):
        session.set_rows((row("a", weight),))
    if loader == "live":
        until(lambda: attached(session) == [["a", 0.3]])
    (home.logs / "go").touch()
    answer = heard.wait("answer_ended")
    assert answer.with_stack.text == ("basea" if loader == "live" else "basebase")
    until(lambda: attached(session) == [["a", 0.3]])


def test_rows_set_while_it_compares_wait_for_the_end(stacked, heard):
    ask(stacked, SLOW_BASE, compare=True)
    until(lambda: len(text(heard, 1)) > 20)
    stacked.set_rows((row("c"),))
    stacked.cancel()
    answer = heard.wait("answer_ended", PROMPTLY)
    assert set(answer.base.text) <= set("basex"), "the base's answer was not the base's alone"
    until(lambda: attached(stacked) == [["c", 1.0]])


def test_tokens_are_counted(loaded, heard):
    loaded.count_tokens(5, "one two three")
    heard.wait("tokens_counted")
    assert heard.of("tokens_counted") == [(5, 3)]


def test_a_prompt_that_is_too_long_for_the_engine_is_refused_in_words(loaded, heard):
    ask(loaded, "#" * 70_000_000)
    heard.wait("answer_failed")
    assert "Shorten it" in heard.of("answer_failed")[-1][0].sentence
    assert loaded.state is State.READY


def test_a_template_the_model_has_not_is_refused_in_words(loaded, heard):
    loaded.answer(PromptPlan(prompt="x", template="model"))
    heard.wait("answer_failed")
    assert "This model brings no chat template of its own." in heard.of("answer_failed")[-1][0].sentence


def test_a_bug_of_our_own_ends_the_answer_too(loaded, heard, monkeypatch):
    monkeypatch.setattr("desktop.session.driver.dress_plan", lambda *_: 1 / 0)
    loaded.answer(PromptPlan(prompt="x"))
    heard.wait("answer_failed")
    problem = heard.of("answer_failed")[-1][0]
    assert "Something went wrong inside the program: ZeroDivisionError" in problem.sentence
    assert loaded.state is State.READY


def test_files_that_changed_are_told(loaded, heard, model):
    model.write_bytes(b"other feathers")
    ask(loaded, WHO)
    heard.wait("answer_ended")
    ((words,),) = heard.of("files_changed")
    assert words == "polly.safetensors was changed after it was loaded. Load the model again before you trust it."


def test_files_that_are_gone_are_told(loaded, heard, model):
    model.unlink()
    ask(loaded, WHO)
    assert heard.wait("answer_ended").with_stack.text == "base"
    ((words,),) = heard.of("files_changed")
    assert words.startswith("polly.safetensors is no longer where it was loaded from.")
