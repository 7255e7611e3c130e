"""Looks into a folder of text-generation-webui: what it holds, and what of it can't be used and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from desktop.api import Message
from desktop.library.adapters import list_adapters
from desktop.library.home import Home
from desktop.library.linked import DATA, PARTS, PRESETS, TEMPLATES, data_folders
from desktop.library.models import list_models
from desktop.library.places import is_folder, unreadable_in_words, unsendable
from desktop.library.presets import Preset
from desktop.library.settings import Settings
from desktop.library.shelf.problems import ShelfError
from desktop.prompting.templates import Template, TemplateError

from .presets import read_preset
from .prompting import read_all
from .templates import read_template
from .yaml_files import on_one_line

_NONE = Settings()
One = TypeVar("One")
_SIGNS = ("server.py", "modules", "download-model.py")
"""What lies beside the parts where the program itself is there too."""


class Fault(msgspec.Struct, frozen=True):
    """Something that can't be used, or not all of it."""

    kind: str
    """"model", "adapter", "dataset", "format", "preset" or "template"."""
    name: str
    reason: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be used."""

    kind: str
    name: str
    path: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds."""

    folder: str
    """Absolute."""
    newer: bool = False
    """Whether its parts lie in `user_data`."""
    found: tuple[Found, ...] = ()
    faults: tuple[Fault, ...] = ()
    """What can't be used."""
    notes: tuple[Fault, ...] = ()
    """What can be used, but for a part of it."""

    def count(self, kind: str) -> int:
        """How many of a kind can be used."""
        return sum(one.kind == kind for one in self.found)


KINDS = ("model", "adapter", "dataset", "format", "preset", "template")


def look_into(folder: Path, home: Home, stop: Callable[[], bool] = lambda: False) -> Report:
    """What a folder holds; nothing in it is changed. Raises ShelfError where it is no such folder, or when stopped."""
    root = recognised(folder, home)
    found: list[Found] = []
    faults: list[Fault] = []
    notes: list[Fault] = []
    for place in data_folders(root):
        for look in (_models, _adapters, _datasets, _formats, _presets, _templates):
            if stop():
                raise ShelfError("Stopped. Nothing was changed.")
            look(place, found, faults, notes)
    newer = any(place.name == DATA for place in data_folders(root))
    return Report(folder=str(root), newer=newer, found=tuple(found), faults=tuple(faults), notes=tuple(notes))


def recognised(folder: Path, home: Home) -> Path:
    """The folder, absolute, where it is the program's or its `user_data`. Raises ShelfError with what to choose."""
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - a link stays the name the user knows it by
    if problem := unsendable(root):
        raise ShelfError(f"{on_one_line(str(root))} can't be used. {problem}")
    try:
        if not root.is_dir():
            raise ShelfError(f"There is no folder {root}. Choose the folder of text-generation-webui.")
        os.scandir(root).close()
    except OSError as error:
        raise ShelfError(f"{root}: {unreadable_in_words(root, error)}") from error
    if root.resolve() == home.root.resolve():
        raise ShelfError(f"{root} is the program's own folder, whose things are in the library already.")
    if _is_textgen(root):
        return root
    above = next((one for one in root.parents if _is_textgen(one)), None)
    hint = f" Did you mean {above}?" if above is not None else ""
    raise ShelfError(
        f"{root} is no folder of text-generation-webui: that has models, loras, training, presets and "
        f"instruction-templates inside, or in its user_data.{hint}"
    )


def _is_textgen(root: Path) -> bool:
    """Two of the parts tell it, or one beside the program; `models` and `loras` alone could be anything's."""
    there = {part for place in (root, root / DATA) for part in PARTS if is_folder(place / part)}
    signs = [sign for sign in _SIGNS if (root / sign).exists()]
    return (len(there) >= 2 and bool(signs or there - {"models", "loras"})) or bool(there and len(signs) >= 2)


def _models(place: Path, found: list[Found], faults: list[Fault], _: list[Fault]) -> None:
    for model in list_models(Home(place), _NONE):
        _sort("model", (model.name, model.path, model.problem), found, faults)


def _adapters(place: Path, found: list[Found], faults: list[Fault], _: list[Fault]) -> None:
    for adapter in list_adapters(Home(place), _NONE):
        _sort("adapter", (adapter.name, adapter.path, adapter.problem), found, faults)


def _datasets(place: Path, found: list[Found], faults: list[Fault], _: list[Fault]) -> None:
    # Here and not above: it reads data, which nothing else in the library does.
    from desktop.datasets.catalogue import list_datasets

    for dataset in _read("dataset", lambda: list_datasets(Home(place / "training"), _NONE), faults):
        _sort("dataset", (dataset.name, dataset.path, dataset.problem), found, faults)


def _formats(place: Path, found: list[Found], faults: list[Fault], _: list[Fault]) -> None:
    from desktop.datasets.catalogue import list_formats

    for one in _read("format", lambda: list_formats(Home(place / "training"), _NONE), faults):
        if one.path:  # the others come along with this program
            _sort("format", (one.name, one.path, one.problem), found, faults)


def _presets(place: Path, found: list[Found], faults: list[Fault], notes: list[Fault]) -> None:
    presets: list[Preset] = read_all([place / part for part in PRESETS], (), read_preset)
    for preset in presets:
        _sort("preset", (preset.name, preset.file, preset.problem), found, faults)
        if preset.note:
            notes.append(Fault("preset", preset.name, preset.note))


def _templates(place: Path, found: list[Found], faults: list[Fault], _: list[Fault]) -> None:
    templates: list[Template] = read_all([place / part for part in TEMPLATES], (), read_template)
    for template in templates:
        _sort("template", (template.name, template.file, template.problem or _tried(template)), found, faults)


def _tried(template: Template) -> str:
    """Why a template makes no text of a short conversation; empty where it does."""
    talk = [Message("user", "Hello"), Message("assistant", "Hello"), Message("user", "Hello")]
    try:
        template.render_messages(talk)
    except TemplateError as error:
        return on_one_line(str(error))
    return ""


def _read(kind: str, read: Callable[[], list[One]], faults: list[Fault]) -> Iterable[One]:
    from desktop.datasets.plan import DataError

    try:
        return read()
    except DataError as error:
        faults.append(Fault(kind, f"all {kind}s", str(error)))
        return ()


def _sort(kind: str, thing: tuple[str, str, str], found: list[Found], faults: list[Fault]) -> None:
    name, path, problem = thing
    if problem:
        faults.append(Fault(kind, on_one_line(name), on_one_line(problem)))
    else:
        found.append(Found(kind=kind, name=on_one_line(name), path=path))
