"""A loaded model is a mapping of its files: what happens to them is noticed."""

from __future__ import annotations

import os

import pytest

from desktop.session.watched_files import WatchedFiles


@pytest.fixture
def folder(tmp_path):
    """A model in two files."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    for number in (1, 2):
        (tmp_path / f"model-0000{number}-of-00002.safetensors").write_bytes(b"weights")
    return tmp_path


@pytest.fixture
def watched(folder):
    """The files as they were."""
    watched = WatchedFiles()
    watched.remember(str(folder))
    return watched


def test_nothing_happened(watched):
    assert watched.changed() == ""


def test_one_was_replaced(watched, folder):
    other = folder / "new"
    other.write_bytes(b"weights")
    other.replace(folder / "model-00002-of-00002.safetensors")
    assert "model-00002-of-00002.safetensors was changed after it was loaded." in watched.changed()


def test_one_was_written_in_place(watched, folder):
    file = folder / "model-00001-of-00002.safetensors"
    file.write_bytes(b"WEIGHTS")
    os.utime(file, ns=(1, 1))
    assert "was changed after it was loaded" in watched.changed()


def test_one_is_gone(watched, folder):
    (folder / "model-00001-of-00002.safetensors").unlink()
    assert "is no longer where it was loaded from" in watched.changed()


def test_the_last_model_loaded_counts(watched, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "single.safetensors"
    other.write_bytes(b"x")
    watched.remember(str(other))
    (folder / "model-00001-of-00002.safetensors").unlink()
    assert watched.changed() == ""


def test_a_folder_that_is_not_there_is_not_watched(tmp_path):
    watched = WatchedFiles()
    watched.remember(str(tmp_path / "gone"))
    assert watched.changed() == ""
