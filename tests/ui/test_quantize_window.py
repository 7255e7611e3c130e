"""Quantising from the window, by clicks: what is asked, told before, refused, followed, cancelled and shown."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QProgressBar

from desktop.api import QuantizeRequest
from desktop.library.quantising import QuantizeFacts
from desktop.library.sizes import size_in_words
from desktop.session.plans import Problem
from tests.ui import gallery, library_states, quantize_states
from tests.ui.hands import choose, find, press, sees, type_text, words
from tests.ui.test_library_place import asked, pick


@pytest.fixture
def dialog(window, session):
    """Opened from the library by a click, with what the model takes."""
    library_states.library_full(window, session)
    pick(window, "SmolLM2-135M")
    press(window, "Quantise...")
    assert asked(session, "look_at") == [(quantize_states.MODEL, "SmolLM2-135M")]
    session.quantizing.looked.emit(quantize_states.look())
    return window.quantize_desk.dialog


def begun(session):
    """The plans that were begun."""
    return [plan for (plan,) in asked(session, "quantize")]


def test_what_is_chosen_is_what_is_begun(dialog, session, tmp_path, monkeypatch):
    text = tmp_path / "mine.txt"
    text.write_text("words", encoding="utf-8")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(text), ""))
    choose(find(dialog, "Bits of a weight"), "3 bits: small, less exact")
    choose(find(dialog, "Group size"), "32 inputs: most exact, largest")
    press(dialog, "Largest activations first (act-order)")
    press(dialog, "Search for the best scales (MSE)")
    press(dialog, "Zero points in the middle (symmetric)")
    press(dialog, "Browse for a calibration text")
    press(dialog, "Quantise")
    (plan,) = begun(session)
    assert (plan.path, plan.name) == (quantize_states.MODEL, "SmolLM2-135M")
    assert plan.request == QuantizeRequest(
        folder="/library/models/SmolLM2-135M-gptq-3bit-32g", bits=3, group_size=32, act_order=True, search=False,
        symmetric=True, calibration=str(text),
    )  # fmt: skip
    assert not dialog.isVisible()


def test_the_defaults_are_the_command_lines(dialog, session):
    press(dialog, "Quantise")
    assert begun(session)[0].request == QuantizeRequest(folder="/library/models/SmolLM2-135M-gptq-4bit-128g")


def test_size_and_time_are_told_before_and_follow_the_choice(dialog):
    facts = quantize_states.look().facts
    assert f"269 MB become {size_in_words(facts.bytes_after(4, 128))}. It takes about " in words(dialog)
    choose(find(dialog, "Bits of a weight"), "8 bits: as good as 16")
    assert f"269 MB become {size_in_words(facts.bytes_after(8, 128))}. It takes about " in words(dialog)


def test_groups_that_some_kernels_refuse_are_told_of(dialog):
    assert "Groups of 128 don't divide 576 inputs" in words(dialog)
    choose(find(dialog, "Group size"), "64 inputs")
    assert "don't divide" not in words(dialog)


def test_the_name_follows_the_choice_until_it_is_typed(dialog, session):
    name = find(dialog, "Name of the copy", QLineEdit)
    assert name.text() == "SmolLM2-135M-gptq-4bit-128g"
    choose(find(dialog, "Group size"), "all inputs of a linear: smallest")
    assert name.text() == "SmolLM2-135M-gptq-4bit-one-group"
    name.selectAll()
    type_text(name, "mine")
    choose(find(dialog, "Bits of a weight"), "8 bits: as good as 16")
    press(dialog, "Quantise")
    assert begun(session)[0].request.folder == "/library/models/mine"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("SmolLM2-135M", "SmolLM2-135M exists already."), ("a/b", "can't be a model's name"), ("", "The name is empty.")],
)
def test_a_name_that_cannot_be_taken_is_refused_at_once(dialog, typed, sentence):
    name = find(dialog, "Name of the copy", QLineEdit)
    name.selectAll()
    QTest.keyClick(name, Qt.Key.Key_Delete)
    type_text(name, typed)
    assert sentence in words(dialog)
    assert not find(dialog, "Quantise").isEnabled()


def test_a_taken_usual_name_gets_a_number(dialog, session):
    taken = ("SmolLM2-135M-gptq-4bit-128g", "SmolLM2-135M-gptq-4bit-128g-2")
    session.quantizing.looked.emit(quantize_states.look(taken=taken))
    assert find(dialog, "Name of the copy", QLineEdit).text() == "SmolLM2-135M-gptq-4bit-128g-3"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"facts": QuantizeFacts(refusal="It is quantised already.")}, "It is quantised already."),
        ({"free": 1_000_000}, "The disk has 1.00 MB free, which is too little."),
    ],
)
def test_what_cannot_be_done_is_said_before(dialog, session, changes, sentence):
    session.quantizing.looked.emit(quantize_states.look(**changes))
    assert sentence in words(dialog)
    assert not find(dialog, "Quantise").isEnabled()


def test_a_calibration_text_that_is_not_there_is_said_before(dialog):
    type_text(find(dialog, "Calibration text"), "/nowhere.txt")
    assert "There is no file /nowhere.txt." in words(dialog)
    assert not find(dialog, "Quantise").isEnabled()


def test_nothing_begins_before_the_model_was_looked_at(window, session):
    window.quantize_desk.ask(quantize_states.MODEL, "SmolLM2-135M")
    dialog = window.quantize_desk.dialog
    assert "Looking at the model" in words(dialog)
    session.quantizing.looked.emit(quantize_states.look(path="/another"))
    assert not find(dialog, "Quantise").isEnabled()


def test_only_one_at_a_time(dialog, window, session):
    press(dialog, "Quantise")
    window.quantize_desk.ask(quantize_states.MODEL, "SmolLM2-135M")
    session.quantizing.looked.emit(quantize_states.look())
    assert "Another model is being quantised." in words(dialog)
    assert not find(dialog, "Quantise").isEnabled()
    session.quantizing.became_free.emit()
    assert find(dialog, "Quantise").isEnabled()


def test_the_menu_asks_about_the_chosen_base(window, session):
    gallery.library(session)
    window.menus.quantize.trigger()
    assert asked(session, "look_at")[-1] == (gallery.MODEL, "SmolLM2-135M")


def test_the_menu_without_a_model_says_what_to_do(window, session):
    window.menus.quantize.trigger()
    assert asked(session, "look_at") == []
    assert "Choose the model first" in words(window)


def test_only_models_in_16_or_32_bits_can_be_quantised(window, session):
    library_states.library_full(window, session)
    pick(window, "pirate")
    assert not sees(window, "Quantise...")
    pick(window, "TheBloke_Llama-2-7B-GGUF/llama-2-7b.Q4_K_M.gguf")
    assert not find(window, "Quantise...").isEnabled()


def test_followed_and_cancelled_beside_the_prompt(window, session):
    quantize_states.quantize_running(window, session)
    assert "SmolLM2-135M: Quantising layer 11 of 30, about 2 min left" in words(window)
    assert find(window, "Progress of the quantising", QProgressBar).value() == 350
    type_text(find(window, "Prompt"), "Ahoy?")
    assert find(window, "Send").isEnabled()
    press(window, "Cancel quantising")
    assert len(asked(session, "cancel")) == 1
    session.quantizing.cancelled.emit()
    session.quantizing.became_free.emit()
    assert "The quantising was cancelled; nothing was written." in words(window)
    assert not sees(window, "Cancel quantising")


def test_the_finished_copy_is_shown_in_the_library(window, session):
    quantize_states.quantize_done(window, session)
    assert "SmolLM2-135M is quantised: 269 MB became 113 MB." in words(window)
    assert "0.5% on average" in words(window)
    press(window, "Show in the library")
    assert window.places.current() == "library"
    assert window.library.place.list.view._path == quantize_states.plan().request.folder


def test_a_failure_is_a_sentence_with_its_details_folded(window, session):
    quantize_states.quantize_running(window, session)
    session.quantizing.failed.emit(Problem(sentence="The disk is full.", detail="Traceback: x"))
    session.quantizing.became_free.emit()
    assert "The disk is full." in words(window.quantize_desk.bar)
    assert "Traceback" not in words(window.quantize_desk.bar)
    press(window.quantize_desk.bar, "Details")
    assert "Traceback: x" in words(window.quantize_desk.bar)
    quantize_states.quantize_running(window, session)
    assert "The disk is full." not in words(window.quantize_desk.bar)


def test_closing_meanwhile_is_warned_of_once(window, session):
    quantize_states.quantize_running(window, session)
    assert not window.close()
    assert "Closing ends the quantising of SmolLM2-135M, and nothing of the copy is kept." in words(window)
    assert asked(session, "save") == []
    assert window.close()
    assert len(asked(session, "save")) == 1


def test_a_warning_that_is_long_ago_is_said_again(window, session, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("desktop.ui.quantize_desk.monotonic", lambda: now[0])
    quantize_states.quantize_running(window, session)
    assert not window.close()
    now[0] += 31
    assert not window.close()
    now[0] += 5
    assert window.close()
