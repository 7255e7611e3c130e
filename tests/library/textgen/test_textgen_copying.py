"""What is copied out of a folder of text-generation-webui: all of it or none of a thing, and never over anything."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from desktop.library.adapters import list_adapters
from desktop.library.models import list_models
from desktop.library.presets import read_presets
from desktop.library.settings import Settings
from desktop.library.shelf.problems import ShelfError
from desktop.library.textgen import copying
from desktop.library.textgen.copying import copy_into
from desktop.library.textgen.looking import look_into
from desktop.library.user_templates import read_templates
from tests.library.hub.repositories import content
from tests.library.making import make_adapter, make_model
from tests.library.textgen_making import make_textgen

NONE = Settings()
Usage = namedtuple("Usage", "total used free")


def never():
    return False


@pytest.fixture(params=[False, True], ids=["older", "newer"])
def root(request, tmp_path):
    return make_textgen(tmp_path / "t", newer=request.param)


@pytest.fixture
def data(root):
    return root / "user_data" if (root / "user_data").is_dir() else root


def test_all_that_can_be_used_is_copied_byte_for_byte(root, data, home):
    make_adapter(data / "loras" / "cut", cut=9)
    before, told = content(root), []
    done = copy_into(look_into(root, home), home, lambda *args: told.append(args), never)
    assert (done.copied, done.left) == (6, ())
    assert content(home.models / "llama é") == content(data / "models" / "llama é")
    assert content(home.loras) == {
        f"pirate v1.5/{name}": one for name, one in content(data / "loras" / "pirate v1.5").items()
    }
    sea = (data / "training" / "datasets" / "sea.json").read_bytes()
    assert [path.read_bytes() for path in home.datasets.iterdir()] == [sea]
    assert [path.name for path in home.formats.iterdir()] == ["sailor.json"]
    assert read_presets(home.presets)[-1].sampling.repetition_penalty == 1.15
    assert [one.name for one in read_templates(home.templates)] == ["Talk"]
    assert not home.linked.exists()
    assert content(root) == before
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_nothing_is_overwritten(root, home):
    make_adapter(home.loras / "pirate v1.5", rank=2)
    before = content(home.loras)
    done = copy_into(look_into(root, home), home, lambda *_: None, never)
    assert content(home.loras) == before
    assert [(one.kind, one.name, "there already" in one.reason) for one in done.left] == [
        ("adapter", "pirate v1.5", True)
    ]
    again = copy_into(look_into(root, home), home, lambda *_: None, never)
    assert (again.copied, len(again.left)) == (0, 6)


def test_links_are_followed_and_a_circle_ends(root, data, home, tmp_path):
    far = make_model(tmp_path / "far")
    (data / "models" / "linked").symlink_to(far)
    (data / "loras" / "pirate v1.5" / "circle").symlink_to(data / "loras" / "pirate v1.5")
    copy_into(look_into(root, home), home, lambda *_: None, never)
    assert not (home.models / "linked").is_symlink()
    assert content(home.models / "linked") == content(far)
    assert [one.problem for one in list_adapters(home, NONE)] == [""]


def test_all_parts_of_a_split_file_come(root, data, home):
    for number in (1, 2):
        (data / "models" / f"big-{number:05}-of-00002.gguf").write_bytes(b"GGUF%d" % number)
    make_model(data / "models" / "llama é")
    copy_into(look_into(root, home), home, lambda *_: None, never)
    assert len(list(home.models.glob("big-*.gguf"))) == 2


def test_stopped_in_the_middle_leaves_nothing_half(root, home):
    report = look_into(root, home)
    stops = iter([False, False, True])
    with pytest.raises(ShelfError, match="Stopped"):
        copy_into(report, home, lambda *_: None, lambda: next(stops))
    assert [path for path in home.root.rglob("*") if path.name.startswith(".copying")] == []
    assert [one.problem for one in list_models(home, NONE)] in ([], [""])


def test_a_full_disk_is_told_before_anything_is_copied(root, home, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 1))
    with pytest.raises(ShelfError, match="are free in"):
        copy_into(look_into(root, home), home, lambda *_: None, never)
    assert list(home.root.iterdir()) == []


def test_one_that_fails_does_not_keep_the_others(root, home, monkeypatch):
    real = copying._copy

    def fail(source: Path, *rest):
        if source.name == "llama é":
            raise PermissionError(13, "Permission denied", str(source))
        real(source, *rest)

    monkeypatch.setattr(copying, "_copy", fail)
    done = copy_into(look_into(root, home), home, lambda *_: None, never)
    assert done.copied == 5
    assert [(one.name, "permissions" in one.reason) for one in done.left] == [("llama é", True)]
