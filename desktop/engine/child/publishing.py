"""Puts a finished adapter into the library: whole or not at all, and never over anything."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


def publish(adapter: Path, target: Path) -> tuple[str, str]:
    """Copy the adapter's folder to `target`, or to `target-2` and so on where somebody has taken the name meanwhile.

    Returns where it is now ("" where it could not be copied) and a sentence where there is something to say.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent))
        copy = temporary / "adapter"
        shutil.copytree(adapter, copy, copy_function=_copy_to_disk)
        place = _rename(copy, target)
    except OSError as error:
        return "", (
            f"The adapter is whole in {adapter} but could not be copied to {target} ({error.strerror}). Copy the "
            "folder there yourself."
        )
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    note = "" if place == target else f"{target.name} was taken meanwhile, so the adapter is called {place.name}."
    return str(place), note


def _rename(copy: Path, target: Path) -> Path:
    for number in range(1, 1000):
        place = target if number == 1 else target.with_name(f"{target.name}-{number}")
        # An empty folder would be replaced by the rename; it is somebody's all the same.
        if not os.path.lexists(place):
            return copy.rename(place)
    raise FileExistsError(17, "every name like it is taken", str(target))


def _copy_to_disk(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    with open(target, "rb+") as file:  # noqa: PTH123 - a path as copytree hands it over
        os.fsync(file.fileno())
    return target
