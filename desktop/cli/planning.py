"""`lora-deck train --plan`: what a run would be, before anything of it is written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from desktop.api import TrainPlan, TrainRequest
from desktop.datasets import DatasetReport, write_rows
from desktop.engine.client import EngineClient
from desktop.engine.messages import LoaderRef, Step
from desktop.engine.process import Launch
from desktop.library.home import Home
from desktop.library.runs.making import stack_of
from desktop.library.runs.run_file import RunError, RunFile

from .library import in_units
from .output import ProgressLine, plain, put, say


def plan_run(run: RunFile, ref: LoaderRef, launch: Launch, home: Home) -> tuple[DatasetReport, TrainPlan]:
    """Check the data, load the model and ask it. Raises DataError, RunError and what loading raises."""
    progress = ProgressLine()
    engine = EngineClient(launch, ref, home.logs)
    with tempfile.TemporaryDirectory(prefix="lora-deck-") as name:
        folder = Path(name)
        report = write_rows(run.data, folder)
        try:
            engine.start()
            job = engine.load(run.model.request())
            for event in job.events():
                if isinstance(event, Step):
                    progress.show(event.step, event.fraction)
            progress.clear()
            if job.result() is None:
                raise RunError(f"The loader {ref.name} says that {run.model.name} is not its own.")
            if run.stack:
                engine.set_stack(stack_of(run)).result()
            held_out = folder / "evaluation.jsonl"
            request = TrainRequest(
                folder=name,
                rows=str(folder / "rows.jsonl"),
                evaluation_rows=str(held_out) if held_out.is_file() else "",
                settings=run.settings,
                samples=run.samples,
                continue_from=run.continue_from,
            )
            return report, engine.plan_training(request).result()
        finally:
            progress.clear()
            engine.close()


def tell_plan(plan: TrainPlan) -> None:
    """For people."""
    lengths = sorted(plan.lengths)
    middle = lengths[len(lengths) // 2] if lengths else 0
    longest = lengths[-1] if lengths else 0
    put(f"rows: {plan.rows}, {plan.rows_cut} cut, {plan.rows_without_label} without anything to learn")
    put(f"tokens: {plan.tokens:,} an epoch; the middle row has {middle:,}, the longest {longest:,}")
    put(f"steps: {plan.steps:,}")
    put(f"numbers to learn: {plan.trainable_parameters:,}")
    put(f"memory: about {in_units(plan.memory_bytes)}")
    for note in plan.notes:
        say(plain(note))
