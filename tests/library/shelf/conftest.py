"""What the tests of changes to the shelf share."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest


@pytest.fixture
def other_disk(monkeypatch, tmp_path):
    """A folder to which nothing can be renamed, as if it were on another disk."""
    folder = tmp_path / "other disk"
    folder.mkdir()
    real = Path.rename

    def rename(self, target):
        if Path(target).is_relative_to(folder) != self.is_relative_to(folder):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    return folder
