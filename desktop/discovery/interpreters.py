"""Which interpreter runs which loader, and which packages it is lent.

Lent are: the top-level package of the entry point, every other top-level package of the same distribution, and
`loader_kit`, the toolkit any loader may use. The program's own interpreter is lent the same as a foreign one. There
it changes nothing for installed packages, and it makes a checkout or a folder on a relative `PYTHONPATH` work, which
an engine process (it starts in another folder) would not find.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.settings import Settings

TOOLKIT = "loader_kit"
"""The public toolkit for loader authors."""


def interpreter_for(ref: LoaderRef, settings: Settings) -> str:
    """The Python that runs a loader: the one recorded for it, else the program's own."""
    return settings.interpreters.get(ref.name) or sys.executable


def launch_for(ref: LoaderRef, settings: Settings) -> Launch:
    """How an engine for one loader is started."""
    return Launch(interpreter_for(ref, settings), lent_packages(ref))


def lent_packages(ref: LoaderRef) -> dict[str, str]:
    """Top-level package to folder (or to the file of a module that is no package), found without importing any."""
    module = ref.value.partition(":")[0].strip()
    own = module.partition(".")[0]
    names = {own, TOOLKIT, *_top_levels(ref.distribution)}
    found = {name: _place(name, module if name == own else "") for name in sorted(names)}
    return {name: str(place) for name, place in found.items() if place is not None}


def package_folder(name: str) -> Path | None:
    """The folder of a top-level package, or None where there is no such package."""
    place = _place(name, "")
    return place if place is not None and place.is_dir() else None


def _top_levels(distribution: str) -> set[str]:
    """The top-level names a distribution has installed; an editable install lists none, and none are needed."""
    import importlib.metadata

    try:
        files = importlib.metadata.distribution(distribution).files or []
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError):
        return set()
    sources = [file for file in files if file.suffix == ".py"]
    tops = {file.parts[0] if len(file.parts) > 1 else file.stem for file in sources}
    return {top for top in tops if top.isidentifier()}


def _place(name: str, module: str) -> Path | None:
    """Where a top-level name is; of a namespace package the portion that holds `module`, else nothing."""
    try:
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except Exception:
        # The finder of an editable install is other people's code and may raise anything.
        return None
    if spec is None:
        return None
    place = _portion(spec, module) if spec.origin is None else _file_or_folder(spec)
    return place.absolute() if place is not None and place.exists() else None


def _file_or_folder(spec: ModuleSpec) -> Path | None:
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    # Built-in, frozen and compiled modules belong to the interpreter they were made for and are not lent.
    return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None


def _portion(spec: ModuleSpec, module: str) -> Path | None:
    inside = Path(*module.split(".")[1:]) if "." in module else None
    for location in (spec.submodule_search_locations or ()) if inside else ():
        place = Path(location) / (inside or "")
        if place.is_dir() or place.with_suffix(".py").is_file():
            return Path(location)
    return None
