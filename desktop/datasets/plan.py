"""What is asked for: which files, how they are read, what becomes of a row, and which part of it is learnt."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal["auto", "alpaca", "completion", "messages", "conversations", "text", "columns", "raw"]
"""Shape of the rows. `columns` is whatever a `%key%` format takes; `raw` is text without rows."""
OnBad = Literal["stop", "skip"]

ANSWERS = "answers"
EVERYTHING = "all"
AFTER = "after:"
"""Begins a loss that counts only what stands after a given string."""
CHATML_TEMPLATE = "chatml"
"""Name of the chat template that is used where the model brings none."""


class DataError(Exception):
    """The data can't be used as asked; the message says where, why and what to do next."""


class RowError(Exception):
    """One row can't be used. `reason` is the same words for all rows with that fault; the message tells of this one."""

    def __init__(self, reason: str, message: str = "") -> None:
        """`message` is a full sentence; without one the reason is it."""
        super().__init__(message or f"{reason[:1].upper()}{reason[1:]}.")
        self.reason = reason


class DataPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request for training rows. All paths are absolute."""

    sources: tuple[str, ...]
    """Files, or folders of `.txt` and `.md` files, in the order in which they are read."""
    kind: Annotated[Kind, Meta(description="Shape of the rows; auto looks at the first ones.")] = "auto"
    mapping: Annotated[
        dict[str, str],
        Meta(description="Which column is the instruction, input, output, system or text, where names differ."),
    ] = {}
    template: Annotated[
        str,
        Meta(
            description="How a row is dressed: plain, alpaca, alpaca-fr, model, chatml, ...; empty picks by the kind."
        ),
    ] = ""
    format: Annotated[str, Meta(description="A %key% format: a shipped one's name or a file's path.")] = ""
    model_folder: Annotated[str, Meta(description="Folder of the base model, for its own chat template.")] = ""
    loss: Annotated[
        str, Meta(description="What is learnt: answers, all, or after:TEXT for what stands after a text.")
    ] = ANSWERS
    on_bad: Annotated[OnBad, Meta(description="What a row that can't be used does: stop it all, or be left out.")] = (
        "stop"
    )
    holdout: Annotated[
        float, Meta(ge=0, description="Rows kept back for evaluation: below 1 a share of them, else their number.")
    ] = 0.0
    evaluation: tuple[str, ...] = ()
    """Files of rows for evaluation, in the place of a share of `sources`."""
    seed: Annotated[int, Meta(ge=0, description="Decides which rows are kept back.")] = 42
    hard_cut: Annotated[
        str, Meta(description="Raw text is divided wherever this stands; \\n means a new line, empty divides nowhere.")
    ] = "\\n\\n\\n"
    min_block: Annotated[
        int, Meta(ge=0, description="Pieces of raw text with at most this many characters are left out.")
    ] = 0


def unescaped(text: str) -> str:
    """The text with `\\n`, `\\r`, `\\t` and `\\\\` as people type them in a field of one line."""
    known = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
    made, position = "", 0
    while position < len(text):
        follows = known.get(text[position + 1 : position + 2]) if text[position] == "\\" else None
        made += text[position] if follows is None else follows
        position += 1 if follows is None else 2
    return made


def checked_plan(plan: DataPlan) -> DataPlan:
    """The plan as it was given. Raises DataError where its parts can't go together."""
    if not plan.sources:
        raise DataError("No data file is named. Choose a file of rows, a text, or a folder of texts.")
    if plan.loss not in (ANSWERS, EVERYTHING) and not plan.loss.startswith(AFTER):
        raise DataError(f"The loss {plan.loss!r} is not known. Use answers, all, or after:TEXT.")
    if plan.loss == AFTER:
        raise DataError("after: needs the text after which learning begins, such as after:### Response:")
    if plan.holdout >= 1 and plan.holdout != int(plan.holdout):
        raise DataError(f"{plan.holdout:g} rows can't be kept back. Give a share below 1 or a whole number.")
    if plan.holdout and plan.evaluation:
        raise DataError("Rows are kept back and a file for evaluation is given. Choose one of the two.")
    if plan.format and plan.template:
        raise DataError("A format and a template are both given. Choose one of the two.")
    if plan.kind == "columns" and not plan.format:
        raise DataError("Rows of the kind columns need a format that says what becomes of them. Choose one.")
    return plan
