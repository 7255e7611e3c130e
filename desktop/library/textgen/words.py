"""What is said of a folder of text-generation-webui: what it holds, and what can't be used."""

from __future__ import annotations

from .looking import KINDS, Fault, Report

_SEVERAL = {"dataset": "datasets", "format": "formats of data"}


def counts_in_words(report: Report) -> str:
    """One sentence with the count of every kind there is."""
    parts = [_count(kind, report.count(kind)) for kind in KINDS if report.count(kind)]
    if not parts:
        return "Nothing in it can be used."
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"It holds {listed} that can be used."


def fault_in_words(fault: Fault) -> str:
    """One line: what it is, and why."""
    return f"{fault.kind} {fault.name}: {fault.reason}"


def _count(kind: str, number: int) -> str:
    if number == 1:
        return f"1 {'format of data' if kind == 'format' else kind}"
    return f"{number:,} {_SEVERAL.get(kind, f'{kind}s')}"
