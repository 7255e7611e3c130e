"""Copies what a folder of text-generation-webui holds into the program's own: never over anything, and whole or not."""

from __future__ import annotations

import errno
import filecmp
import os
import secrets
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from desktop.library.formats import WEIGHTS
from desktop.library.home import Home
from desktop.library.linked import DATASETS, FORMATS, LORAS, MODELS, PRESETS, TEMPLATES, data_folders
from desktop.library.places import unreadable_in_words, visible
from desktop.library.presets import save_preset
from desktop.library.prompt_files import PromptFileError
from desktop.library.shelf.changing import SPARE
from desktop.library.shelf.problems import ShelfError
from desktop.library.sizes import size_in_words
from desktop.library.user_templates import save_template

from .looking import Fault, Report
from .presets import read_preset
from .prompting import read_all
from .templates import read_template
from .yaml_files import on_one_line

Tell = Callable[[str, float], None]
"""Told what is copied, and the fraction of all bytes that is done."""
Stop = Callable[[], bool]
_BLOCK = 1 << 22


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    copied: int
    """Things that were copied."""
    left: tuple[Fault, ...] = ()
    """What was not, and why."""


class _Piece(msgspec.Struct, frozen=True):
    """A file or a folder that is copied as one."""

    kind: str
    source: Path
    target: Path


def copy_into(report: Report, home: Home, tell: Tell, stop: Stop) -> Copied:
    """Copy everything that can be used. Raises ShelfError when stopped or full; what is copied whole by then stays."""
    pieces = _pieces(report, home)
    left = [
        Fault(one.kind, on_one_line(one.source.name), f"{one.target} is there already. Nothing is overwritten.")
        for one in pieces
        if os.path.lexists(one.target)
    ]
    pieces = [one for one in pieces if not os.path.lexists(one.target)]
    sizes = [_bytes_behind(one.source) for one in pieces]
    _refuse_full_disk(home, sum(sizes))
    done, whole, copied = 0, max(sum(sizes), 1), 0
    for piece, size in zip(pieces, sizes, strict=True):
        tell(piece.source.name, done / whole)
        try:
            _copy_whole(piece, stop)
            copied += 1
        except OSError as error:
            reason = unreadable_in_words(piece.source, error)
            left.append(Fault(piece.kind, on_one_line(piece.source.name), f"It could not be copied. {reason}"))
        done += size
    texts, untaken = _copy_texts(report, home)
    return Copied(copied=copied + texts, left=(*left, *untaken))


def _pieces(report: Report, home: Home) -> list[_Piece]:
    """What lies directly in the folders of the parts and leads to something usable."""
    used = {Path(one.path) for one in report.found}
    above = {parent for path in used for parent in path.parents}
    places = (("model", MODELS, home.models), ("adapter", LORAS, home.loras), ("dataset", DATASETS, home.datasets),
              ("format", FORMATS, home.formats))  # fmt: skip
    found = []
    for data in data_folders(Path(report.folder)):
        for kind, parts, own in places:
            for entry in (entry for part in parts for entry in _entries(data / part)):
                if entry in used or entry in above or (kind == "model" and _is_weights(entry)):
                    found.append(_Piece(kind, entry, own / entry.name))
    return list({piece.target: piece for piece in reversed(found)}.values())[::-1]


def _entries(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in visible(folder)]
    except OSError:
        return []  # the report has told it


def _is_weights(path: Path) -> bool:
    """A later part of a split file is no model of its own."""
    return path.suffix.lower() in WEIGHTS and path.is_file()


def _refuse_full_disk(home: Home, needed: int) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.root).free
    if needed and needed + SPARE > free:
        raise ShelfError(
            f"The copies need {size_in_words(needed)}, and {size_in_words(free)} are free in {home.root}. Free some "
            "space, or use the folder in place."
        )


def _copy_whole(piece: _Piece, stop: Stop) -> None:
    """Copy beside the target under a hidden name, compare, then rename. Raises OSError and ShelfError."""
    piece.target.parent.mkdir(parents=True, exist_ok=True)
    beside = piece.target.parent / f".copying-{secrets.token_hex(6)}"
    try:
        _copy(piece.source, beside, stop, (piece.source.resolve(),))
        if os.path.lexists(piece.target):
            raise ShelfError(f"{piece.target} has appeared meanwhile. Nothing is overwritten.")
        beside.rename(piece.target)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
        else:
            beside.unlink(missing_ok=True)


def _copy(source: Path, target: Path, stop: Stop, way: tuple[Path, ...]) -> None:
    """A file, or a folder with what its links lead to; a link back to where it comes from is left out."""
    if source.is_dir():
        target.mkdir()
        for entry in sorted(source.iterdir()):
            real = entry.resolve()
            if entry.is_dir() and any(one == real or one.is_relative_to(real) for one in way):
                continue
            _copy(entry, target / entry.name, stop, (*way, real))
        return
    if not source.is_file():
        # Not opened: a pipe would wait for somebody to write into it.
        raise OSError(errno.EINVAL, f"{on_one_line(source.name)} in it is no file, or a link to nothing", str(source))
    with source.open("rb") as reading, target.open("xb") as writing:
        while block := reading.read(_BLOCK):
            if stop():
                raise ShelfError("Stopped. What is copied whole is in the library; the folder itself is as it was.")
            writing.write(block)
        writing.flush()
        os.fsync(writing.fileno())
    if not filecmp.cmp(source, target, shallow=False):
        raise ShelfError(f"The copy of {source.name} differs from it. Look at the disk.")


def _bytes_behind(path: Path, way: tuple[Path, ...] = ()) -> int:
    """Bytes of a file, or of a folder with what its links lead to; what can't be read counts as nothing."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        real = path.resolve()
        if real in way:
            return 0
        return sum(_bytes_behind(entry, (*way, real)) for entry in path.iterdir())
    except OSError:
        return 0  # copying it tells


def _copy_texts(report: Report, home: Home) -> tuple[int, list[Fault]]:
    """Presets and templates, in this program's words; how many, and what was not copied."""
    usable = {(one.kind, one.path) for one in report.found}
    saved: list[Fault | None] = []
    for data in data_folders(Path(report.folder)):
        for preset in read_all([data / part for part in PRESETS], (), read_preset):
            if ("preset", preset.file) in usable:
                save = partial(save_preset, home.presets, preset.name, preset.sampling)
                saved.append(_saved("preset", preset.name, home.presets / f"{preset.name}.toml", save))
        for template in read_all([data / part for part in TEMPLATES], (), read_template):
            if ("template", template.file) in usable:
                save = partial(save_template, home.templates, template.name, template.source)
                saved.append(_saved("template", template.name, home.templates / f"{template.name}.jinja", save))
    left = [fault for fault in saved if fault is not None]
    return len(saved) - len(left), left


def _saved(kind: str, name: str, target: Path, save: Callable[[], str]) -> Fault | None:
    """None where it is saved; else why not."""
    if os.path.lexists(target):
        return Fault(kind, name, f"{target} is there already. Nothing is overwritten.")
    try:
        save()
    except PromptFileError as error:
        return Fault(kind, name, on_one_line(str(error)))
    return None
