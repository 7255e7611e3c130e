"""A run in the window: its curves, what is told to it, its place on the stack, and the list of runs."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from desktop.api import SaveNow, StopAndKeep, StopAtLoss
from desktop.session.plans import Problem, State
from tests.ui import train_gallery
from tests.ui.hands import click, find, press, sees, type_text, until, words

TOOLTIP = int(Qt.ItemDataRole.ToolTipRole)
SAILOR, PIRATE = "2026-11-25-sailor", "2026-11-24-pirate"


@pytest.fixture
def place(window, session):
    """A run goes on and is shown."""
    train_gallery.train_running(window, session)
    return window.train_desk.place


def test_a_run_that_goes_on_is_found_and_shown(place, session):
    assert session.last("show_run") == (SAILOR,)
    assert place.tabs.currentWidget() is place.run
    told = words(place)
    assert "sailor on SmolLM2-135M" in told
    assert "step 400 of 600 · 13 min left · 640 tokens/s" in told


def test_the_curves_are_the_run_s(place):
    look = place.run._look
    drawn = {name: item.getOriginalDataset() for name, (item, _, _) in place.run.curves._losses._series.items()}
    assert list(drawn) == ["loss", "smoothed", "evaluation"]
    assert list(drawn["loss"][1]) == list(look.curves.loss)
    assert list(drawn["smoothed"][1]) == list(look.curves.smoothed)
    assert list(drawn["evaluation"][0]) == [done.step for done in look.evaluations]


def test_hovering_reads_the_values_of_the_step(place):
    curves = place.run.curves
    curves._losses.hovered.emit(120.3)
    look = place.run._look
    assert "step 120" in curves.values()
    assert f"loss {look.curves.loss[119]:.4f}" in curves.values()
    assert f"evaluation {look.evaluations[1].loss:.4f} at step 100" in curves.values()
    curves._losses.hovered.emit(float("nan"))
    assert "step 400" in curves.values()


def test_what_is_told_to_the_run(place, session):
    press(place, "Save now")
    assert session.last("tell_run") == (SAILOR, SaveNow())
    find(place, "Stop at loss").setValue(1.25)
    press(place, "Stop at this loss")
    assert session.last("tell_run") == (SAILOR, StopAtLoss(1.25))
    press(place, "Stop and keep")
    assert session.last("tell_run") == (SAILOR, StopAndKeep())


def test_the_newest_checkpoint_takes_the_place_of_the_older_one(place, window, session):
    press(place, "Attach newest checkpoint")
    (rows,) = session.last("set_rows")
    assert (rows[-1].name, rows[-1].path) == ("sailor, step 400", f"{train_gallery.SAILOR}/checkpoints/step-400")
    window.stack.show_rows([*rows[:-1], msgspec.structs.replace(rows[-1], weight=0.4)])
    session.runs.run_grew.emit(train_gallery.look(count=450))
    press(place, "Attach newest checkpoint")
    (again,) = session.last("set_rows")
    assert [row.path for row in again[:-1]] == [row.path for row in rows[:-1]]
    assert (again[-1].name, again[-1].weight) == ("sailor, step 450", 0.4)
    assert again[-1].path.endswith("step-450")
    assert window.stack.rows() == again


def test_news_of_another_run_are_passed_over(place, session):
    session.runs.run_grew.emit(train_gallery.look(id="another", name="another"))
    assert place.run.run_id() == SAILOR


def test_the_end_is_told_wherever_the_user_is(place, window, session):
    window.places.show_place("prompt")
    ended = train_gallery.look("finished", 600)
    session.runs.run_ended.emit(ended)
    session.runs.run_grew.emit(ended)
    assert "The run sailor has ended. It ended after all its steps" in words(window.job_bar)
    assert session.last("list_library") is not None
    window.places.show_place("train")
    assert not sees(place, "Save now")
    press(place, "Attach the adapter")
    assert session.last("set_rows")[0][-1].path == "/library/loras/sailor"


def test_a_failure_has_its_traceback_folded_and_can_be_resumed(window, session):
    train_gallery.train_failed(window, session)
    place = window.train_desk.place
    assert place.banner.sentence() == "The run sailor has failed."
    assert words(window).count("The loss is not a number at step 40.") == 1, "once, on the page of the run"
    press(place, "Details")
    assert "FloatingPointError" in words(place.banner)
    press(place.run, "Resume")
    assert session.last("resume_run") == (SAILOR,)


def test_samples_stand_side_by_side(window, session):
    train_gallery.train_samples(window, session)
    table = find(window.train_desk.place, "Sample answers by step").model()
    titles = [table.headerData(column, train_gallery.HORIZONTAL, 0) for column in range(table.columnCount())]
    assert titles == ["Prompt", *(f"Step {step}" for step in range(0, 401, 50))]
    assert table.index(0, 0).data() == "What is the capital of France?"
    assert table.index(0, 1).data() == "The capital of France is Paris."
    assert table.index(0, 9).data() == "Arr, matey! The capital o' France be Paris!"


def test_selected_runs_are_laid_over_one_another(window, session):
    train_gallery.train_runs(window, session)
    runs = window.train_desk.place.runs
    assert session.last("read_runs") == ((SAILOR, PIRATE),)
    assert list(runs._plot._series) == [SAILOR, PIRATE]
    assert PIRATE in words(runs)
    runs._view.clearSelection()
    assert session.last("read_runs") == ((),)
    session.runs.runs_read.emit([])
    assert runs._plot._series == {}


def test_the_list_says_what_became_of_each(place, session):
    place.tabs.setCurrentWidget(place.runs)
    table = find(place, "Training runs").model()
    assert [table.index(row, 1).data() for row in range(4)] == [
        "running 400/600", "finished", "failed 40/600", "unreadable",
    ]  # fmt: skip
    place.runs._select([PIRATE])
    told = words(place.runs)
    assert "rank 8, alpha 16, learning rate 0.0004, 2 epochs, batch 8" in told
    assert "sha256 0123456789abcdef" in told
    assert "from francais=0.5" in told
    press(place.runs, "Show")
    assert session.last("show_run") == (PIRATE,)


def test_deleting_asks_first_and_a_run_that_goes_on_can_t_be(place, session):
    place.tabs.setCurrentWidget(place.runs)
    place.runs._select([SAILOR])
    assert not find(place.runs, "Delete").isEnabled()
    place.runs._view.clearSelection()
    place.runs._select([PIRATE])
    press(place.runs, "Delete")
    box = place.runs.findChild(QMessageBox)
    until(box.isVisible)
    assert session.last("trash_run") is None
    press(box, "Move to the trash")
    assert session.last("trash_run") == (PIRATE,)


def test_the_selection_stays_while_a_run_goes_on(place, session):
    place.tabs.setCurrentWidget(place.runs)
    place.runs._select([PIRATE])
    entries = train_gallery.entries()
    entries[0] = msgspec.structs.replace(entries[0], step=401)
    session.runs.runs_listed.emit(entries)
    assert place.runs._selected() == [PIRATE]


def test_everything_that_is_ticked_is_measured(place, window, session):
    place.tabs.setCurrentWidget(place.evaluation)
    press(place, "Measure")
    assert "Choose the rows to measure on." in words(place)
    type_text(find(place, "Rows to measure on"), "held-out.json")
    click(find(place, "Each adapter alone"))
    click(find(place, "Checkpoints of the run that is shown"))
    press(place, "Measure")
    (plan,) = session.last("measure")
    assert (plan.data.sources, plan.data.holdout) == (("held-out.json",), 0.0)
    assert [name for name, _ in plan.stacks] == [
        "base", "the stack", "sailor, step 300", "sailor, step 350", "sailor, step 400",
    ]  # fmt: skip
    assert [row.name for row in plan.stacks[1][1]] == [row.name for row in window.stack.rows() if row.enabled]
    assert plan.stacks[4][1][0].path == f"{train_gallery.SAILOR}/checkpoints/step-400"
    for line in train_gallery.measured():
        session.measuring.measured.emit(line)
    table = find(place, "Measurements").model()
    assert table.cells()[1:3] == [
        ("base", "8.194", "2.1034", "55.1%", "4,211"),
        ("pirate = 0.8", "3.388", "1.2201", "70.0%", "4,211"),
    ]
    assert table.index(2, 0).data() == "odd = 1: failed"
    assert "does not fit" in table.index(2, 0).data(TOOLTIP)


def test_a_measurement_that_fails_is_said_where_it_was_asked_for(place, session):
    place.tabs.setCurrentWidget(place.evaluation)
    type_text(find(place, "Rows to measure on"), "nothing.json")
    press(place, "Measure")
    session.tools.failed.emit(Problem(sentence="There is no dataset 'nothing.json'."))
    assert "There is no dataset 'nothing.json'." in words(place.evaluation)


def test_without_a_model_nothing_is_measured(place, session):
    session.become(State.EMPTY)
    place.tabs.setCurrentWidget(place.evaluation)
    assert not find(place, "Measure").isEnabled()
