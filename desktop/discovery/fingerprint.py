"""The state of everything a loader's description may depend on, as one short text that changes with it."""

from __future__ import annotations

import hashlib
import os
import site
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from desktop import __version__
from desktop.engine.messages import PROTOCOL
from desktop.engine.process import Launch

LIBRARIES = (
    "lib*/python3*/site-packages",
    "lib/python3*/dist-packages",
    "local/lib/python3*/dist-packages",
    "Lib/site-packages",
)
"""Where interpreters keep packages, relative to their prefix: the usual one, Debian's two, Windows's."""

METADATA = (".dist-info", ".egg-info", ".egg-link", ".pth")
MOST_FILES = 3000
"""Files looked at in one lent package; a larger one is noticed by its first files and by its metadata."""


def state_of(launch: Launch) -> str:
    """A digest of the interpreter, the packages installed in it and the packages lent to it. Takes milliseconds."""
    digest = hashlib.sha256()
    for fact in _facts(launch):
        digest.update(fact.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def _facts(launch: Launch) -> Iterator[str]:
    program = Path(__file__).resolve().parent.parent
    searched = os.environ.get("PYTHONPATH", "")
    yield f"{__version__} {PROTOCOL} {searched}"
    python = Path(launch.python)
    yield _stamp(python)
    yield _stamp(python.parent.parent / "pyvenv.cfg")
    folders = [Path(folder) for folder in searched.split(os.pathsep) if folder]
    for folder in [*site_folders(launch.python), *folders]:
        yield from _installed(folder)
    for place in [str(program / "api"), str(program / "engine"), *launch.packages.values()]:
        yield from islice(_files(place), MOST_FILES)


def site_folders(python: str) -> list[Path]:
    """The folders an interpreter's packages are installed in: known for our own, by their usual places for others."""
    if python == sys.executable:
        user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
        return [Path(folder) for folder in (*site.getsitepackages(), *user)]
    executable = Path(python)
    # The last one: a virtual environment may see the packages of the Python it was made with.
    prefixes = {executable.parent.parent, executable.parent, executable.resolve().parent.parent}
    return sorted({folder for prefix in prefixes for pattern in LIBRARIES for folder in prefix.glob(pattern)})


def _installed(folder: Path) -> Iterator[str]:
    """What is installed in a folder. Not the folder's own time: that changes when a module there is compiled."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name == "__pycache__" or entry.name.startswith("."):
            continue
        yield _stamp(Path(entry)) if entry.name.endswith(METADATA) else entry.path


def _files(place: str) -> Iterator[str]:
    if not Path(place).is_dir():
        yield _stamp(Path(place))
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            yield _stamp(Path(folder, name))


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"{path} is not there"
    return f"{path} {status.st_size} {status.st_mtime_ns}"
