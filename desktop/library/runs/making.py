"""Makes a run's folder from what is asked for: names, data, hashes, and the task for the engine."""

from __future__ import annotations

import shutil
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import msgspec

from desktop import __version__
from desktop.api import LoaderError, Lora, TrainRequest
from desktop.datasets import DataError, DatasetReport, write_rows
from desktop.engine.messages import LoaderRef
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import size_of
from desktop.engine.runs.task import RunTask
from desktop.library.home import Home
from desktop.library.identity import content_hash, fingerprint
from desktop.library.names import make_row_id
from desktop.library.recipes import RecipeError, checked_name

from .history import checkpoint_path
from .run_file import RunError, RunFile, RunRecord, file_hash, write_run_file

Hash = Callable[[Path], str]
_LONGEST = 60
"""Characters of a name in an id."""
_FREE = 64 * 1024 * 1024
"""Bytes a run needs beside its rows before anything is known of the model; the engine looks again."""


def checked_output(name: str, home: Home) -> str:
    """The new adapter's name, composed. Raises RunError where it can't be one or is taken."""
    try:
        name = checked_name(name, "new adapter")
    except RecipeError as error:
        raise RunError(str(error)) from error
    if (home.loras / name).exists() or (home.loras / name).is_symlink():
        raise RunError(f"There is an adapter called {name!r} already. Choose another name; nothing is overwritten.")
    return name


def make_run(run: RunFile, home: Home, hash_of: Hash = content_hash) -> tuple[RunFolder, DatasetReport]:
    """Write everything but the task into a new folder. Raises RunError; there is no folder then.

    Paths in `run` are absolute, and `run.name` is checked.
    """
    if run.name != checked_output(run.name, home):
        raise RunError(f"{run.name!r} is not spelled as file systems spell it.")
    folder = _new_folder(home.runs, run.name)
    try:
        _check_space(run, folder)
        report = write_rows(run.data, folder.root)
        if not report.usable:
            raise RunError(report.problem)
        whole = msgspec.structs.replace(
            run,
            stack=tuple(msgspec.structs.replace(row, content_hash=hash_of(Path(row.path))) for row in run.stack),
            record=RunRecord(
                created=time.time(),
                version=__version__,
                base_fingerprint=fingerprint(Path(run.model.path)),
                rows_hash=file_hash(folder.rows),
                evaluation_hash=file_hash(folder.evaluation),
                data_hash=report.sha256,
                rows=report.rows,
                evaluation_rows=report.evaluation_rows,
                start_hash=hash_of(Path(run.continue_from)) if run.continue_from else "",
                notes=report.notes,
            ),
        )
        write_run_file(folder.run_file, whole)
    except BaseException as error:
        shutil.rmtree(folder.root, ignore_errors=True)
        if isinstance(error, LoaderError | DataError):
            raise RunError(str(error)) from error
        if isinstance(error, OSError):
            raise RunError(f"The run can't be written into {folder.root} ({error.strerror}).") from error
        raise
    return folder, report


def task_of(folder: RunFolder, run: RunFile, loader: LoaderRef, home: Home, resume_step: int = 0) -> RunTask:
    """What the engine is to do for a run that `make_run` made."""
    assert run.record is not None
    return RunTask(
        loader=loader,
        load=run.model.request(),
        stack=stack_of(run),
        train=TrainRequest(
            folder=str(folder.root),
            rows=str(folder.rows),
            evaluation_rows=str(folder.evaluation) if run.record.evaluation_hash else "",
            settings=run.settings,
            samples=run.samples,
            continue_from=run.continue_from,
            resume_from=str(checkpoint_path(folder, resume_step)) if resume_step else "",
            record=_lineage(folder, run),
        ),
        resume_step=resume_step,
        control_from=size_of(folder.control),
        result_to=str(home.loras / run.name),
        version=__version__,
    )


def run_id(name: str, day: str) -> str:
    """A readable id that is a safe name everywhere: the day, then what is left of the adapter's name."""
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in unicodedata.normalize("NFC", name))
    while "--" in kept or ".." in kept:
        kept = kept.replace("--", "-").replace("..", ".")
    return f"{day}-{kept.strip('.-_')[:_LONGEST].strip('.-_') or 'run'}"


def _new_folder(runs: Path, name: str) -> RunFolder:
    wanted = run_id(name, time.strftime("%Y-%m-%d"))
    for number in range(1, 10_000):
        root = runs / (wanted if number == 1 else f"{wanted}-{number}")
        try:
            root.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RunError(f"{root} can't be made ({error.strerror}).") from error
        return RunFolder(root)
    raise RunError(f"Every id like {wanted} is taken. Remove old runs from {runs}.")


def _check_space(run: RunFile, folder: RunFolder) -> None:
    rows = sum(size_of(Path(source)) for source in (*run.data.sources, *run.data.evaluation))
    needed, free = 3 * rows + _FREE, shutil.disk_usage(folder.root).free
    if needed > free:
        raise RunError(
            f"The disk has {free / 1e9:.2f} GB free and the rows alone need {needed / 1e9:.2f} GB. Free some space."
        )


def stack_of(run: RunFile) -> tuple[Lora, ...]:
    """The rows of the stack that the run learns on top of."""
    made: list[Lora] = []
    for row in run.stack:
        row_id = make_row_id(Path(row.path), [other.id for other in made])
        made.append(Lora(id=row_id, name=row.name, path=row.path, weight=row.weight, enabled=row.enabled))
    return tuple(made)


def _lineage(folder: RunFolder, run: RunFile) -> dict[str, str]:
    """Facts kept beside the adapter's weights."""
    assert run.record is not None
    record = run.record
    facts = {
        "base": run.model.name,
        "base_fingerprint": record.base_fingerprint,
        "run": folder.id,
        "lora_deck": record.version,
        "rows_hash": record.rows_hash,
        "data_hash": record.data_hash,
        "data": ", ".join(Path(source).name for source in run.data.sources),
        "settings": msgspec.json.encode(run.settings).decode(),
    }
    if run.stack:
        facts["on_top_of"] = ", ".join(f"{row.name}={row.weight:g} {row.content_hash}" for row in run.stack)
    if run.continue_from:
        facts["continued_from"] = f"{Path(run.continue_from).name} {record.start_hash}"
    return facts
