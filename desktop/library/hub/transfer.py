"""Fetches one file: goes on where it was cut off, and gives it its final name only once its hash is right.

Not by the hub library's own `hf_hub_download`: it compares sizes alone, and throws away what has come of a file when it
fails or is killed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from .problems import HubError
from .record import RemoteFile, part_of
from .remote import opened
from .repo_paths import PARTS, place_below, refuse_link
from .retrying import Patience, Stopped

_BLOCK = 1 << 20
_BUFFER = 1 << 15
"""Less than comes at once, so that next to nothing is lost where the process is killed."""
_MISMATCHES = 2
"""Times a file may come whole and yet be another one, before it is given up."""


class Transfer:
    """One file on its way into a hidden folder; `done` may be read on any thread."""

    def __init__(self, repo: str, commit: str, file: RemoteFile, staging: Path) -> None:
        """Nothing is fetched yet."""
        self.file = file
        self.done = 0
        """Bytes on the disk."""
        self.fetched = 0
        """Bytes that came over the network."""
        self._repo, self._commit = repo, commit
        self._staging = staging
        self._mismatches = 0

    def run(self, patience: Patience) -> None:
        """Fetch it. Raises HubError or Stopped; what has come is kept."""
        patience.run(lambda: self._once(patience), self._repo, self._commit, lambda: self.fetched)

    def _once(self, patience: Patience) -> None:
        place = place_below(self._staging, self.file.path)
        parts = self._staging / PARTS
        parts.mkdir(exist_ok=True)
        refuse_link(parts)
        part = part_of(self._staging, self.file)
        digest = self._pull(part, patience)
        if digest != self.file.hash:
            self._refuse(part)
        part.replace(place)

    def _pull(self, part: Path, patience: Patience) -> str:
        """Fetch what is missing of the part; the hash of the whole."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(part, flags, 0o666), "r+b", buffering=_BUFFER) as out:  # noqa: PTH123
            digest = self._resume(out.read)
            while self.done < self.file.size:
                before = self.fetched
                with opened(self._repo, self._commit, self.file, self.done) as (begin, blocks):
                    if begin not in (0, self.done):
                        raise HubError("cut", "The server sent another part of the file than asked for.", again=True)
                    if begin != self.done:
                        digest = self._restart(out.seek, out.truncate)
                    for block in blocks:
                        if patience.stopping.is_set():
                            raise Stopped
                        digest.update(block)
                        out.write(block)
                        self.done += len(block)
                        self.fetched += len(block)
                        if self.done > self.file.size:
                            break
                if self.fetched == before:
                    raise HubError("cut", "The server sent nothing of the file. Try again later.", again=True)
            out.flush()
            os.fsync(out.fileno())
        return digest.hexdigest()

    def _resume(self, read: Callable[[int], bytes]) -> hashlib._Hash:
        """The hash of what has come before; the file stands at its end."""
        digest = _new_digest(self.file)
        self.done = 0
        while block := read(_BLOCK):
            digest.update(block)
            self.done += len(block)
        return digest

    def _restart(self, seek: Callable[[int], int], truncate: Callable[[int], int]) -> hashlib._Hash:
        seek(0)
        truncate(0)
        self.done = 0
        return _new_digest(self.file)

    def _refuse(self, part: Path) -> None:
        part.unlink()
        self.done = 0
        self._mismatches += 1
        words = f"What came as {self.file.path} is not the file the hub lists: its size or hash differs."
        again = self._mismatches <= _MISMATCHES
        hint = "It was not kept. Try again later; if it stays so, the mirror or proxy on the way changes files."
        raise HubError("hash", f"{words} {hint}", again=again)


def hash_of(path: Path, file: RemoteFile) -> str:
    """The hash of a file on the disk, of the kind the hub lists for it. Raises OSError."""
    digest = _new_digest(file, path.stat().st_size)
    with path.open("rb") as opened_file:
        while block := opened_file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _new_digest(file: RemoteFile, size: int | None = None) -> hashlib._Hash:
    if file.sha256:
        return hashlib.sha256()
    # As git names a blob.
    return hashlib.sha1(b"blob %d\0" % (file.size if size is None else size), usedforsecurity=False)
