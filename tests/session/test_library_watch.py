"""The watch on the library's folders: many of them, a portion at a time, and only those of the last listing."""

from __future__ import annotations

import time

from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.library.watched import changed_last, folders_to_watch
from desktop.session.library_watch import PORTION, LibraryWatch
from tests.ui.hands import until


def test_all_are_watched_in_the_end_and_a_change_in_the_last_is_told(application, tmp_path):
    folders = [tmp_path / f"{number:04}" for number in range(2 * PORTION + 10)]
    for folder in folders:
        folder.mkdir()
    watch = LibraryWatch()
    told = []
    watch.disk_changed.connect(lambda: told.append(True))
    watch.watch({str(folder): changed_last(str(folder)) for folder in folders})
    assert len(watch._watcher.directories()) == PORTION
    until(lambda: len(watch._watcher.directories()) == len(folders))
    (folders[-1] / "new").touch()
    until(lambda: told)
    watch.watch({str(folder): changed_last(str(folder)) for folder in folders[:3]})
    assert sorted(watch._watcher.directories()) == [str(folder) for folder in folders[:3]]
    watch.end()


def test_what_changed_between_the_listing_and_the_watch_is_told_too(application, tmp_path):
    watch = LibraryWatch()
    told = []
    watch.disk_changed.connect(lambda: told.append(True))
    listed = {str(tmp_path): changed_last(str(tmp_path))}
    time.sleep(0.02)  # the clock of the disk is no finer
    (tmp_path / "new").mkdir()
    watch.watch(listed)
    until(lambda: told)
    watch.end()


def test_which_folders(tmp_path):
    home = Home(tmp_path / "home")
    home.loras.mkdir(parents=True)
    (tmp_path / "cache" / "models--a--b").mkdir(parents=True)
    (home.loras / "file.gguf").touch()
    (home.loras / "pirate").mkdir()
    listed = [str(home.loras / "pirate"), str(home.loras / "file.gguf"), str(home.loras / "gone")]
    found = folders_to_watch(listed, home, Settings(folders=(str(tmp_path / "cache"),)))
    # There is no folder of models yet, nor one in the further folder: what they will appear in.
    assert set(found) == {str(home.root), str(home.loras), str(home.loras / "pirate"), str(tmp_path / "cache")}
