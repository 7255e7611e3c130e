"""What the check of the data found, for the window, the command line and the run's record."""

from __future__ import annotations

import msgspec

KEPT_BAD_ROWS = 100
"""Bad rows that are told one by one; all are counted."""


class BadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that can't be used."""

    file: str
    """Name of the file, without its folder."""
    row: int
    """Number in the data, from 1; a row that could not be made out has one too."""
    line: int
    """Line of the file on which the row begins, from 1."""
    reason: str
    """Short; the same words for every row with this fault."""
    message: str
    """A sentence about this row."""

    def in_words(self) -> str:
        """One line for people."""
        return f"{self.file}, row {self.row} (line {self.line}): {self.message}"


class DatasetReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known after every row was checked."""

    files: tuple[str, ...]
    """Absolute paths, in the order in which they were read."""
    bytes: int
    sha256: str
    """Of all files' bytes in order, those for evaluation last."""
    kind: str
    kind_reason: str
    """Why the rows were taken for that kind, in words."""
    columns: tuple[str, ...]
    """Names of all columns, in the order in which they first came."""
    mapping: dict[str, str]
    """The column of each role."""
    ignored_columns: tuple[str, ...] = ()
    template: str = ""
    """How rows are dressed: a template's name, or the format's."""
    loss: str = ""
    rows: int = 0
    """Rows to train on."""
    evaluation_rows: int = 0
    bad: int = 0
    """Rows that can't be used."""
    bad_by_reason: dict[str, int] = {}
    bad_rows: tuple[BadRow, ...] = ()
    """The first `KEPT_BAD_ROWS` of them."""
    duplicates: int = 0
    """Rows whose text is that of an earlier one; they are kept."""
    on_bad: str = "stop"
    notes: tuple[str, ...] = ()
    """What the user should know, a sentence each."""

    @property
    def usable(self) -> bool:
        """Whether a run may start with these rows."""
        return self.rows > 0 and (self.bad == 0 or self.on_bad == "skip")

    @property
    def problem(self) -> str:
        """Why no run may start, in words; empty where it may."""
        if self.usable:
            return ""
        if not self.bad:
            return "There are no rows to train on. Choose another file."
        first = self.bad_rows[0].in_words()
        if not self.rows:
            return f"None of the {self.bad} rows can be used. The first: {first}"
        rows = "1 row" if self.bad == 1 else f"{self.bad} rows"
        return f"{rows} can't be used. The first: {first} Mend the file, or have bad rows skipped."
