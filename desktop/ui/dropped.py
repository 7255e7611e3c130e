"""What was dropped on the window: adapters, models, and what is neither."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from desktop.library.names import CONFIG

MODEL_FILES = {".gguf", ".safetensors", ".bin", ".pt"}


class Dropped(msgspec.Struct, frozen=True):
    """Sorted by kind."""

    adapters: tuple[Path, ...]
    models: tuple[Path, ...]
    others: tuple[Path, ...]


def sort_dropped(paths: Sequence[Path]) -> Dropped:
    """Tell the kinds apart by what lies in a folder; a file inside an adapter's folder stands for the adapter."""
    adapters, models, others = [], [], []
    for path in paths:
        folder = path if path.is_dir() else path.parent
        if (folder / CONFIG).is_file():
            adapters.append(folder)
        elif (path.is_file() and path.suffix.lower() in MODEL_FILES) or (
            path.is_dir() and (path / "config.json").is_file()
        ):
            models.append(path)
        elif path.is_dir() and (inside := sorted(path.glob("*.gguf"))):
            models.append(inside[0])
        else:
            others.append(path)
    return Dropped(tuple(adapters), tuple(models), tuple(others))
