"""Brings a finished download to a newer commit: the folder is another one at once, or stays what it was.

The new folder is put together in the hidden one, from the files that were fetched and verified and from links to all
others; then the two change places. Whatever is loaded from the old files goes on with them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from desktop.library.sizes import size_in_words

from .problems import HubError
from .record import Record, RemoteFile, before_of, is_there, read_record, write_record
from .remote import Listing
from .repo_paths import PARTS, RECORD, place_below, refuse_hostile
from .transfer import hash_of


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What an update changes."""

    record: Record
    """Everything that will be in the folder."""
    fetch: tuple[RemoteFile, ...]
    """What is new or has changed."""
    gone: tuple[str, ...] = ()
    """What the hub no longer has, and the new version must not be mixed with."""


def changed_files(before: Record, now: Record) -> list[RemoteFile]:
    """The files that are in both and differ, as they are now."""
    known = {file.path: file.hash for file in before.files}
    return [file for file in now.files if known.get(file.path, file.hash) != file.hash]


def refuse_outdated(target: Path, before: Record, record: Record) -> None:
    """Raise HubError where files have changed on the hub: whether they are to be replaced is asked first."""
    if changed := changed_files(before, record):
        paths = sorted(file.path for file in changed)
        size = size_in_words(sum(file.size for file in changed))
        what = f"{len(paths)} of its files, the first being {paths[0]}, have" if len(paths) > 1 else f"{paths[0]} has"
        raise HubError(
            "outdated",
            f"{target} holds an older version (commit {before.commit[:8]}); {what} changed on the hub. Nothing was "
            f"overwritten. An update fetches {size}, and the "
            "old files stay until the new ones are verified.",
        )


def plan_update(target: Path, record: Record, listing: Listing) -> Update | None:
    """What is to be fetched; None where this is no older version of the same. Raises HubError, OSError.

    Files of the folder that this download does not ask for, such as a second quantisation, come to the new commit too.
    """
    before = read_record(target) if target.is_dir() and not target.is_symlink() else None
    if before is None or before.repo != record.repo or before.commit == record.commit:
        return None
    now = {file.path: file for file in listing.files}
    asked = {file.path for file in record.files}
    others = tuple(now[file.path] for file in before.files if file.path in now and file.path not in asked)
    whole = msgspec.structs.replace(record, files=(*record.files, *others))
    changed = changed_files(before, whole)
    gone = tuple(file for file in before.files if file.path not in now)
    if not changed and not gone:
        return None
    refuse_hostile(file.path for file in whole.files)
    old = {file.path: file for file in before.files}
    kept = [file for file in whole.files if file.path in old and file not in changed]
    _refuse_edited(target, [*(old[file.path] for file in changed), *gone])
    _refuse_edited(target, [file for file in kept if not is_there(target, file)])
    new = [file for file in whole.files if file.path not in old]
    for file in new:
        if os.path.lexists(target / file.path) and _differs(target / file.path, file):
            raise HubError("exists", f"{target / file.path} is there already and differs from the hub's. Move it away.")
    fetch = [*changed, *(file for file in whole.files if file not in changed and not (target / file.path).is_file())]
    return Update(record=whole, fetch=tuple(fetch), gone=tuple(file.path for file in gone))


def apply_update(staging: Path, target: Path, update: Update) -> None:
    """Everything to be fetched is in the hidden folder: make it the folder. Raises HubError, OSError."""
    shutil.rmtree(staging / PARTS, ignore_errors=True)
    replaced = {*update.gone, RECORD, *(file.path for file in update.fetch)}
    _link_rest(target, staging, replaced)
    write_record(staging, update.record)
    old = before_of(target)
    try:
        target.rename(old)
    except OSError as error:
        raise HubError(
            "busy", f"{target} can't be replaced ({error.strerror}). Close what uses it and run it again; all has come."
        ) from error
    try:
        staging.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def recover(target: Path) -> None:
    """After an update that was cut off between its two renames or while it tidied up. Raises OSError."""
    old = before_of(target)
    if not os.path.lexists(old):
        return
    if os.path.lexists(target):
        shutil.rmtree(old)
    else:
        old.rename(target)


def _link_rest(source: Path, target: Path, replaced: set[str], inside: str = "") -> None:
    """All of a folder but what is replaced, the user's own files too; nothing is read where the disk can link."""
    for entry in sorted((source / inside).iterdir()):
        path = f"{inside}{entry.name}"
        place = target / path
        if path in replaced:
            continue
        if entry.is_dir() and not entry.is_symlink():
            place.mkdir(exist_ok=True)
            _link_rest(source, target, replaced, f"{path}/")
        elif not os.path.lexists(place):
            _link(entry, place)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:  # a disk without links
        shutil.copy2(source, place, follow_symlinks=False)


def _refuse_edited(target: Path, files: list[RemoteFile]) -> None:
    """What the user has changed since it came is not replaced."""
    for file in files:
        place = target / file.path
        if not os.path.lexists(place):
            continue
        if _differs(place_below(target, file.path, make=False), file):
            raise HubError(
                "edited",
                f"{place} was changed here after it was downloaded, and the hub has a newer one. Nothing was "
                "overwritten. Move or rename it, or download to another folder with --output.",
            )


def _differs(place: Path, file: RemoteFile) -> bool:
    return not place.is_file() or place.stat().st_size != file.size or hash_of(place, file) != file.hash
