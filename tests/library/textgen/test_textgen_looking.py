"""What is found in folders of text-generation-webui, what can't be used, and that everything is used where it lies."""

from __future__ import annotations

import errno
import os
import shutil
import sys

import pytest

from desktop.datasets.catalogue import find_dataset, find_format_name, list_datasets, list_formats
from desktop.library.adapters import list_adapters
from desktop.library.linked import check_linked, link_folder, read_linked, unlink_folder
from desktop.library.models import list_models
from desktop.library.names import find_adapter, find_model
from desktop.library.settings import Settings
from desktop.library.shelf.items import make_items
from desktop.library.shelf.problems import ShelfError
from desktop.library.textgen.copying import copy_into
from desktop.library.textgen.looking import KINDS, look_into
from desktop.library.textgen.prompting import all_presets, all_templates
from desktop.library.textgen.words import counts_in_words, fault_in_words
from tests.library.hub.repositories import content
from tests.library.making import make_adapter
from tests.library.textgen_making import make_textgen, write

NONE = Settings()


@pytest.fixture(params=[False, True], ids=["older", "newer"])
def root(request, tmp_path):
    return make_textgen(tmp_path / "text generation é", newer=request.param)


def test_one_of_every_kind_is_found(root, home):
    report = look_into(root, home)
    assert {kind: report.count(kind) for kind in KINDS} == dict.fromkeys(KINDS, 1)
    assert report.faults == ()
    assert [fault_in_words(one) for one in report.notes] == ["preset simple-1: Not known here and left out: tfs."]
    assert counts_in_words(report) == (
        "It holds 1 model, 1 adapter, 1 dataset, 1 format of data, 1 preset and 1 template that can be used."
    )
    assert report.newer is (root / "user_data").is_dir()
    assert not home.root.exists(), "looking writes nothing"


def test_used_in_place_by_name_and_forgotten_again(root, home):
    before = content(root)
    data = root / "user_data" if (root / "user_data").is_dir() else root
    link_folder(home, root)
    (model,), (adapter,) = list_models(home, NONE), list_adapters(home, NONE)
    assert (model.name, model.path, model.problem) == ("llama é", str(data / "models" / "llama é"), "")
    assert (adapter.name, adapter.problem) == ("pirate v1.5", "")
    assert find_model("llama é", home, NONE) == data / "models" / "llama é"
    assert find_adapter("pirate v1.5", home, NONE) == data / "loras" / "pirate v1.5"
    assert [item.own for item in make_items([model], [adapter], home)] == [False, False], "it is only read"
    assert [(one.name, one.rows, one.problem) for one in list_datasets(home, NONE)] == [("sea.json", 1, "")]
    assert [one.name for one in list_formats(home, NONE) if one.path] == ["sailor"]
    assert find_dataset("sea", home, NONE) == data / "training" / "datasets" / "sea.json"
    assert find_format_name("sailor", home, NONE) == str(data / "training" / "formats" / "sailor.json")
    assert all_presets(home)[-1].name == "simple-1"
    assert [one.name for one in all_templates(home)] == ["Talk"]
    assert [path.name for path in home.root.iterdir()] == [home.linked.name], "nothing is copied"
    assert content(root) == before
    assert unlink_folder(home, root)
    assert not unlink_folder(home, root)
    assert (list_models(home, NONE), list_adapters(home, NONE), list_datasets(home, NONE)) == ([], [], [])
    assert all_templates(home) == ()
    assert content(root) == before


def test_a_folder_that_goes_away_breaks_nothing_and_comes_back(root, home, tmp_path):
    make_adapter(home.loras / "mine")
    link_folder(home, root)
    root.rename(tmp_path / "unplugged")
    assert [one.name for one in list_adapters(home, NONE)] == ["mine"]
    assert (list_models(home, NONE), list_datasets(home, NONE), all_templates(home)) == ([], [], ())
    assert [one.name for one in list_formats(home, NONE) if one.path] == []
    assert read_linked(home) == (root,)
    (tmp_path / "unplugged").rename(root)
    assert [one.name for one in list_adapters(home, NONE)] == ["mine", "pirate v1.5"]


def test_a_disk_that_fails_breaks_nothing(root, home, monkeypatch):
    make_adapter(home.loras / "mine")
    link_folder(home, root)
    scandir = os.scandir

    def fail(path):
        if str(path).startswith(str(root)):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail)
    assert [one.name for one in list_adapters(home, NONE) if not one.problem] == ["mine"]
    assert all("Input/output error" in one.problem for one in list_models(home, NONE))
    assert (list_datasets(home, NONE), all_templates(home)) == ([], ())
    assert [one.name for one in list_formats(home, NONE) if one.path] == []
    with pytest.raises(ShelfError, match="Input/output error"):
        look_into(root, home)


