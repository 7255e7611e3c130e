"""The adapter that comes along: put into the library whole or not at all, and never over the user's own."""

from __future__ import annotations

import errno
import shutil
import stat
from pathlib import Path

import pytest

from desktop.library.adapters import list_adapters
from desktop.library.settings import Settings
from desktop.starter import install
from desktop.starter.install import ADAPTERS, install_adapter, install_named

SOURCE = Path(install.__file__).parent


@pytest.mark.parametrize("name", ADAPTERS)
def test_it_is_a_whole_adapter_like_any_other(home, name):
    target = install_adapter(home.loras, name)
    assert target == home.loras / name
    assert {file.name: file.read_bytes() for file in target.iterdir()} == {
        file.name: file.read_bytes() for file in (SOURCE / name).iterdir()
    }
    assert sum(file.stat().st_size for file in target.iterdir()) < 2_000_000
    (entry,) = list_adapters(home, Settings())
    assert (entry.name, entry.kind, entry.rank, entry.alpha, entry.problem) == (name, "LoRA", 4, 8.0, "")
    assert entry.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert stat.S_IMODE(target.stat().st_mode) & 0o055 == 0o055, "others may read it"


def test_of_the_names_asked_for_those_that_come_along_are_installed(home):
    install_named(home.loras, ["mine", "telegram"])
    assert [path.name for path in home.loras.iterdir()] == ["telegram"]


def test_a_folder_of_that_name_is_left_as_it_is(home):
    (home.loras / "pirate").mkdir(parents=True)
    (home.loras / "pirate" / "mine.txt").write_text("mine")
    assert install_adapter(home.loras) == home.loras / "pirate"
    assert [file.name for file in (home.loras / "pirate").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("copies", [0, 1, 3])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_it_is_there_whole_or_not_at_all(home, monkeypatch, copies, error):
    real, done = shutil.copyfile, []

    def copy(source, target):
        if len(done) == copies:
            Path(target).write_bytes(b"half")
            raise error
        done.append(real(source, target))

    monkeypatch.setattr(shutil, "copyfile", copy)
    with pytest.raises(type(error)):
        install_adapter(home.loras)
    assert list(home.loras.iterdir()) == []
    monkeypatch.undo()
    assert (install_adapter(home.loras) / "adapter_model.safetensors").stat().st_size > 100_000
