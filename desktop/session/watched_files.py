"""Notices that the files of a loaded model were replaced: they are mapped, not read."""

from __future__ import annotations

from pathlib import Path

from desktop.library.formats import files_of

from .translating import tr

Mark = tuple[int, int, int]


class WatchedFiles:
    """The weight files of the loaded model as they were when it was loaded."""

    def __init__(self) -> None:
        """Nothing is watched."""
        self._marks: dict[Path, Mark] = {}

    def remember(self, path: str) -> None:
        """From now on these files are meant."""
        try:
            self._marks = {file: mark for file in files_of(Path(path)) if (mark := _mark(file)) is not None}
        except OSError:
            self._marks = {}  # the folder has gone since; loading has just read it, and the answers go on

    def changed(self) -> str:
        """What happened to them, in words; empty where nothing did."""
        for file, mark in self._marks.items():
            now = _mark(file)
            if now is None:
                words = tr("{name} is no longer where it was loaded from. Put it back before it is needed again.")
                return words.format(name=file.name)
            if now != mark:
                words = tr("{name} was changed after it was loaded. Load the model again before you trust it.")
                return words.format(name=file.name)
        return ""


def _mark(file: Path) -> Mark | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns)
