"""`python -m tests.benchmarks [NAME ...] [--json]`."""

from __future__ import annotations

import argparse
import compileall
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import msgspec

from .registry import all_cases, chosen, measure
from .results import Result, table
from .starter import ROOT


def tell(text: str) -> None:
    """A line for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)


def compile_program() -> None:
    """Have the program's bytecode on the disk, for this process and its children, as an installed program has."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    for folder in ("desktop", "plugins", "tests"):
        compileall.compile_dir(ROOT / folder, quiet=1)


def main(arguments: Sequence[str] | None = None, modules: Sequence[ModuleType] | None = None) -> int:
    """Measure; 0 if everything asked for was measured, whether or not it keeps to its budget."""
    modules = all_cases() if modules is None else modules
    known = [name for module in modules for name in module.NAMES]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure the program against its budgets. Leave the machine alone meanwhile.",
        epilog="Names: " + ", ".join(known),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure (default: everything)")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    args = parser.parse_args(arguments)
    try:
        names = chosen(known, args.names)
    except KeyError as unknown:
        parser.error(f"there is no benchmark {unknown}")
    compile_program()
    results: list[Result] = []
    status = 0
    try:
        for one in measure(modules, names, tell):
            results.append(one)
    except RuntimeError as failure:
        tell(str(failure))
        status = 1
    print(msgspec.json.encode(results).decode() if args.json else table(results))
    return status


if __name__ == "__main__":
    sys.exit(main())
