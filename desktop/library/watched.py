"""Which folders have to be watched to notice that the library has changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from .home import Home
from .hub_cache import cache_folders
from .places import adapter_folders, is_folder, model_folders
from .settings import Settings

CHECKPOINTS = "checkpoints"
"""What a run calls the folder of its checkpoints: a new one appears beside those that are listed."""
MOST = 4000
"""Folders that are watched; systems allow some thousands."""


def folders_to_watch(paths: Iterable[str], home: Home, settings: Settings) -> dict[str, int]:
    """The folders of the library, and those of what was listed at these paths; only what is there.

    Of a folder that is missing it is the one it will appear in; what becomes of a file is told by its folder. With each
    when it was changed last, in nanoseconds: what changes before it is watched is seen by that.
    """
    own = [*model_folders(home, settings), *adapter_folders(home, settings)]
    listed = set(paths)
    wanted = {str(folder if is_folder(folder) else folder.parent) for folder in own}
    wanted.update(map(str, cache_folders(home, settings)), listed)
    wanted.update(place for path in listed if os.path.basename(place := os.path.dirname(path)) == CHECKPOINTS)  # noqa: PTH119, PTH120
    found = {path: changed_last(path) for path in sorted(wanted)[:MOST]}
    return {path: when for path, when in found.items() if when}


def changed_last(folder: str) -> int:
    """When something was last put into a folder or taken out of it, in nanoseconds; 0 where no folder can be read."""
    try:
        # Not by a Path: for a thousand folders, making those takes most of the time.
        facts = os.stat(folder)  # noqa: PTH116
    except OSError:
        return 0
    return facts.st_mtime_ns if stat.S_ISDIR(facts.st_mode) else 0
