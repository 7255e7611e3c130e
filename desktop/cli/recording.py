"""The recipe of an answer: the model, the stack, the template and the machine that made it."""

from __future__ import annotations

import platform
from pathlib import Path

from desktop import __version__
from desktop.api import GenerateRequest, LoaderError, Lora
from desktop.engine.messages import GenerateResult
from desktop.library.identity import content_hash, fingerprint
from desktop.prompting.recipe import Machine, Recipe, RecipeAdapter, RecipeBase

from .opening import Opened
from .output import CommandError


def make_recipe(opened: Opened, result: GenerateResult, template: str, request: GenerateRequest) -> Recipe:
    """What is needed to make the answer again. Raises CommandError where a file it names can no longer be read."""
    info = opened.info
    try:
        base = RecipeBase(
            name=opened.name,
            path=info.path,
            fingerprint=fingerprint(Path(info.path)),
            loader=opened.loader.name,
            dtype=info.dtype,
            bits=info.bits,
            device=info.device,
            settings=opened.request.settings,
        )
        adapters = tuple(_adapter(row) for row in result.stack)
    except LoaderError as error:
        raise CommandError(f"The answer was made, but its recipe could not be: {error}") from error
    return Recipe(
        base=base,
        adapters=adapters,
        template=template,
        sampling=request.sampling,
        seed=result.seed,
        max_new_tokens=request.max_new_tokens,
        stop=request.stop,
        versions={"lora-deck": __version__, "python": platform.python_version(), **info.versions},
        machine=Machine(platform=platform.platform(), processor=processor_name(), device=info.device),
    )


def processor_name() -> str:
    """The processor's model name, "" where the system doesn't tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor()


def _adapter(row: Lora) -> RecipeAdapter:
    return RecipeAdapter(
        name=row.name, content_hash=content_hash(Path(row.path)), weight=row.weight, enabled=row.enabled
    )
