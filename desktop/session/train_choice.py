"""Which loader trains a base, and what the names of a wish for a run mean."""

from __future__ import annotations

from pathlib import Path

import msgspec

from desktop.api import LoaderError
from desktop.datasets import DataPlan
from desktop.datasets.catalogue import find_dataset, find_format_name
from desktop.discovery.choice import nobody_fits, ordered, with_bits
from desktop.discovery.loaders import Loaders
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.home import Home
from desktop.library.names import find_adapter
from desktop.library.runs.making import checked_output
from desktop.library.runs.run_file import Base, RunFile
from desktop.library.settings import Settings

from .translating import tr


def trainer_for(base: Base, loaders: Loaders, settings: Settings) -> tuple[LoaderRef, Launch]:
    """The loader that trains this base and how its engine is started. Raises LoaderError where none can."""
    path, wanted = Path(base.path), base.loader or None
    choices = ordered(with_bits(loaders.probe(path, wanted), base.bits), wanted, settings.loader)
    fitting = [choice for choice in choices if choice.can_load]
    if not fitting:
        raise LoaderError(nobody_fits(path, choices))
    able = [one for one in fitting if one.found.info and one.found.info.capabilities.train]
    if not able:
        names = ", ".join(choice.found.ref.name for choice in fitting)
        raise LoaderError(tr("{name} can be loaded by {loaders}, but not trained there.").format(
            name=base.name, loaders=names
        ))  # fmt: skip
    if able[0].verdict.conversion is not None:
        words = tr(
            "{name} must be converted before it can be trained. Load it once, which converts it, and train then."
        )
        raise LoaderError(words.format(name=base.name))
    return able[0].found.ref, loaders.launch(able[0].found.ref)


def resolved_data(plan: DataPlan, model: str, home: Home, settings: Settings) -> DataPlan:
    """The plan with every name of the library found; `model` is the base's path. Raises DataError."""
    return msgspec.structs.replace(
        plan,
        sources=tuple(str(find_dataset(text, home, settings)) for text in plan.sources),
        evaluation=tuple(str(find_dataset(text, home, settings)) for text in plan.evaluation),
        format=find_format_name(plan.format, home, settings) if plan.format else "",
        model_folder=model if model and Path(model).is_dir() else "",
    )


def resolved_run(run: RunFile, home: Home, settings: Settings) -> RunFile:
    """The wish with every name found and its own name checked. Raises RunError, DataError and NameNotFound."""
    return msgspec.structs.replace(
        run,
        name=checked_output(run.name, home),
        continue_from=str(find_adapter(run.continue_from, home, settings)) if run.continue_from else "",
        data=resolved_data(run.data, run.model.path, home, settings),
    )
