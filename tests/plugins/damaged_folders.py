"""What can be wrong in a folder: links, folders and pipes where files should be, and files that are not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def _gone(name: str, folder: Path) -> None:
    (folder / name).unlink()


def _folder(name: str, folder: Path) -> None:
    _gone(name, folder)
    (folder / name).mkdir()


def _link(name: str, to: str, folder: Path) -> None:
    _gone(name, folder)
    (folder / name).symlink_to(to)


def _pipe(name: str, folder: Path) -> None:
    _gone(name, folder)
    os.mkfifo(folder / name)


def _is_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"x")


def _is_a_loop(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.name)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _pointer(folder: Path) -> None:
    (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n")


def _loops_inside(folder: Path) -> None:
    (folder / "inside").symlink_to(folder)


def _linked_weights(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "🙂 weights")
    (folder / WEIGHTS).symlink_to("🙂 weights")


REFUSED: dict[str, Callable[[Path], None]] = {
    **{
        f"{words} {name}": partial(do, name)
        for name in (CONFIG, WEIGHTS)
        for words, do in {
            "without": _gone,
            "with a folder for": _folder,
            "with a pipe for": _pipe,
            "with a loop for": lambda name, folder: _link(name, name, folder),
            "with a dead link for": lambda name, folder: _link(name, "nowhere", folder),
            "with a device for": lambda name, folder: _link(name, "/dev/zero", folder),
        }.items()
    },
    "that is a file": _is_a_file,
    "that is a loop": _is_a_loop,
    "that is empty": _empty,
    "with git's pointer": _pointer,
    "of another kind of file": lambda folder: (folder / WEIGHTS).rename(folder / "adapter_model.pt"),
}
"""Each leaves a folder that is no adapter."""

HARMLESS: dict[str, Callable[[Path], None]] = {
    "with a loop beside": _loops_inside,
    "with links": _linked_weights,
}
"""Each leaves an adapter that acts."""
