"""All templates and presets there are to choose from: one's own, and those of folders that are used in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from desktop.library.home import Home
from desktop.library.linked import DATA, PRESETS, TEMPLATES, linked_folders, read_linked
from desktop.library.places import visible
from desktop.library.presets import Preset, read_presets
from desktop.library.user_templates import read_templates
from desktop.prompting.templates import Template, template_names

from .presets import SUFFIXES, read_preset
from .templates import read_template
from .yaml_files import on_one_line

One = TypeVar("One")


def all_templates(home: Home) -> tuple[Template, ...]:
    """The user's own, then those of linked folders; all but those that come along. Raises PromptFileError."""
    own = read_templates(home.templates)
    if not read_linked(home):
        return own
    taken = {*template_names(), *(template.name for template in own)}
    return (*own, *read_all(linked_folders(home, TEMPLATES), taken, read_template))


def all_presets(home: Home) -> tuple[Preset, ...]:
    """Those that come along, the user's own, then those of linked folders. Raises PromptFileError."""
    own = read_presets(home.presets)
    if not read_linked(home):
        return own
    return (*own, *read_all(linked_folders(home, PRESETS), {preset.name for preset in own}, read_preset))


def read_all(folders: Iterable[Path], taken: Iterable[str], read: Callable[[Path, str], One]) -> list[One]:
    """What the YAML files in some folders hold, each under a name that is not taken."""
    names, found = set(taken), []
    for folder in folders:
        for path in yaml_files(folder):
            name = _free_name(path, names)
            names.add(name)
            found.append(read(path, name))
    return found


def yaml_files(folder: Path) -> Sequence[Path]:
    """The YAML files in a folder, by name; none where it can't be read: it may be on a disk that is not there."""
    try:
        return [Path(entry.path) for entry in visible(folder) if entry.name.lower().endswith(SUFFIXES)]
    except OSError:
        return ()


def _free_name(path: Path, taken: set[str]) -> str:
    """The file's name, with the folder it belongs to where that is taken."""
    name = on_one_line(path.stem).strip() or "?"
    program = next(one for one in path.parents[1:] if one.name not in (DATA, "characters"))
    wanted = free = name if name not in taken else f"{name} ({on_one_line(program.name)})"
    number = 1
    while free in taken:
        number += 1
        free = f"{wanted} {number}"
    return free
