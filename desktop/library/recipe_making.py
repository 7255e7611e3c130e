"""Makes recipes: the model, the stack and the machine, written down so that the same answer can be made again."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from desktop import __version__
from desktop.api import LoadRequest, Lora, ModelInfo
from desktop.engine.messages import Segment
from desktop.prompting.recipe import Holding, Machine, RecipeAdapter, RecipeBase, RecipeSegment

from .identity import content_hash, fingerprint

Hash = Callable[[Path], str]
"""As `content_hash`; `ContentHashes.of` remembers."""
Rows = tuple[Lora, ...]


def base_of(name: str, info: ModelInfo, loader: str, settings: dict[str, Any]) -> RecipeBase:
    """The model that is loaded. Raises LoaderError where its files can no longer be read."""
    return RecipeBase(
        name=name,
        path=info.path,
        fingerprint=fingerprint(Path(info.path)),
        loader=loader,
        dtype=info.dtype,
        bits=info.bits,
        device=info.device,
        settings=settings,
    )


def adapters_of(rows: Sequence[Lora], hash_of: Hash = content_hash) -> tuple[RecipeAdapter, ...]:
    """The rows of a stack by what is in their files. Raises LoaderError where one can no longer be read."""
    return tuple(
        RecipeAdapter(name=row.name, content_hash=hash_of(Path(row.path)), weight=row.weight, enabled=row.enabled)
        for row in rows
    )


def parts_of(stack: Rows, segments: Sequence[Segment], tokens: int) -> tuple[Rows, tuple[Segment, ...]]:
    """The stack that made a reply's first token, and its segments without those that made none."""
    if not segments:
        return stack, ()
    ends = [*(segment.first_token for segment in segments[1:]), tokens]
    parts = tuple(segment for segment, end in zip(segments, ends, strict=True) if segment.first_token < end)
    return (parts[0].stack if parts else stack), (parts if len(parts) > 1 else ())


def segments_of(segments: Sequence[Segment], hash_of: Hash = content_hash) -> tuple[RecipeSegment, ...]:
    """The segments by what is in their adapters' files. Raises LoaderError where one can no longer be read."""
    return tuple(
        RecipeSegment(first_token=segment.first_token, adapters=adapters_of(segment.stack, hash_of))
        for segment in segments
    )


def holding_of(request: LoadRequest) -> Holding:
    """How the loader was asked to hold the model."""
    return Holding(dtype=request.dtype, bits=request.bits, device=request.device)


def versions_of(info: ModelInfo) -> dict[str, str]:
    """Versions of everything that has a part in an answer."""
    return {"lora-deck": __version__, "python": platform.python_version(), **info.versions}


def machine_here(device: str) -> Machine:
    """This machine, computing on that device."""
    return Machine(platform=platform.platform(), processor=processor_name(), device=device)


def processor_name() -> str:
    """The processor's model name, "" where the system doesn't tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor()
