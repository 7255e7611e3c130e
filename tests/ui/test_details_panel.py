"""The details: template, sampling, and that what is shown is what is asked."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox

from desktop.api import Sampling
from desktop.session.plans import PromptPlan, State
from desktop.session.saved import Saved
from tests.ui import gallery
from tests.ui.hands import choose, find, key, press, sees, type_text, words


@pytest.fixture
def sent(ready, session):
    """Call it: what would be asked now."""

    def send():
        type_text(find(ready, "Prompt"), "Ahoy?")
        press(ready, "Send")
        plan = session.last("answer")[0]
        session.answer_ended.emit(gallery.answer(plan.prompt, "Aye."))
        return plan

    session.become(State.READY, msgspec.structs.replace(gallery.loaded(), sampling=()))
    return send


def set_number(window, name, text):
    box = find(window, name)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)
    key(box, Qt.Key.Key_Return)


def test_untouched_it_asks_for_the_defaults(sent):
    assert sent() == PromptPlan(prompt="Ahoy?")


def test_every_value_ends_up_in_the_plan(ready, sent):
    choose(find(ready, "Template", QComboBox), "The model's own")
    type_text(find(ready, "System message"), "You are a pirate.")
    press(ready, "greedy")
    set_number(ready, "temperature", "1.25")
    set_number(ready, "top k", "7")
    set_number(ready, "Longest answer in tokens", "99")
    type_text(find(ready, "seed"), "42")
    type_text(find(ready, "Stop texts"), "###|\\n\\n")
    assert sent() == PromptPlan(
        prompt="Ahoy?",
        template="model",
        system="You are a pirate.",
        sampling=Sampling(greedy=True, temperature=1.25, top_k=7, seed=42),
        max_new_tokens=99,
        stop=("###", "\n\n"),
    )


def test_the_input_appears_where_the_template_has_a_place_for_it(ready, sent):
    assert not sees(ready, "Input")
    choose(find(ready, "Template", QComboBox), "Alpaca")
    assert not sees(ready, "System message")
    type_text(find(ready, "Input"), "some data")
    assert sent().input == "some data"


def test_an_input_without_a_place_is_not_sent_but_kept(ready, sent):
    choose(find(ready, "Template", QComboBox), "Alpaca")
    type_text(find(ready, "Input"), "some data")
    choose(find(ready, "Template", QComboBox), "Plain")
    assert sent().input == ""
    choose(find(ready, "Template", QComboBox), "Alpaca")
    assert sent().input == "some data"


def test_with_the_panel_folded_the_values_still_count(ready, sent):
    type_text(find(ready, "System message"), "You are a pirate.")
    ready.menus.details.trigger()
    assert not sees(ready, "System message")
    assert sent().system == "You are a pirate."


def test_a_template_says_what_it_is(ready):
    choose(find(ready, "Template", QComboBox), "Alpaca")
    assert "as Alpaca adapters were trained" in words(ready)


def test_a_model_without_a_template_greys_its_own(ready, session):
    info = msgspec.structs.replace(gallery.loaded().info, has_template=False)
    session.become(State.READY, msgspec.structs.replace(gallery.loaded(), info=info))
    with pytest.raises(AssertionError, match="can't be reached"):
        choose(find(ready, "Template", QComboBox), "The model's own")


def test_what_the_loader_has_not_is_greyed_with_the_reason(ready):
    box = find(ready, "top p")
    assert not box.isEnabled()
    assert box.toolTip() == "The loader has no such setting."
    assert find(ready, "temperature").isEnabled()


def test_a_changed_setting_is_marked_and_set_back(ready, sent):
    assert not sees(ready, "Set temperature back")
    set_number(ready, "temperature", "1.5")
    assert find(ready, "Set temperature back").toolTip() == "Set temperature back to 0.7"
    press(ready, "Set temperature back")
    assert not sees(ready, "Set temperature back")
    assert sent().sampling == Sampling()


def test_the_seed_takes_whole_numbers_alone(ready, sent):
    seed = find(ready, "seed", QLineEdit)
    type_text(seed, "-12x3" + "9" * 30)
    assert sent().sampling.seed == int("-123" + "9" * 15)
    seed.selectAll()
    QTest.keyClicks(seed, "-")
    assert sent().sampling.seed is None


def test_numbers_stay_within_their_bounds(ready, sent):
    set_number(ready, "temperature", "0")
    assert sent().sampling.temperature == 0.01
    set_number(ready, "temperature", "99")
    assert sent().sampling.temperature <= 10


def test_everything_comes_back(make_window):
    saved = Saved(
        theme="light",
        input="data",
        system="You are a pirate.",
        template="alpaca",
        sampling=Sampling(top_p=0.5, seed=-3),
        max_new_tokens=7,
        stop=("a|b", "\n", "\\n", "c:\\d", "\\"),
    )
    window = make_window(saved)
    again = window.gather()
    assert (again.template, again.input, again.sampling, again.max_new_tokens) == (
        "alpaca", "data", saved.sampling, 7,
    )  # fmt: skip
    assert again.system == saved.system, "a text whose place is hidden was forgotten"
    assert again.stop == saved.stop


def test_more_tokens_than_can_be_asked_for_are_the_most_that_can(make_window):
    window = make_window(Saved(theme="light", max_new_tokens=2**40, sampling=Sampling(top_k=2**40)))
    assert find(window, "Longest answer in tokens", QSpinBox).value() == 1_000_000
