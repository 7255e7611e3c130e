"""`python -m tests.gpu`: runs the checks and prints one table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from desktop.library.home import Home
from tests.contract.opening import install_own_loaders, plugins_of

from .cases import CASES, REFERENCE, Case
from .checking import Row, check, reference
from .machine import card, lacking, unpack_wheels, why_no_card
from .making import make_shelf


def main(arguments: Sequence[str] | None = None) -> int:
    """Check; 0 if nothing that ran is wrong. Without a card it says so and checks nothing."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(
        prog="python -m tests.gpu",
        description="Check every loader on a CUDA card.",
        epilog="Names: " + ", ".join(names),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to check (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    parser.add_argument("--wheels", type=Path, metavar="FOLDER", help="packages to take from here")
    parser.add_argument("--device", default="cuda:0", help="another card, or cpu to try the checks themselves")
    args = parser.parse_args(arguments)
    why_not = why_no_card() if args.device != "cpu" else ""
    if why_not:
        tell(f"{why_not} Nothing was checked.")
        if args.json:
            print("[]")
        return 0
    wanted = [case for case in CASES if not args.names or case.name in args.names]
    rows = run(wanted, args.device, args.wheels)
    tell(card())
    print(msgspec.json.encode(rows).decode() if args.json else table(rows))
    return 1 if any(row.state.startswith(("wrong", "failed")) for row in rows) else 0


def run(cases: Sequence[Case], device: str, wheels: Path | None) -> list[Row]:
    """All cases, one engine after the other."""
    with tempfile.TemporaryDirectory(prefix="lora-deck-gpu-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        carried = folder / "carried" if wheels else None
        if wheels and carried:
            tell("Unpacking the wheels")
            unpack_wheels(wheels, carried)
        tell("Making checkpoints")
        shelf, home = folder / "shelf", Home(folder / "home")
        make_shelf(shelf)
        (folder / "own").mkdir()
        places = [*install_own_loaders(folder / "own"), *([carried] if carried else [])]
        rows = []
        with plugins_of(*places):
            tell("Computing the reference")
            expected = reference(REFERENCE, shelf, home, device)
            for case in cases:
                tell(f"Checking {case.name}")
                missing = lacking(case.packages, carried)
                if missing:
                    rows.append(Row(name=case.name, state=f"skipped: {missing[0]} is not installed"))
                elif case.card and device == "cpu":
                    rows.append(Row(name=case.name, state="skipped: it computes on a card only"))
                else:
                    rows.append(check(case, expected, shelf, home, device))
        return rows


def table(rows: Sequence[Row]) -> str:
    """One line a case."""
    heads = ("case", "load s", "base", "stack", "formula", "removal", "tok/s", "with 2", "MiB", "state")
    lines = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name, _number(row.load_seconds, ".1f"), _number(row.base_error, ".1e"), _number(row.stack_error, ".1e"),
        row.formula or "-", row.removal or "-", _number(row.tokens_a_second, ".0f"),
        _number(row.with_two_adapters, ".0f"), _number(row.megabytes, ".0f"), row.state,
    )  # fmt: skip


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def tell(text: str) -> None:
    """A line for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
