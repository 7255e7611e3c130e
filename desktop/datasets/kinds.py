"""Which kind of rows files hold, and which column is what: told from the first rows, and overridden by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from desktop.library.places import printable

from .columns import ALL_ROLES, REQUIRED, ROLES, propose
from .containers import WORDS
from .decoding import Tally
from .plan import DataError, DataPlan
from .reading import container_of, read_records

LOOKED_AT = 200
"""Rows from which the kind is told."""
_IN_WORDS = {
    "alpaca": "instructions with answers (Alpaca)",
    "completion": "prompts with completions",
    "messages": "conversations (messages)",
    "conversations": "conversations (ShareGPT)",
    "text": "texts",
    "columns": "columns for a format",
    "raw": "plain text",
    "unknown": "unknown",
}


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How a set of files is read."""

    kind: str
    """One of `Kind` besides auto, or `unknown` where no row could be read."""
    reason: str
    """Why, in words."""
    mapping: dict[str, str] = {}
    """The column of each role that has one."""
    columns: tuple[str, ...] = ()
    """Of the first rows."""
    notes: tuple[str, ...] = ()


def find_shape(files: Sequence[Path], plan: DataPlan) -> Shape:
    """Look at the first rows. Raises DataError where no kind fits, or the wished one does not."""
    containers = {file: container_of(file, plan) for file in files}
    texts = [file for file, container in containers.items() if container == "text"]
    if texts and len(texts) < len(files):
        other = next(file for file in files if file not in texts)
        raise DataError(
            f"{printable(texts[0].name)} is plain text and {printable(other.name)} has rows. "
            "Train on one kind at a time."
        )
    held = WORDS[containers[files[0]]]
    if texts:
        if plan.kind not in ("auto", "raw"):
            raise DataError(f"{printable(files[0].name)} is plain text and has no rows of the kind {plan.kind}.")
        return Shape(kind="raw", reason=f"The file is {held}.")
    return _shape_of_rows(files, plan, held)


def _shape_of_rows(files: Sequence[Path], plan: DataPlan, held: str) -> Shape:
    unknown = sorted(set(plan.mapping) - ALL_ROLES)
    if unknown and not plan.format:
        raise DataError(f"{unknown[0]!r} is nothing a column can be. Use one of: {', '.join(sorted(ALL_ROLES))}.")
    # Of each row only the columns and whether they hold lists: two hundred rows of any length would not fit.
    rows = [
        {str(name): isinstance(value, list) for name, value in record.value.items()}
        for record in islice(read_records(files, plan, Tally()), LOOKED_AT)
        if isinstance(record.value, dict)
    ]
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return Shape(kind="unknown", reason=f"The file is {held}, but its first rows have no named columns.")
    _check_mapping(plan, columns)
    lists = {name for row in rows for name, is_list in row.items() if is_list}
    conversations = any(propose(kind, columns, lists, {}) for kind in ("messages", "conversations"))
    if plan.format and (plan.kind == "columns" or (plan.kind == "auto" and not conversations)):
        usual = propose("alpaca", columns, lists, {}) or {}
        return Shape(
            kind="columns",
            reason=f"The file is {held}, and the format {Path(plan.format).stem} takes its columns.",
            mapping={role: name for role, name in usual.items() if role not in columns} | plan.mapping,
            columns=columns,
        )
    kinds = list(ROLES) if plan.kind == "auto" else [plan.kind]
    fitting = {kind: mapping for kind in kinds if (mapping := propose(kind, columns, lists, plan.mapping)) is not None}
    if fitting:
        # A stray row of another kind must not decide.
        kind = max(fitting, key=lambda kind: sum(_has(row, kind, fitting[kind]) for row in rows))
        mapping = fitting[kind]
        return Shape(kind=kind, reason=_reason(held, kind, mapping, plan), mapping=mapping, columns=columns)
    raise DataError(_nothing_fits(plan, columns, rows))


def _has(row: Mapping[str, bool], kind: str, mapping: Mapping[str, str]) -> bool:
    return all(mapping[role] in row for role in REQUIRED[kind])


def _check_mapping(plan: DataPlan, columns: Sequence[str]) -> None:
    for role, column in plan.mapping.items():
        if column not in columns:
            raise DataError(f"There is no column {column!r} for {role}. Columns: {_listed(columns)}.")


def _listed(columns: Sequence[str]) -> str:
    names = [column if len(column) <= 40 else f"{column[:39]}…" for column in columns[:20]]
    return ", ".join(names) + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")


def _reason(held: str, kind: str, mapping: Mapping[str, str], plan: DataPlan) -> str:
    named = ", ".join(column if role == column else f"{column} as {role}" for role, column in mapping.items())
    begin = "You chose" if plan.kind != "auto" else "Its columns say"
    return f"The file is {held}. {begin} {_IN_WORDS[kind]}: {named}."


def _nothing_fits(plan: DataPlan, columns: Sequence[str], rows: Sequence[Mapping[str, bool]]) -> str:
    listed = f"The columns are {_listed(columns)}."
    if len(rows) == 1 and (inside := next((name for name, is_list in rows[0].items() if is_list), "")):
        return f"{listed} The rows seem to stand in a list under {inside!r}. Save that list as a file of its own."
    if plan.kind != "auto":
        needed = " and ".join(REQUIRED.get(plan.kind, ()))
        return (
            f"{listed} Rows of the kind {plan.kind} need {needed}. Say which column is which, or choose another kind."
        )
    return (
        f"{listed} None of them says what is asked and what is answered. Say which is which, such as "
        "instruction=QUESTION and output=ANSWER, or choose a format."
    )
