"""What was measured before, by what was measured: a table that was broken off goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from desktop.api import EvaluateRequest, Evaluation, Lora, ModelInfo
from desktop.engine.runs.lines import Tail, append_line
from desktop.library.home import Home
from desktop.library.identity import fingerprint

from .making import Hash

FILE = "evaluations.jsonl"
_COUNTS = ("cutoff", "overlap", "newline_reach", "add_bos", "add_eos")
"""Settings that change which tokens are measured."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file."""

    key: str
    evaluation: Evaluation


class Evaluations:
    """The measurements of one base on one file of rows."""

    def __init__(self, home: Home, info: ModelInfo, request: EvaluateRequest) -> None:
        """Reads what is known. Raises LoaderError or OSError where the base or the rows can't be read."""
        self._file = home.cache / FILE
        told = [request.stride, *(getattr(request.settings, name) for name in _COUNTS)]
        with Path(request.rows).open("rb") as file:
            rows_hash = hashlib.file_digest(file, "sha256").hexdigest()
        held = (info.dtype, info.bits, info.device, sorted(info.versions.items()))
        self._about = msgspec.json.encode((fingerprint(Path(info.path)), held, rows_hash, told))
        self._known = {one.key: one.evaluation for one in Tail[Measured](self._file, Measured).read()}

    def key(self, stack: Sequence[Lora], hash_of: Hash) -> str:
        """Names what is measured: base, rows and the adapters by what is in their files."""
        rows = [(hash_of(Path(row.path)), row.effective_weight) for row in stack if row.effective_weight]
        return hashlib.sha256(self._about + msgspec.json.encode(rows)).hexdigest()

    def get(self, key: str) -> Evaluation | None:
        """What was measured before, or None."""
        return self._known.get(key)

    def put(self, key: str, evaluation: Evaluation) -> None:
        """Remember it. Raises OSError."""
        self._known[key] = evaluation
        self._file.parent.mkdir(parents=True, exist_ok=True)
        append_line(self._file, Measured(key=key, evaluation=evaluation))
