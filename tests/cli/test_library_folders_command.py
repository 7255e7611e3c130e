"""`lora-deck library`: a folder of text-generation-webui told, used, copied and forgotten."""

from __future__ import annotations

import pytest

from tests.library.textgen_making import make_textgen, write


@pytest.fixture
def root(tmp_path):
    return make_textgen(tmp_path / "webui", newer=True)


def test_used_listed_and_forgotten(run, home, root):
    write(root / "user_data" / "presets" / "bad.yaml", "- x\n")
    ran = run("library", "import", root)
    assert (ran.status, ran.out) == (0, f"{root} is used in place from now on.\n")
    assert "It holds 1 model, 1 adapter, 1 dataset, 1 format of data, 1 preset and 1 template" in ran.err
    assert "  can't be used: preset bad: bad.yaml holds no names and values." in ran.err
    assert "  preset simple-1: Not known here and left out: tfs." in ran.err
    assert run("library").out == f"{root}\n"
    assert [one["name"] for one in run("adapters", "--json").json["adapters"]] == ["pirate v1.5"]
    assert [one["name"] for one in run("datasets", "--json").json["datasets"]] == ["sea.json"]
    ran = run("library", "forget", root)
    assert (ran.status, "Nothing in it was touched" in ran.err) == (0, True)
    assert run("models", "--json").json["models"] == []
    ran = run("library", "forget", root)
    assert (ran.status, "is not used. Folders that are: none." in ran.err) == (1, True)


def test_a_folder_that_is_gone_is_told(run, home, root, tmp_path):
    run("library", "import", root)
    root.rename(tmp_path / "away")
    assert "is not there now" in run("library").out
    assert run("library", "--json").json == {"folders": [{"folder": str(root), "there": False}]}
    ran = run("adapters")
    assert (ran.status, f"{root} is not there now. What it holds is listed again" in ran.err) == (0, True)
    assert run("library", "forget", root).status == 0


def test_its_template_dresses_a_prompt(run, home, root, echo):
    run("library", "import", root)
    ran = run("generate", "--model", echo, "--template", "Talk", "--prompt", "Ahoy?")
    assert (ran.status, ran.out.startswith("Q: Ahoy? A:")) == (0, True), ran


def test_copied_and_only_looked_at(run, home, root):
    ran = run("library", "import", root, "--look", "--json")
    assert (ran.status, len(ran.json["report"]["found"])) == (0, 6)
    assert not home.root.exists()
    ran = run("library", "import", root, "--copy")
    assert (ran.status, ran.out) == (0, f"Copied into {home.root}: 6.\n")
    assert not home.linked.exists()
    ran = run("library", "import", root, "--copy", "--json")
    assert (ran.status, len(ran.json["left"])) == (1, 6)


def test_what_can_t_be_used(run, home, root, tmp_path):
    ran = run("library", "import", root / "user_data" / "loras")
    assert (ran.status, "Did you mean" in ran.err) == (1, True)
    empty = tmp_path / "empty"
    for part in ("loras", "presets"):
        (empty / part).mkdir(parents=True)
    ran = run("library", "import", empty)
    assert (ran.status, "can be used, so it was not added" in ran.err) == (1, True)
    home.linked.parent.mkdir(exist_ok=True)
    home.linked.write_text("?")
    ran = run("library")
    assert (ran.status, "can't be read" in ran.err) == (1, True)
