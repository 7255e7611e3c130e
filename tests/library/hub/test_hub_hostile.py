"""Repositories whose paths want to leave their folder, and folders on the disk that are links elsewhere."""

from __future__ import annotations

import pytest

from desktop.library.hub.problems import HubError
from desktop.library.hub.record import RemoteFile, staging_of
from desktop.library.hub.repo_paths import PARTS, RECORD, fault, place_below, refuse_hostile
from tests.library.fake_hub import Fault
from tests.library.hub.repositories import adapter_files, content

HOSTILE = [
    "../evil.json", "a/../../evil.json", "/etc/evil.json", "..", "./evil.json", "a//evil.json", "a/./b.json",
    "C:/evil.json", "C:evil.json", "\\\\server\\evil.json", "a\\..\\..\\evil.json", "CON", "nul.json", "a/COM1.txt",
    "aux/x.json", "lpt9.json", "con .json", "x" * 300 + ".json", "é" * 120 + ".json", "/".join(["abcdefgh"] * 40),
    "evil.json.", "evil.json ", "dir./evil.json", "a\nb.json", "a\x00b.json", "a\x7f.json", "a\x1b[2J.json",
    "a\u202egpj.json", "what?.json", "a*.json", 'a".json', "a|b.json", "<a>.json", RECORD, f"{PARTS}/x.json",
    ".git/config.json", ".GIT/hooks.json", "a:stream.json", "\ud800.json",
]  # fmt: skip
CLASHES = [
    ("Config.json", "config.json"), ("a/x.json", "A/y.json"), ("caf\u00e9.json", "cafe\u0301.json"),
    ("a.json", "a.json/b.json"), ("a.json/b.json", "a.json"), ("stra\u00dfe.json", "STRASSE.json"),
    ("a.json", "a.json"),
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_path_that_could_leave_is_refused_by_name(path, tmp_path):
    assert fault(path)
    with pytest.raises(HubError, match="refused") as caught:
        refuse_hostile(["config.json", path])
    assert caught.value.kind == "hostile"
    assert caught.value.args[0].isprintable()
    with pytest.raises(HubError):
        place_below(tmp_path, path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("paths", CLASHES, ids=ascii)
def test_two_files_that_are_one_on_many_disks_are_refused(paths):
    with pytest.raises(HubError, match="holds both"):
        refuse_hostile(paths)


@pytest.mark.parametrize(
    "path", ["config.json", "a/b/c.json", "conf.json", "console.txt", "a b.json", "Ünïcode 🙂.json", ".a.json", "com10"]
)
def test_ordinary_paths_pass(path):
    refuse_hostile([path, "a/b/d.json"])
    assert fault(path) == ""


@pytest.mark.parametrize("path", [path for path in HOSTILE if path.isascii() and "\x00" not in path], ids=ascii)
def test_nothing_of_a_hostile_repository_is_written(path, download, hub, as_bytes, home, tmp_path):
    hub.add("e/evil", as_bytes(adapter_files()) | {path: b"evil" * 2000})
    before = content(tmp_path)
    went = download("e/evil", include=["*"])
    assert went.failed.kind == "hostile", went.events
    assert content(tmp_path) == before
    assert not [one for one in home.root.rglob("*") if one.is_file()]


def test_a_hostile_file_that_nobody_needs_keeps_nobody_from_the_rest(download, hub, as_bytes, home):
    hub.add("e/odd", as_bytes(adapter_files()) | {"images/../../x.png": b"x", "CON": b"x"})
    assert download("e/odd").finished
    assert len(content(home.loras)) == 4


@pytest.mark.parametrize("which", ["staging", "parts", "file", "target"])
def test_nothing_is_written_through_a_link(which, download, adapter, home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("mine")
    target = home.loras / "tloen_alpaca-lora-7b"
    staging = staging_of(target)
    home.loras.mkdir(parents=True)
    link = {"staging": staging, "parts": staging / PARTS, "file": staging / "README.md", "target": target}[which]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / "kept" if which == "file" else outside)
    went = download("tloen/alpaca-lora-7b")
    # What no record speaks of is cleared out of the hidden folder: the link, not what it leads to.
    assert went.finished if which in ("parts", "file") else went.failed.kind == "hostile"
    assert content(outside) == {"kept": b"mine"}


def test_a_link_that_appears_while_it_runs_is_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    staging = tmp_path / "staging"
    staging.mkdir()
    (staging / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(HubError, match="is a link"):
        place_below(staging, RemoteFile("a/b.json", 1).path)
    (staging / "b.json").symlink_to(tmp_path / "outside" / "b.json")
    with pytest.raises(HubError, match="is a link"):
        place_below(staging, "b.json")


def test_links_put_into_the_hidden_folder_do_not_reach_the_library(download, adapter, hub, home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    hub.faults["content"].extend([Fault(status=500)] * 40)
    assert download("tloen/alpaca-lora-7b").failed
    hub.faults["content"].clear()
    staging = staging_of(home.loras / "tloen_alpaca-lora-7b")
    (staging / "link").symlink_to(outside)
    (staging / "file").symlink_to(outside / "x")
    assert download("tloen/alpaca-lora-7b").finished
    assert not [one for one in home.loras.rglob("*") if one.is_symlink()]
    assert list(outside.iterdir()) == []
