"""Puts the starter adapters into the library."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

MODEL = "starter"
"""The name `--model` knows on a machine that has no model yet."""
ADAPTER = "pirate"
"""The adapter that comes with the program: the starter model answers in pirate speak."""
ADAPTERS = (ADAPTER, "telegram")
"""All that come with it; with the second it answers like a telegram."""

_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md", "data.jsonl")


def install_named(loras: Path, names: Iterable[str]) -> None:
    """Copy those of these adapters that come with the program."""
    for name in set(names) & set(ADAPTERS):
        install_adapter(loras, name)


def install_adapter(loras: Path, name: str = ADAPTER) -> Path:
    """Copy a starter adapter to `loras` unless a folder of its name is there; whole or not at all."""
    target = loras / name
    if target.exists():
        return target
    loras.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".part", dir=loras))
    try:
        for file in _FILES:
            shutil.copyfile(Path(__file__).parent / name / file, work / file)
        work.chmod(0o755)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return target
