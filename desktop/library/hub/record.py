"""What is known of a download: kept in its hidden folder while it runs, and in the finished folder afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from desktop.library.atomic import write_atomically

from .problems import HubError
from .repo_paths import PARTS, RECORD, place_below

STAGING = ".download-"
"""How the hidden folder begins, beside the one it will become."""
BEFORE = ".before-"
"""How an older version begins while a newer one takes its place."""


class RemoteFile(msgspec.Struct, frozen=True):
    """One file of a repository at one commit."""

    path: str
    size: int
    sha256: str = ""
    """Of a large file's bytes, in hexadecimal; empty for a small one."""
    sha1: str = ""
    """Of a small file as git hashes a blob, in hexadecimal."""

    @property
    def hash(self) -> str:
        """What its bytes are checked against."""
        return self.sha256 or self.sha1


class Wish(msgspec.Struct, frozen=True):
    """Which files of a repository are wanted."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    text_only: bool = False


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A repository at a commit, and the files that are wanted of it."""

    version: int = 1
    repo: str
    """As the hub calls it."""
    asked: str
    """As the user called it; it differs where the repository was renamed."""
    revision: str
    commit: str
    kind: str
    """"model" or "adapter"."""
    files: tuple[RemoteFile, ...] = ()
    wish: Wish = Wish()


class Unfinished(msgspec.Struct, frozen=True):
    """A download that is not complete."""

    folder: str
    """Where it will be, absolute."""
    record: Record
    done: int
    """Bytes that have come."""
    total: int


def staging_of(target: Path) -> Path:
    """The hidden folder in which a download gathers until it is whole."""
    return target.with_name(STAGING + target.name)


def read_record(folder: Path) -> Record | None:
    """What a folder was downloaded from; None where nothing says so, or not in words this program knows."""
    file = folder / RECORD
    try:
        if file.is_symlink():
            return None
        return msgspec.json.decode(file.read_bytes(), type=Record)
    except (OSError, ValueError, RecursionError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Write it atomically. Raises OSError."""
    write_atomically(folder / RECORD, msgspec.json.encode(record))


def find_unfinished(*places: Path) -> list[Unfinished]:
    """The downloads in these folders that are not complete, by name."""
    found = []
    for place in places:
        for staging in sorted(place.glob(f"{STAGING}*")):
            record = read_record(staging)
            if record is not None and staging.is_dir():
                target = staging.with_name(staging.name.removeprefix(STAGING))
                total = sum(file.size for file in record.files)
                found.append(Unfinished(str(target), record, bytes_done(staging, record), total))
    return found


def bytes_done(staging: Path, record: Record) -> int:
    """Bytes of a download that are on the disk, finished files and parts."""
    return sum(file.size if is_there(staging, file) else part_size(staging, file) for file in record.files)


def is_there(folder: Path, file: RemoteFile) -> bool:
    """Whether a file has its final name and its size; in a hidden folder it is then verified."""
    try:
        place = place_below(folder, file.path, make=False)
        return place.is_file() and place.stat().st_size == file.size
    except (HubError, OSError):
        return False


def part_of(staging: Path, file: RemoteFile) -> Path:
    """Where a file gathers. Its name holds the file's hash, so that a changed file starts anew."""
    return staging / PARTS / f"{file.hash[:40]}-{_short(file.path)}"


def part_size(staging: Path, file: RemoteFile) -> int:
    """Bytes of a file that have come, not verified."""
    try:
        return min(part_of(staging, file).stat().st_size, file.size)
    except OSError:
        return 0


def before_of(target: Path) -> Path:
    """Where a folder stands while the newer version takes its place."""
    return target.with_name(BEFORE + target.name)


def lock_of(target: Path) -> Path:
    """The file that is locked while something is downloaded to a place."""
    return target.with_name(f"{STAGING}{target.name}.lock")


def _short(path: str) -> str:
    # Two files with the same content gather apart.
    return hashlib.sha256(path.encode()).hexdigest()[:12]
