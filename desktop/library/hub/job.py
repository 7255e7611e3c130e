"""One download from beginning to end, as the child runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

import msgspec

from . import staging
from .checking import compare
from .choosing import Choice, choose
from .events import Arrived, Checked, FileSize, Finished, Found, Results, Search, Task, Told, Waiting
from .pace import Pace
from .record import Record, RemoteFile, bytes_done, is_there, part_size
from .remote import Listing, list_files
from .repo_paths import refuse_hostile
from .retrying import Patience
from .transfer import Transfer
from .updating import apply_update, plan_update

_TICK = 0.25
"""Seconds between two words on how far it is."""
Tell = Callable[[Told], None]


def run(task: Task, tell: Tell) -> None:
    """Do what the task says. Raises HubError or OSError; then nothing of it is in the library."""
    patience = _patience(task, tell)
    listing = patience.run(lambda: list_files(task.repo, task.revision), task.repo, task.revision)
    choice = choose(listing.files, task.wish)
    refuse_hostile(file.path for file in choice.files)
    target = _target(task, choice)
    record = Record(
        repo=listing.repo,
        asked=task.repo,
        revision=task.revision,
        commit=listing.commit,
        kind=choice.kind,
        files=choice.files,
        wish=task.wish,
    )
    if task.check:
        tell(_found(record, choice, target, sum(file.size for file in choice.files if is_there(target, file))))
        tell(Checked(repo=record.repo, folder=str(target), commit=record.commit, files=len(record.files),
                     differences=compare(target, record)))  # fmt: skip
        return
    with staging.locked(target):
        _fetch(task, record, choice, listing, target, tell)


def run_search(asked: Search, tell: Tell) -> None:
    """Tell what the hub has. Raises HubError."""
    from .search import search

    tell(Results(hits=_patience(asked, tell).run(lambda: search(asked), "the search", "main")))


def _patience(asked: Task | Search, tell: Tell) -> Patience:
    # The hub's library warns of every failure, which is told here in words of its own.
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)

    def tell_wait(reason: str, seconds: float) -> None:
        tell(Waiting(reason=reason, seconds=seconds))

    return Patience(asked.tries, asked.first_wait, tell_wait)


def _fetch(task: Task, record: Record, choice: Choice, listing: Listing, target: Path, tell: Tell) -> None:
    patience = _patience(task, tell)
    update = plan_update(target, record, listing) if task.update else None
    missing = update.fetch if update else staging.missing_in(target, record)
    record = update.record if update else record
    wanted = msgspec.structs.replace(record, files=record.files if missing is None else missing)
    total = sum(file.size for file in record.files)
    change, fetched = "none", 0
    if update or missing is None or missing:
        change = "updated" if update else "new" if missing is None else "added"
        hidden = staging.prepare(target, wanted)
        there = total - sum(file.size for file in wanted.files)
        tell(_found(record, choice, target, there + bytes_done(hidden, wanted)))
        staging.refuse_full_disk(hidden, wanted)
        fetched = _fetch_all(hidden, wanted, patience, task.workers, tell)
        if update:
            apply_update(hidden, target, update)
        elif missing is None:
            staging.complete(hidden, target, record)
        else:
            staging.add(hidden, target, record, missing)
    else:
        tell(_found(record, choice, target, total))
    tell(
        Finished(
            repo=record.repo,
            kind=record.kind,
            folder=str(target),
            files=len(record.files),
            total=total,
            fetched=fetched,
            change=change,
            commit=record.commit,
        )
    )


def _fetch_all(hidden: Path, record: Record, patience: Patience, workers: int, tell: Tell) -> int:
    """Fetch what is missing, several files at a time; the bytes that came. Raises HubError, OSError."""
    # The largest first: at the end several files are still there to be fetched beside each other.
    left = sorted((file for file in record.files if not is_there(hidden, file)), key=lambda file: -file.size)
    total = sum(file.size for file in record.files)
    kept = total - sum(file.size for file in left)
    transfers = [Transfer(record.repo, record.commit, file, hidden) for file in left]
    for transfer in transfers:
        transfer.done = part_size(hidden, transfer.file)
    pace = Pace(total)
    with ThreadPoolExecutor(workers, thread_name_prefix="download") as pool:
        running = {pool.submit(transfer.run, patience): transfer for transfer in transfers}
        pending = set(running)
        try:
            while pending:
                done, pending = wait(pending, _TICK, FIRST_EXCEPTION)
                for future in sorted(done, key=lambda one: one.exception() is not None):
                    future.result()
                    tell(Arrived(path=running[future].file.path, size=running[future].file.size))
                busy = [running[future] for future in pending if future.running()]
                tell(pace.told(kept + sum(transfer.done for transfer in transfers), [_far(one) for one in busy]))
        except BaseException:
            patience.stopping.set()
            pool.shutdown(cancel_futures=True)
            raise
    return sum(transfer.fetched for transfer in transfers)


def _target(task: Task, choice: Choice) -> Path:
    if task.output:
        return Path(task.output).absolute()
    return Path(task.models if choice.kind == "model" else task.loras).absolute() / task.folder


def _found(record: Record, choice: Choice, target: Path, done: int) -> Found:
    return Found(
        repo=record.repo,
        asked=record.asked,
        revision=record.revision,
        commit=record.commit,
        kind=record.kind,
        why=choice.why,
        folder=str(target),
        files=tuple(FileSize(file.path, file.size) for file in record.files),
        total=sum(file.size for file in record.files),
        done=done,
        left_out=choice.left_out,
    )


def _far(transfer: Transfer) -> FileSize:
    file: RemoteFile = transfer.file
    return FileSize(file.path, file.size, min(transfer.done, file.size))
