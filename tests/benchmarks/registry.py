"""Finds the cases and runs those that are asked for."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from . import cases
from .results import Result


def all_cases() -> list[ModuleType]:
    """Every module in `cases/`, by name."""
    found = sorted(module.name for module in pkgutil.iter_modules(cases.__path__))
    return [importlib.import_module(f"{cases.__name__}.{name}") for name in found]


def chosen(known: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The names asked for; a beginning such as `decode.adapters` stands for all below it. Raises KeyError."""
    if not asked:
        return list(known)
    for wanted in asked:
        if not any(_below(name, wanted) for name in known):
            raise KeyError(wanted)
    return [name for name in known if any(_below(name, wanted) for wanted in asked)]


def measure(modules: Sequence[ModuleType], names: Sequence[str], tell: Callable[[str], None]) -> Iterator[Result]:
    """Run the cases that measure one of `names`. A case that fails is told; RuntimeError after all others have run."""
    failed = []
    for module in modules:
        wanted = [name for name in module.NAMES if name in names]
        if not wanted:
            continue
        tell(f"Measuring {', '.join(wanted)}")
        try:
            for found in module.run(wanted):
                tell(f"  {found.name}: {found.value:g} {found.unit}")
                yield found
        except Exception:
            traceback.print_exc(file=sys.stderr)
            failed += wanted
    if failed:
        raise RuntimeError(f"not measured: {', '.join(failed)}")


def _below(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}.")