def test_what_is_damaged_is_told_with_one_sentence_each(root, home):
    data = root / "user_data" if (root / "user_data").is_dir() else root
    make_adapter(data / "loras" / "cut", cut=9)
    (data / "models" / "empty").mkdir()
    write(data / "training" / "datasets" / "bad.json", "7")
    write(data / "training" / "formats" / "bad.json", "[]")
    write(data / "presets" / "hot.yaml", "temperature: -3\n")
    write(data / "presets" / "deep.yaml", "[" * 5_000)
    write(data / "presets" / "large.yaml", "# " + "x" * 70_000)
    write(data / "presets" / "list.yaml", "- a\n- b\n")
    write(data / "presets" / "code.yaml", "x: !!python/object/apply:os.system ['touch executed']\n")
    (data / "presets" / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    write(data / "presets" / "link.yaml", "").unlink()
    (data / "presets" / "link.yaml").symlink_to(data / "gone.yaml")
    write(data / "instruction-templates" / "Torn.yaml", "instruction_template: '{% for %}'\n")
    write(data / "instruction-templates" / "Half.yaml", 'user: "U:"\nturn_template: "<|bot-message|>"\n')
    write(data / "instruction-templates" / "Character.yaml", "name: Chiharu\ncontext: A person.\n")
    report = look_into(root, home)
    assert {kind: report.count(kind) for kind in KINDS} == dict.fromkeys(KINDS, 1)
    told = {(one.kind, one.name): one.reason for one in report.faults}
    assert len(told) == 14
    parts = {
        ("adapter", "cut"): "9 bytes are missing",
        ("model", "empty"): "no config.json",
        ("preset", "hot"): "temperature",
        ("preset", "deep"): "nested too deeply",
        ("preset", "large"): "too large",
        ("preset", "list"): "no names and values",
        ("preset", "code"): "no YAML or damaged (line 1",
        ("preset", "latin"): "not UTF-8",
        ("preset", "link"): "where nothing is",
        ("template", "Torn"): "can't be used",
        ("template", "Half"): "turn_template lacks <|user-message|>",
        ("template", "Character"): "neither instruction_template nor turn_template",
    }
    assert {key: part in told[key] for key, part in parts.items()} == dict.fromkeys(parts, True)
    assert all("\n" not in reason for reason in told.values())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_never_waited_for(root, home):
    data = root / "user_data" if (root / "user_data").is_dir() else root
    os.mkfifo(data / "presets" / "pipe.yaml")
    os.mkfifo(data / "loras" / "pirate v1.5" / "pipe")
    report = look_into(root, home)
    assert [(one.name, one.reason) for one in report.faults] == [("pipe", "pipe.yaml is no file. Remove it.")]
    done = copy_into(report, home, lambda *_: None, lambda: False)
    assert [(one.name, "pipe in it is no file" in one.reason) for one in done.left] == [("pirate v1.5", True)]
    assert not list(home.loras.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_hostile_names_stay_on_their_line_and_in_their_folder(root, home):
    data = root / "user_data" if (root / "user_data").is_dir() else root
    for name in ("a\nb\x1b[31m", "..", "...", "-rf", "a:b*?", "x" * 250):
        write(data / "presets" / f"{name}.yaml", "temperature: 1.5\n")
    write(data / "presets" / os.fsdecode(b"caf\xe9.yaml"), "temperature: 1.5\n")
    make_adapter(data / "loras" / "<b>x</b>\n")
    (data / "loras" / "circle").symlink_to(data / "loras")
    report = look_into(root, home)
    names = [one.name for one in (*report.found, *report.faults)]
    assert all(name.isprintable() for name in names), names
    link_folder(home, root)
    assert len({one.name for one in all_presets(home)}) == len(all_presets(home)), "each name is there once"
    assert list_adapters(home, NONE)


def test_both_layouts_after_an_update_count_together(home, tmp_path):
    root = make_textgen(tmp_path / "t", newer=False)
    make_adapter(root / "user_data" / "loras" / "newer")
    report = look_into(root, home)
    assert report.count("adapter") == 2
    link_folder(home, root)
    assert [one.name for one in list_adapters(home, NONE)] == ["pirate v1.5", "newer"]


def test_the_inner_folder_counts_too(home, tmp_path):
    root = make_textgen(tmp_path / "t", newer=True)
    assert look_into(root / "user_data", home).count("model") == 1


@pytest.mark.parametrize("newer", [False, True])
def test_templates_lay_somewhere_else_at_first(home, tmp_path, newer):
    root = make_textgen(tmp_path / "t", newer=newer)
    data = root / "user_data" if newer else root
    shutil.move(data / "instruction-templates", data / "characters" / "instruction-following")
    assert look_into(root, home).count("template") == 1


@pytest.mark.parametrize("inside", ["", "loras", "models/llama é"])
def test_another_folder_is_refused_with_what_to_choose(home, tmp_path, inside):
    root = make_textgen(tmp_path / "t", newer=False)
    with pytest.raises(ShelfError) as caught:
        look_into(root / inside if inside else tmp_path, home)
    assert "is no folder of text-generation-webui" in str(caught.value)
    assert (f"Did you mean {root}?" in str(caught.value)) is bool(inside)


def test_what_is_no_folder_and_the_own_one_are_refused(home, tmp_path):
    write(tmp_path / "file", "")
    for path, words in ((tmp_path / "file", "There is no folder"), (tmp_path / "gone", "There is no folder")):
        with pytest.raises(ShelfError, match=words):
            look_into(path, home)
    make_adapter(home.loras / "a")
    home.presets.mkdir()
    with pytest.raises(ShelfError, match="own folder"):
        look_into(home.root, home)


def test_looking_can_be_stopped(home, tmp_path):
    with pytest.raises(ShelfError, match="Stopped"):
        look_into(make_textgen(tmp_path / "t", newer=False), home, lambda: True)


def test_a_damaged_list_is_told_and_kept(home, tmp_path):
    home.root.mkdir()
    home.linked.write_text("{broken")
    assert read_linked(home) == ()
    assert "can't be read" in check_linked(home)
    link_folder(home, tmp_path)
    link_folder(home, tmp_path)
    assert (read_linked(home), check_linked(home)) == ((tmp_path,), "")
    assert (home.root / "linked_folders.broken.json").read_text() == "{broken"
