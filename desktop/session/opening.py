"""Opens a model: asks the loaders, starts the engine, converts, loads. Blocks; runs on an engine's lane."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from desktop.api import Capabilities, LoaderError, ModelInfo
from desktop.discovery.choice import Choice, nobody_fits, with_bits
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.library.conversions import find_conversion, free_name, note_conversion
from desktop.library.home import Home
from desktop.library.sizes import size_in_words

from .plans import Loaded, LoadPlan
from .streaming import follow_steps
from .translating import tr

Tell = Callable[[str, float | None], None]
Engines = Callable[[Choice], EngineClient]
"""Hands out a running engine without a model for a loader."""


def fitting_choices(plan: LoadPlan, loaders: Loaders) -> list[Choice]:
    """The loaders worth trying, best first. Raises LoaderError telling why not where there is none."""
    choices = with_bits(loaders.probe(Path(plan.path), plan.loader or None), plan.bits)
    fitting = [choice for choice in choices if choice.can_load]
    if not fitting:
        raise LoaderError(nobody_fits(Path(plan.path), choices))
    return fitting


def already_converted(plan: LoadPlan, home: Home) -> LoadPlan:
    """The plan for the library's converted copy of a GGUF, where there is one."""
    path = Path(plan.path)
    copy = find_conversion(home.models, path) if path.suffix.lower() == ".gguf" and path.is_file() else None
    return msgspec.structs.replace(plan, path=str(copy)) if copy else plan


def open_model(plan: LoadPlan, choices: list[Choice], engines: Engines, home: Home, tell: Tell) -> Loaded:
    """Load with the first loader that says the model is its own. Raises LoaderError, JobFailed, JobCancelled."""
    for choice in choices:
        client = engines(choice)
        info = _load(client, plan, choice, home, tell)
        if info is not None:
            described = choice.found.info
            capabilities = described.capabilities if described else None
            return Loaded(
                plan=plan,
                info=info,
                loader=choice.found.ref,
                loader_title=described.title if described else choice.found.ref.name,
                bits=capabilities.bits if capabilities else (16,),
                sampling=capabilities.sampling if capabilities else (),
                capabilities=capabilities or Capabilities(),
            )
    words = tr("Every loader that seemed to fit says that {name} is not its own. Choose another model.")
    raise LoaderError(words.format(name=plan.name))


def _load(client: EngineClient, plan: LoadPlan, choice: Choice, home: Home, tell: Tell) -> ModelInfo | None:
    path = Path(plan.path)
    cost = choice.verdict.conversion
    target = free_name(home.models, path.stem) if cost else None
    if cost:
        words = tr("Converting {source} once: {size} on the disk, about {seconds:.0f} s")
        tell(words.format(source=cost.source, size=size_in_words(cost.disk_bytes), seconds=cost.seconds), None)
    job = client.load(plan.request(str(target) if target else None))
    follow_steps(job, tell)
    info = job.result()
    if info is not None and target is not None:
        note_conversion(target, path)
    return info
