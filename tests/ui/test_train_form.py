"""The form of a run, by real keys and clicks: what it asks for, what it refuses, and what an earlier run fills in."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from desktop.api import TrainSettings
from desktop.library.runs.presets import PRESETS
from desktop.session.plans import State
from tests.ui import gallery, train_gallery
from tests.ui.hands import CONTROL, choose, click, find, key, press, sees, type_text, until, words


@pytest.fixture
def place(window, session):
    """The place at its first visit, with the starter loaded."""
    return train_gallery.visit(window, session)


@pytest.fixture
def filled(window, session):
    """Data and a name are given, and the data was checked."""
    return train_gallery.fill(window, session)


def asked(session, verb):
    return [args for name, args in session.asked if name == verb]


def test_the_place_is_built_at_its_first_visit_only(window, session):
    assert window.train_desk.place is None
    assert asked(session, "list_data") == []
    train_gallery.visit(window, session)
    place = window.train_desk.place
    window.places.show_place("prompt")
    window.places.show_place("train")
    assert window.train_desk.place is place
    assert asked(session, "list_data") == [()]


def test_pyqtgraph_is_not_imported_before(window):
    import subprocess
    import sys

    code = "import sys, desktop.app; print('pyqtgraph' in sys.modules, 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["False"] * 2


def test_data_that_is_typed_is_checked_once_the_typing_rests(place, session):
    type_text(find(place, "Training data").lineEdit(), "eight rows.json | more.json")
    until(lambda: session.last("check_data") is not None)
    (plan, model) = session.last("check_data")
    assert plan.sources == ("eight rows.json", "more.json")
    assert model == train_gallery.MODEL
    assert len(asked(session, "check_data")) == 1


def test_how_rows_are_read_dressed_and_learnt_is_asked_for(place, session):
    type_text(find(place, "Training data").lineEdit(), "rows.csv")
    choose(find(place, "Kind of rows"), "instructions (Alpaca)")
    choose(find(place, "Dressed by"), "format vicuna-format")
    choose(find(place, "What is learnt"), "what stands after a text")
    after = find(place, "Text after which learning begins")
    after.clear()
    type_text(after, "ASSISTANT:")
    choose(find(place, "Bad rows"), "are left out")
    find(place, "Rows kept back for evaluation").setValue(0.1)
    until(lambda: session.last("check_data") is not None and session.last("check_data")[0].holdout == 0.1)
    plan = session.last("check_data")[0]
    assert (plan.kind, plan.format, plan.template) == ("alpaca", "vicuna-format", "")
    assert (plan.loss, plan.on_bad) == ("after:ASSISTANT:", "skip")


def test_a_column_is_chosen_for_a_role(filled, session):
    choose(find(filled, "Column of the output"), "source")
    until(lambda: session.last("check_data") and session.last("check_data")[0].mapping == {"output": "source"})
    session.training.data_checked.emit(train_gallery.report(mapping={"instruction": "instruction", "output": "source"}))
    assert find(filled, "Column of the output").currentText() == "source"


def test_ctrl_enter_starts_what_the_form_says(filled, window, session):
    choose(find(filled, "Preset of the training"), "quick-look")
    find(filled, "cutoff").setValue(128)
    window.activateWindow()
    until(window.isActiveWindow)
    key(window, Qt.Key.Key_Return, CONTROL)
    (run,) = session.last("start_training")
    assert (run.name, run.data.sources, run.stack) == ("sailor", ("instructions.json",), ())
    assert (run.model.name, run.model.path, run.model.bits) == ("SmolLM2-135M", train_gallery.MODEL, 16)
    assert (run.settings.rank, run.settings.cutoff, run.settings.sample_every) == (8, 128, 50)
    assert [sample.prompt for sample in run.samples] == list(train_gallery.PROMPTS)
    assert session.last("answer") is None
    assert not find(filled, "Start training").isEnabled()
    key(window, Qt.Key.Key_Return, CONTROL)
    assert len(asked(session, "start_training")) == 1


def test_on_top_of_the_stack_takes_its_rows_as_they_act(filled, window, session):
    click(find(filled, "On top of the present stack"))
    choose(find(filled, "Bits of the base"), "4 bits (nf4)")
    press(filled, "Start training")
    (run,) = session.last("start_training")
    assert [(row.path, row.weight, row.enabled) for row in run.stack] == [
        (row.path, row.weight, row.enabled) for row in window.stack.effective_rows()
    ]
    assert run.model.bits == 4


@pytest.mark.parametrize(
    ("missing", "said"),
    [("data", "Choose the data to train on."), ("name", "Give the new adapter a name.")],
)
def test_what_is_missing_is_said_and_nothing_starts(filled, session, missing, said):
    if missing == "data":
        find(filled, "Training data").lineEdit().clear()
    else:
        find(filled, "Name of the new adapter").clear()
    press(filled, "Start training")
    assert said in words(filled)
    assert session.last("start_training") is None


def test_without_a_base_nothing_starts(make_window, session):
    window = make_window()
    window.begin(None, None)
    window.places.show_place("train")
    type_text(find(window, "Training data").lineEdit(), "x")
    press(window, "Start training")
    assert "Choose a base model" in words(window)


def test_a_refusal_is_said_and_the_button_is_back(filled, session):
    press(filled, "Start training")
    session.training.start_refused.emit("There is an adapter called 'sailor' already.")
    assert "There is an adapter called 'sailor' already." in words(filled)
    assert find(filled, "Start training").isEnabled()


def test_rows_their_reasons_and_their_tokens_are_shown(filled, session):
    session.training.data_checked.emit(train_gallery.bad_report())
    assert session.last("show_row") == (1, TrainSettings(), True)
    session.training.row_shown.emit(train_gallery.row_look())
    told = words(filled)
    assert "224 rows to train on, 25 for evaluation, 3 can't be used." in told
    assert "10 of 24 tokens are learnt (coloured)." in told
    table = find(filled, "Rows that can't be used").model()
    assert [table.index(row, 2).data() for row in range(3)] == [
        "There is no output.", "output is a number.", "The row is no object.",
    ]  # fmt: skip
    press(filled, "Next")
    until(lambda: session.last("show_row")[0] == 2)
    session.training.row_shown.emit(train_gallery.row_look(1))
    assert find(filled, "Number of the row").value() == 2


def test_the_colour_of_a_token_says_whether_it_is_learnt(filled, session):
    look = train_gallery.row_look()
    session.training.row_shown.emit(look)
    view = find(filled, "Tokens of the row")
    block = look.tokens[0]
    cursor = view.textCursor()
    learnt = []
    for start in view._starts:
        cursor.setPosition(start + 1)
        learnt.append(cursor.charFormat().fontUnderline())
    assert learnt == list(block.trained)
    shown = view.toPlainText().replace("↵\n", "\n")
    assert shown == "".join(block.texts)


def test_an_estimate_asks_the_loaded_base_alone(filled, session):
    press(filled, "Estimate")
    (run,) = session.last("plan_run")
    assert run.name == "sailor"
    session.training.run_planned.emit(train_gallery.plan())
    told = words(filled)
    assert "87 steps, 31,000 tokens an epoch, 4,884,480 numbers to learn" in told
    assert "A warm-up of 100 steps is longer than the run's 87 steps." in told
    histogram = find(filled, "Lengths of the rows")
    assert "3 are longer than 512" in histogram.accessibleDescription()
    session.become(State.EMPTY)
    session.model_unloaded.emit()
    before = len(asked(session, "plan_run"))
    press(filled, "Estimate")
    assert len(asked(session, "plan_run")) == before
    assert "Load the base first" in words(filled)


def test_an_earlier_run_s_parameters_fill_the_form(filled, window, session):
    session.runs.runs_listed.emit(train_gallery.entries())
    filled.tabs.setCurrentWidget(filled.runs)
    filled.runs._select(["2026-11-24-pirate"])
    press(filled, "Copy parameters")
    run = filled.form.run(())
    given = train_gallery.entries()[1].run
    assert run.settings == given.settings
    assert run.data == given.data
    assert [one.prompt for one in run.samples] == [one.prompt for one in given.samples]
    assert run.name == "sailor"


def test_every_preset_comes_through_the_form_unchanged(filled):
    for preset in PRESETS:
        filled.form.settings.show_settings(preset.settings)
        assert filled.form.settings.settings() == preset.settings
        assert filled.form.settings.problem() == ""


def test_settings_seldom_changed_are_folded(filled):
    assert not sees(filled, "seed")
    press(filled, "More settings")
    assert sees(filled, "seed")
    targets = find(filled, "targets")
    targets.clear()
    type_text(targets, "q_proj, v_proj")
    assert filled.form.settings.settings().targets == ("q_proj", "v_proj")


def test_the_words_of_data_are_never_taken_for_html(filled, session):
    session.training.data_refused.emit(gallery.HOSTILE)
    assert gallery.HOSTILE in words(filled)


def test_magnitudes_can_be_asked_for(place):
    from desktop.ui.train_settings_form import TrainSettingsForm

    form = place.findChild(TrainSettingsForm)
    assert not form.settings().dora
    form.show_settings(TrainSettings(dora=True))
    assert form.settings().dora
