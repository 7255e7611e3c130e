"""What a kill leaves of a file that was being written."""

from __future__ import annotations

import os
import time

from desktop.library.atomic import STALE, remove_halves, write_atomically


def test_only_old_halves_of_this_very_file_are_removed(tmp_path):
    path = tmp_path / "session.json"
    write_atomically(path, b"{}")
    names = (".session.json.old.part", ".session.json.new.part", ".other.json.old.part", "session.json.old.part")
    for name in names:
        (tmp_path / name).write_bytes(b"{")
        if "old" in name:
            os.utime(tmp_path / name, (time.time() - STALE - 1,) * 2)
    remove_halves(path)
    assert {one.name for one in tmp_path.iterdir()} == {"session.json", *names[1:]}
