"""Planning, showing and measuring rows in an ordinary engine."""

from __future__ import annotations

import pytest

from desktop.api import EvaluateRequest, LoadRequest, Lora, Part, TrainingRow, TrainRequest, TrainSettings
from desktop.engine.client import EngineClient
from desktop.engine.jobs import JobFailed
from desktop.engine.messages import Step
from tests.runs_kit import LAUNCH, LOADER, SOON, make_pretended, write_rows


@pytest.fixture
def trainer(tmp_path):
    """An engine with a pretended model."""
    client = EngineClient(LAUNCH, LOADER, tmp_path / "logs")
    client.start()
    client.load(LoadRequest(path=str(make_pretended(tmp_path / "model")))).result(SOON)
    write_rows(tmp_path / "rows.jsonl")
    yield client
    client.kill()


def test_planning_showing_and_measuring(trainer, tmp_path):
    rows = str(tmp_path / "rows.jsonl")
    plan = trainer.plan_training(TrainRequest(folder="", rows=rows, settings=TrainSettings(max_steps=7))).result(SOON)
    assert (plan.rows, plan.steps, len(plan.lengths)) == (12, 7, 12)
    row = TrainingRow(parts=(Part("ask", trained=False), Part("answer")))
    (shown,) = trainer.show_row(row, TrainSettings()).result(SOON)
    assert (shown.texts, shown.trained) == (("ask", "answer"), (False, True))
    trainer.set_stack([Lora(id="a", name="a", path="/a", weight=2.0)]).result(SOON)
    job = trainer.evaluate(EvaluateRequest(rows=rows))
    shares = [event.fraction for event in job.events(SOON) if isinstance(event, Step)]
    assert shares == [number / 12 for number in range(12)]
    assert job.result(SOON).loss == pytest.approx(1.8)


def test_a_failure_of_measuring_is_told(trainer, tmp_path):
    with pytest.raises(JobFailed, match="FileNotFoundError"):
        trainer.evaluate(EvaluateRequest(rows=str(tmp_path / "none.jsonl"))).result(SOON)
