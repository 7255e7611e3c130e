"""Training through the real session and the pretended trainer: data, tokens, plans, runs and measurements."""

from __future__ import annotations

import csv
import json
import math
import sys
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QFile

from desktop.api import GenerateRequest, Lora, SaveNow, StopAtLoss, TrainSettings
from desktop.datasets import DataPlan
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from desktop.library.runs.history import read_history
from desktop.library.runs.run_file import Base, RunFile, read_run_file
from desktop.library.settings import Settings
from desktop.session.plans import LoadPlan, State
from desktop.session.session import Session
from desktop.session.train_plans import MeasurePlan
from tests.library.making import make_adapter
from tests.runs_kit import kill, make_pretended, wait_until
from tests.ui.conftest import _no_complaints, application  # noqa: F401 - fixtures
from tests.ui.hands import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

TRAINING = (
    "data_checked", "data_refused", "row_shown", "run_planned", "plan_refused", "run_started", "start_refused",
)  # fmt: skip
RUNS = ("runs_listed", "run_grew", "run_ended", "runs_read", "told", "refused")


class Told:
    """What the keepers told, in order."""

    def __init__(self, session):
        self.of = {name: [] for name in (*TRAINING, *RUNS, "measured", "ended", "failed")}
        keepers = ((session.training, TRAINING), (session.runs, RUNS), (session.measuring, ("measured",)))
        for keeper, names in (*keepers, (session.tools, ("ended", "failed"))):
            for name in names:
                told = self.of[name]
                getattr(keeper, name).connect(told.append if name != "ended" else self._note_end)

    def _note_end(self):
        self.of["ended"].append(True)

    def last(self, name):
        until(lambda: self.of[name])
        return self.of[name][-1]


@pytest.fixture
def trained(application, home, third_party):  # noqa: F811
    """A session, what it told, and what it needs to train: eight rows and a pretended model."""
    third_party("trainer")
    model = make_pretended(home.models / "word")
    home.datasets.mkdir(parents=True)
    rows = [{"instruction": f"Say {n}", "input": "", "output": f"It is {n}."} for n in range(8)]
    (home.datasets / "eight é.json").write_text(json.dumps(rows), encoding="utf-8")
    session = Session(home, Settings(loader="pretend"))
    told = Told(session)

    def run(name="sailor", **settings):
        return RunFile(
            name=name,
            model=Base(name="word", path=str(model), settings={"pace": settings.pop("pace", 0.0)}),
            data=DataPlan(sources=("eight é",), holdout=2),
            settings=TrainSettings(**({"max_steps": 20, "save_every": 5, "sample_every": 10} | settings)),
            samples=(GenerateRequest(prompt="Ahoy"),),
        )

    yield SimpleNamespace(session=session, told=told, run=run, home=home, model=model)
    session.shut_down()
    session.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    for root in home.runs.glob("*"):
        kill(RunFolder(root))
        wait_until(lambda root=root: holder(RunFolder(root).lock) is None)


def load(trained):
    trained.session.load(LoadPlan(name="word", path=str(trained.model)))
    until(lambda: trained.session.state is State.READY)


def test_a_name_of_the_library_is_checked_and_its_rows_are_shown(trained):
    training, told = trained.session.training, trained.told
    training.check_data(DataPlan(sources=("eight é",), holdout=2), str(trained.model))
    report = told.last("data_checked")
    assert (report.rows, report.evaluation_rows, report.kind) == (6, 2, "alpaca")
    training.show_row(3, TrainSettings(), False)
    look = told.last("row_shown")
    assert look.row.source == 3
    assert look.row.parts[-1].text == "It is 2."
    assert "Load the base model" in look.why_no_tokens
    training.check_data(DataPlan(sources=("nothing",)), "")
    assert "There is no dataset 'nothing'" in told.last("data_refused")


def test_tokens_and_plan_come_from_the_engine_that_is_prompted(trained):
    load(trained)
    training, told = trained.session.training, trained.told
    training.check_data(trained.run().data, str(trained.model))
    training.show_row(1, TrainSettings(), True)
    look = told.last("row_shown")
    assert [part.text for part in look.row.parts] == list(look.tokens[0].texts)
    assert look.tokens[0].trained == (False, True)
    training.plan_run(trained.run())
    plan = told.last("run_planned")
    assert (plan.rows, plan.steps, plan.notes) == (6, 20, ("A plan is not a run.",))
    assert list(trained.home.cache.glob("plan-*")) == []


def test_a_run_is_followed_to_its_end_with_every_number(trained):
    session, told = trained.session, trained.told
    session.training.start_training(trained.run())
    run_id = told.last("run_started")
    session.runs.follow_run(run_id)
    session.runs.list_runs()
    assert told.last("run_ended").state.phase == "finished"
    until(lambda: told.of["run_grew"][-1].state.phase == "finished")
    assert len(told.of["run_ended"]) == 1
    look = told.of["run_grew"][-1]
    history = read_history(RunFolder(trained.home.runs / run_id))
    assert list(look.curves.step) == list(range(1, 21))
    assert list(look.curves.loss) == [done.loss for done in history.steps]
    assert list(look.curves.learning_rate) == [done.learning_rate for done in history.steps]
    assert [sample.step for sample in look.samples] == [0, 10, 20]
    assert look.result == str(trained.home.loras / "sailor")
    until(lambda: told.of["runs_listed"] and told.of["runs_listed"][-1][0].phase == "finished")
    (entry,) = told.of["runs_listed"][-1]
    assert (entry.id, entry.phase, entry.alive) == (run_id, "finished", False)
    assert read_run_file(RunFolder(trained.home.runs / run_id).run_file).model.loader == "pretend"


