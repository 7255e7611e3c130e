"""A run's file: everything that decides it, in TOML, for the command line, for people and for the next run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import GenerateRequest, LoadRequest, TrainSettings
from desktop.api.loading import Bits, DType
from desktop.datasets import DataPlan
from desktop.library.atomic import write_atomically


class RunError(Exception):
    """A run can't be made, read or resumed; the message says why and what to do."""


class Base(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base model and how it is held."""

    name: str
    """A name of the library or a path."""
    path: str = ""
    """Where it was found; absolute."""
    loader: str = ""
    """Name of the loader; empty lets the verdicts choose."""
    dtype: DType = "auto"
    bits: Bits = 16
    device: str = "auto"
    memory_limits: dict[str, int] = {}
    settings: dict[str, Any] = {}

    def request(self, trust_remote_code: bool = False) -> LoadRequest:
        """What is asked of the loader. Trust in remote code is never written down."""
        return LoadRequest(
            path=self.path,
            dtype=self.dtype,
            bits=self.bits,
            device=self.device,
            memory_limits=self.memory_limits,
            trust_remote_code=trust_remote_code,
            settings=self.settings,
        )


class StackRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An adapter that is attached while the new one learns, and stays as it is."""

    name: str
    path: str = ""
    """Where it was found; absolute."""
    weight: float = 1.0
    enabled: bool = True
    content_hash: str = ""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the program found when it made the run; a resume compares with it."""

    created: float
    """Seconds since 1970."""
    version: str
    base_fingerprint: str
    """As `desktop.library.identity.fingerprint`."""
    rows_hash: str
    """SHA-256 of `rows.jsonl`."""
    evaluation_hash: str = ""
    """SHA-256 of `evaluation.jsonl`; empty where there is none."""
    data_hash: str = ""
    """SHA-256 of the user's own files."""
    rows: int = 0
    evaluation_rows: int = 0
    start_hash: str = ""
    """Content hash of the adapter in `continue_from`."""
    notes: tuple[str, ...] = ()


class RunFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run. Without `record` it is a wish; the program writes it into the run's folder with one."""

    name: str
    """What the adapter will be called in the library."""
    continue_from: str = ""
    """Adapter whose factors the run starts with: a name or a path; empty for fresh ones."""
    model: Base
    stack: tuple[StackRow, ...] = ()
    data: DataPlan
    settings: TrainSettings = TrainSettings()
    samples: tuple[GenerateRequest, ...] = ()
    record: RunRecord | None = None


def read_run_file(path: Path) -> RunFile:
    """Read a run's file; paths of data are made absolute, from the file's own folder. Raises RunError."""
    try:
        run = msgspec.toml.decode(path.read_bytes(), type=RunFile)
    except OSError as error:
        raise RunError(f"{path} can't be read ({error.strerror}).") from error
    except ValueError as error:
        raise RunError(f"{path} is no run file: {error}. `docs/training.md` shows one.") from error
    folder = path.absolute().parent
    data = msgspec.structs.replace(
        run.data,
        sources=tuple(str(folder / Path(source).expanduser()) for source in run.data.sources),
        evaluation=tuple(str(folder / Path(source).expanduser()) for source in run.data.evaluation),
    )
    return msgspec.structs.replace(run, data=data)


def write_run_file(path: Path, run: RunFile) -> None:
    """Write it atomically; fields that are unset are left out. Raises OSError."""
    write_atomically(path, msgspec.toml.encode(_without_nothing(msgspec.to_builtins(run))))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; empty where there is none. Raises OSError."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_nothing(value: Any) -> Any:
    """TOML has no word for "unset"."""
    if isinstance(value, dict):
        return {key: _without_nothing(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_without_nothing(part) for part in value]
    return value
