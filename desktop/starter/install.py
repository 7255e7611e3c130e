"""Puts the starter adapter into the library."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

MODEL = "starter"
"""The name `--model` knows on a machine that has no model yet."""
ADAPTER = "pirate"
"""The adapter that comes with the program: the starter model answers in pirate speak."""

_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md", "data.jsonl")


def install_adapter(loras: Path) -> Path:
    """Copy the starter adapter to `loras/pirate` unless a folder of that name is there; whole or not at all."""
    target = loras / ADAPTER
    if target.exists():
        return target
    loras.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{ADAPTER}.", suffix=".part", dir=loras))
    try:
        for name in _FILES:
            shutil.copyfile(Path(__file__).parent / ADAPTER / name, work / name)
        work.chmod(0o755)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return target