def test_the_end_of_a_run_that_was_over_before_anybody_looked_is_told_once(trained):
    session, told = trained.session, trained.told
    session.training.start_training(trained.run(max_steps=1))
    run_id = told.last("run_started")
    wait_until(lambda: holder(RunFolder(trained.home.runs / run_id).lock) is None)
    session.runs.follow_run(run_id)
    assert told.last("run_ended").state.phase == "finished"
    session.runs.follow_run(run_id)
    session.runs.list_runs()
    until(lambda: told.of["runs_listed"])
    assert len(told.of["run_ended"]) == 1


def test_commands_reach_a_run_that_goes_on(trained):
    session, told = trained.session, trained.told
    session.training.start_training(trained.run(pace=0.02, max_steps=5000, save_every=0))
    run_id = told.last("run_started")
    session.runs.show_run(run_id)
    session.runs.tell_run(run_id, SaveNow())
    until(lambda: told.of["run_grew"] and told.of["run_grew"][-1].newest_checkpoint)
    session.runs.tell_run(run_id, StopAtLoss(2.9))
    ended = told.last("run_ended")
    assert ended.state.phase == "finished"
    assert "because its loss was low enough" in ended.state.sentence
    session.runs.tell_run(run_id, SaveNow())
    assert "is not running" in told.last("refused")


def test_a_killed_run_is_told_and_resumed_with_one_curve(trained):
    session, told = trained.session, trained.told
    session.training.start_training(trained.run(pace=0.02, max_steps=60))
    run_id = told.last("run_started")
    folder = RunFolder(trained.home.runs / run_id)
    session.runs.show_run(run_id)
    until(lambda: told.of["run_grew"] and len(told.of["run_grew"][-1].curves.step) > 12)
    kill(folder)
    ended = told.last("run_ended")
    assert ended.state.phase == "crashed"
    assert "The last checkpoint is step" in ended.state.sentence
    session.training.resume_run(run_id)
    until(lambda: len(told.of["run_started"]) == 2)
    session.runs.show_run(run_id)
    until(lambda: told.of["run_grew"][-1].state.phase == "finished")
    look = told.of["run_grew"][-1]
    assert list(look.curves.step) == list(range(1, 61))
    assert list(look.curves.loss) == [done.loss for done in read_history(folder).steps]


def test_a_taken_name_starts_nothing(trained):
    make_adapter(trained.home.loras / "sailor")
    trained.session.training.start_training(trained.run())
    assert "There is an adapter called 'sailor' already." in trained.told.last("start_refused")
    assert not trained.home.runs.exists()


def test_curves_are_compared_exported_and_a_run_goes_to_the_trash(trained, tmp_path, monkeypatch):
    session, told = trained.session, trained.told
    session.training.start_training(trained.run(eval_every=10))
    run_id = told.last("run_started")
    wait_until(lambda: (trained.home.loras / "sailor").is_dir())
    wait_until(lambda: holder(RunFolder(trained.home.runs / run_id).lock) is None)
    session.runs.read_runs([run_id])
    (look,) = told.last("runs_read")
    session.runs.export_csv(run_id, str(tmp_path / "curve.csv"))
    told.last("told")
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["loss"]) for row in rows] == list(look.curves.loss)
    assert [row["step"] for row in rows if row["evaluation_loss"]] == ["10", "20"]
    binned = []
    monkeypatch.setattr(QFile, "moveToTrash", lambda path: binned.append(path) or True)
    session.runs.trash_run(run_id)
    until(lambda: binned)
    assert binned == [str(trained.home.runs / run_id)]


def test_everything_is_measured_in_one_table_and_once(trained):
    load(trained)
    session, told = trained.session, trained.told
    one = Lora(id="ad_1", name="one", path=str(make_adapter(trained.home.loras / "one")), weight=1.0)
    two = Lora(id="ad_2", name="two", path=str(make_adapter(trained.home.loras / "two", alpha=3)), weight=0.5)
    bad = Lora(id="ad_3", name="bad", path=str(make_adapter(trained.home.loras / "bad", alpha=5)))
    session.set_rows((one,))
    until(lambda: session._driver.client.stack == (one,))
    stacks = (("base", ()), ("one", (one,)), ("bad", (bad,)), ("both", (one, two)))
    plan = MeasurePlan(data=DataPlan(sources=("eight é",)), settings=TrainSettings(), stacks=stacks)
    session.measure(plan)
    until(lambda: told.of["ended"])
    found = told.of["measured"]
    assert [line.name for line in found] == ["base", "one", "bad", "both"]
    assert [round(line.evaluation.loss, 6) for line in found if line.evaluation] == [2.0, 1.9, 1.85]
    assert found[2].problem == "It is bad."
    assert not any(line.known for line in found)
    assert session._driver.client.stack == (one,)
    until(lambda: session.state is State.READY)
    session.measure(plan)
    until(lambda: len(told.of["ended"]) == 2)
    again = told.of["measured"][4:]
    assert [line.known for line in again] == [True, True, False, True]
    assert math.isclose(again[3].evaluation.loss, 1.85)
    assert list(trained.home.cache.glob("measure-*")) == []
    assert told.of["failed"] == []
