"""The datasets and formats of the library: what there is, and what a name means."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from desktop.library import linked
from desktop.library.home import Home
from desktop.library.places import dataset_folders, format_folders, printable, unreadable_in_words, unsendable, visible
from desktop.library.settings import Settings

from .containers import TEXT_SUFFIXES
from .decoding import Tally
from .formats import find_format, shipped_formats
from .kinds import find_shape
from .plan import DataError, DataPlan
from .reading import read_records, source_files

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", *TEXT_SUFFIXES)
FORMAT_SUFFIX = ".json"
PLACEHOLDER = re.compile(r"(place|put)-.*-here\.txt")
"""What text-generation-webui leaves in its empty folders, so that they are kept."""
LONGEST_COUNTED = 32 << 20
"""Bytes. The rows of what is larger are not counted for a list."""


class DatasetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One dataset: a file, or a folder of texts."""

    name: str
    path: str
    kind: str = ""
    rows: int | None = None
    """Good and bad; None where they were not counted."""
    size: int = 0
    """Bytes."""
    problem: str = ""
    """Why it can't be used; empty where it can."""


class FormatEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One `%key%` format."""

    name: str
    path: str = ""
    """Empty for one that comes along."""
    keys: tuple[str, ...] = ()
    problem: str = ""


def list_datasets(home: Home, settings: Settings) -> list[DatasetEntry]:
    """Every dataset of the library, by name within its folder; one that can't be used with the reason."""
    found = []
    for folder in dataset_folders(home, settings):
        for entry in _visible_in(folder, home):
            path = Path(entry)
            if (path.is_dir() or path.suffix.lower() in SUFFIXES) and not PLACEHOLDER.fullmatch(path.name):
                found.append(_dataset(path))
    return found


def list_formats(home: Home, settings: Settings) -> list[FormatEntry]:
    """The library's own formats, then those that come along."""
    found = [
        _format(str(path), path.stem, str(path))
        for folder in format_folders(home, settings)
        for path in map(Path, _visible_in(folder, home))
        if path.suffix.lower() == FORMAT_SUFFIX
    ]
    return found + [_format(name, name, "") for name in shipped_formats()]


def find_dataset(text: str, home: Home, settings: Settings) -> Path:
    """The file or folder that a name in the library (without its suffix too) or any path means. Raises DataError."""
    folders = dataset_folders(home, settings)
    found = _look_up(text, folders, SUFFIXES)
    if found is None:
        looked = ", ".join(printable(folder) for folder in folders)
        raise DataError(f"There is no dataset {text!r}. Looked in {looked} and at that path.")
    if problem := unsendable(found):
        raise DataError(f"{printable(found.name)} can't be used. {problem}")
    return found


def find_format_name(text: str, home: Home, settings: Settings) -> str:
    """For `DataPlan.format`: the path of a format in the library or anywhere, or a shipped one's name.

    Raises DataError.
    """
    found = _look_up(text, format_folders(home, settings), (FORMAT_SUFFIX,))
    return str(found) if found is not None and found.is_file() else find_format(text).name


def _look_up(text: str, folders: list[Path], suffixes: tuple[str, ...]) -> Path | None:
    """A plain name is looked up in the folders first and can't lead out of them; any text may be a path."""
    try:
        if text and Path(text).name == text and text not in {".", ".."}:
            for folder in folders:
                for name in (text, *(text + suffix for suffix in suffixes)):
                    if (folder / name).exists():
                        return folder / name
        path = Path(text).expanduser()
        return path.absolute() if text and path.exists() else None
    # A NUL in it, too long, links in a circle, or a user nobody knows: it names nothing.
    except (OSError, ValueError, RuntimeError):
        return None


def _visible_in(folder: Path, home: Home) -> list[str]:
    """As `_visible`; another program's folder that can't be read counts as one that is not there."""
    try:
        return _visible(folder)
    except DataError:
        if any(folder.is_relative_to(one) for one in linked.read_linked(home)):
            return []
        raise


def _visible(folder: Path) -> list[str]:
    try:
        return [entry.path for entry in visible(folder)]
    except OSError as error:
        raise DataError(f"{printable(folder)}: {unreadable_in_words(folder, error)}") from error


def _dataset(path: Path) -> DatasetEntry:
    name, where = printable(path.name), printable(path)
    size = 0
    try:
        if problem := unsendable(path):
            raise DataError(problem)
        plan = DataPlan(sources=(str(path),))
        files = source_files(plan.sources)
        size = sum(file.stat().st_size for file in files)
        shape = find_shape(files, plan)
        rows = sum(1 for _ in read_records(files, plan, Tally())) if size <= LONGEST_COUNTED else None
    except DataError as error:
        return DatasetEntry(name=name, path=where, size=size, problem=str(error))
    except OSError as error:
        return DatasetEntry(name=name, path=where, problem=unreadable_in_words(path, error))
    return DatasetEntry(name=name, path=where, kind=shape.kind, rows=rows, size=size)


def _format(text: str, name: str, path: str) -> FormatEntry:
    try:
        return FormatEntry(name=printable(name), path=printable(path), keys=find_format(text).keys)
    except DataError as error:
        return FormatEntry(name=printable(name), path=printable(path), problem=str(error))
