"""Gives folders and files other names: all of them or none, and never over something that is there."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from .problems import ShelfError


class OtherDisk(ShelfError):
    """The two places are on different disks, so that a new name is not enough."""


def rename_all(pairs: Sequence[tuple[Path, Path]]) -> None:
    """From each first path to its second. Links are renamed themselves. Raises ShelfError; nothing has moved then."""
    for source, target in pairs:
        if os.path.lexists(target) and not _is_same(source, target):
            raise ShelfError(f"{target} is there already. Choose another name, or move that away first.")
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in pairs:
            source.rename(target)
            done.append((source, target))
    except OSError as error:
        _take_back(done)
        if error.errno == errno.EXDEV:
            raise OtherDisk(f"{pairs[0][1].parent} is on another disk than {pairs[0][0].name}.") from error
        raise ShelfError(
            f"{pairs[0][0].name} can't be moved ({error.strerror}). Close what uses it, or look at the permissions."
        ) from error


def _take_back(done: Sequence[tuple[Path, Path]]) -> None:
    """Give back their names to as many as can have them. Raises ShelfError that says where the others are now."""
    left = []
    for source, target in reversed(done):
        try:
            target.rename(source)
        except OSError:
            left.append(str(target))
    if left:
        raise ShelfError(
            f"Only a part could be moved, and it could not be moved back. Nothing is lost: {', '.join(left)} "
            f"belongs to {done[0][0].parent}. Move it there with the system's file manager."
        )


def _is_same(source: Path, target: Path) -> bool:
    """Whether only the letters' case differs, on a disk that does not tell it apart."""
    alike = source.parent == target.parent and source.name.casefold() == target.name.casefold()
    return alike and source != target and not source.is_symlink() and source.samefile(target)
