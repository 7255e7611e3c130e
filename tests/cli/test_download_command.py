"""`lora-deck download` through the whole command, against a hub on this machine, in real child processes."""

from __future__ import annotations

import json

import psutil
import pytest

from desktop.library.hub.record import Record, RemoteFile, staging_of, write_record
from desktop.library.hub.worker import Worker
from tests.library.fake_hub import Fault, fake_hub, lend
from tests.library.hub.repositories import adapter_files, in_bytes, model_files
from tests.library.making import make_model

NAME = "tloen/alpaca-lora-7b"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The mission's own adapter, and a mirror of the base it names, which is gone."""
    with fake_hub() as found:
        lend(monkeypatch, found, tmp_path / "hf")
        found.add(NAME, in_bytes(adapter_files(), tmp_path / "made"))
        found.add("huggyllama/llama-7b", in_bytes(model_files(), tmp_path / "made"))
        yield found


def test_the_adapter_and_its_base(run, hub, home):
    ran = run("download", NAME)
    assert (ran.status, ran.out) == (0, f"{home.loras / 'tloen_alpaca-lora-7b'}\n"), ran.err
    assert ran.err.splitlines()[:2] == [
        f"{NAME} is an adapter: it holds adapter_config.json and no whole model's weights.",
        f"3 files, 66.0 kB, into {home.loras / 'tloen_alpaca-lora-7b'}",
    ]
    assert "Complete and verified: 3 files, 66.0 kB.\n" in ran.err
    assert (
        "decapoda-research/llama-7b-hf (the hub no longer has it under this name); it is not in the library." in ran.err
    )
    assert "\n  lora-deck download huggyllama/llama-7b\n" in ran.err
    assert run("adapters", "--json").json["adapters"][0]["name"] == "tloen_alpaca-lora-7b"
    ran = run("download", NAME, "--with-base", "--json")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.status == 0
    assert [one["folder"] for one in events if one["event"] == "finished"] == [
        str(home.loras / "tloen_alpaca-lora-7b"),
        str(home.models / "huggyllama_llama-7b"),
    ]
    (base,) = (one for one in events if one["event"] == "base")
    assert (base["gone"], base["here"], base["sources"][0]) == (True, "", "huggyllama/llama-7b")


def test_the_base_is_found_under_the_name_the_page_gives_it(run, hub, home):
    make_model(home.models / "llama-7b-hf")
    assert "the library has it as llama-7b-hf." in run("download", NAME).err


def test_nothing_is_zero_unless_all_is_there(run, hub, home):
    ran = run("download", "nobody/nothing", NAME, "--retries", 0)
    assert ran.status == 1
    assert "lora-deck: There is no nobody/nothing" in ran.err
    assert ran.out == f"{home.loras / 'tloen_alpaca-lora-7b'}\n", "the other one comes all the same"
    hub.faults["content"].extend([Fault(status=500)] * 9)
    ran = run("download", "huggyllama/llama-7b", "--retries", 0, "--json")
    assert ran.status == 1
    last = json.loads(ran.out.splitlines()[-1])
    assert (last["event"], last["kind"]) == ("failed", "server")
    assert not (home.models / "huggyllama_llama-7b").exists()
    assert "huggyllama/llama-7b  " in run("download").err
    hub.faults["content"].clear()
    assert run("download", "--resume").status == 0
    assert (home.models / "huggyllama_llama-7b" / "config.json").is_file()
    assert run("download", "--json").json == {"unfinished": []}


def test_what_has_come_can_be_thrown_away(run, hub, home):
    staging = staging_of(home.models / "a_b")
    staging.mkdir(parents=True)
    file = RemoteFile("config.json", 9, sha1="0")
    write_record(staging, Record(repo="a/b", asked="a/b", revision="main", commit="0", kind="model", files=(file,)))
    assert "a/b  0 B of 9 B  model, to" in run("download").err
    assert run("download", "x/y", "--cancel").status == 1
    assert run("download", "a/b", "--cancel").status == 0
    assert list(home.models.iterdir()) == []


def test_up_to_date_and_updated(run, hub, home):
    run("download", NAME)
    ran = run("download", NAME)
    assert (ran.status, "Up to date: 3 files, 66.0 kB, as on the hub at commit" in ran.err) == (0, True), ran.err
    repo = hub.repos[NAME]
    repo.change(repo.files | {"README.md": b"# Newer"})
    ran = run("download", NAME)
    assert (ran.status, "holds an older version" in ran.err, "--update" in ran.err) == (1, True, True)
    ran = run("download", NAME, "--update")
    assert ran.status == 0
    assert "Updated and verified: 3 files, 66.0 kB, 7 B of it fetched now, commit" in ran.err
    assert (home.loras / "tloen_alpaca-lora-7b" / "README.md").read_bytes() == b"# Newer"


def test_another_folder_and_a_check(run, hub, tmp_path):
    assert run("download", NAME, "--output", tmp_path / "mine").status == 0
    assert run("download", NAME, "--output", tmp_path / "mine", "--check").status == 0
    (tmp_path / "mine" / "README.md").write_text("other")
    ran = run("download", NAME, "--output", tmp_path / "mine", "--check")
    assert ran.status == 1
    assert "README.md has 5 bytes, the hub's has 13" in ran.err
    assert (tmp_path / "mine" / "README.md").read_text() == "other"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["https://example.com/a/b"], "is no address of the hub"),
        (["a/b", "c/d", "--output", "x"], "--output is for one download"),
        (["a/b:../c"], "is no name of a branch"),
    ],
)
def test_what_can_t_be_asked_for(run, home, arguments, words):
    ran = run("download", *arguments)
    assert ran.status == 1
    assert words in ran.err


def test_ctrl_c_ends_the_child_and_says_how_to_go_on(run, hub, home, monkeypatch):
    workers = []

    def interrupted(self):
        workers.append(self)
        yield next(iter_events(self))
        raise KeyboardInterrupt

    iter_events = Worker.events
    monkeypatch.setattr(Worker, "events", interrupted)
    ran = run("download", NAME)
    assert ran.status == 130
    assert "What has come is kept: run the same command again to go on, or with --cancel" in ran.err
    assert not psutil.pid_exists(workers[0].pid) or workers[0]._popen.wait(10) != 0


def test_the_bin_form_and_a_second_time(run, hub, home, tmp_path):
    files = in_bytes(adapter_files(), tmp_path / "made")
    hub.add(NAME, files | {"adapter_model.bin": b"PK" * 9000, "odd\nname.png": b"x"})
    ran = run("download", NAME)
    assert "\nLeft out: adapter_model.bin, odd\N{REPLACEMENT CHARACTER}name.png.\n" in ran.err
    assert sorted(path.name for path in (home.loras / "tloen_alpaca-lora-7b").glob("[!.]*")) == sorted(files)
    ran = run("download", NAME)
    assert ran.status == 0
    assert "3 files, 66.0 kB, 66.0 kB of it here already, into " in ran.err
    assert "Up to date: 3 files, 66.0 kB, as on the hub at commit " in ran.err
    weights = files.pop("adapter_model.safetensors")
    hub.add("old/form", files | {"adapter_model.bin": weights})
    assert run("download", "old/form").status == 0
    assert (home.loras / "old_form" / "adapter_model.bin").read_bytes() == weights


@pytest.mark.parametrize("name", ["../evil", "a/../..", "a/b:../c", "a/" + "x" * 300, "C:\\evil", "a/..b"])
def test_no_name_leaves_the_library(run, hub, home, name):
    before = sorted(home.root.rglob("*"))
    ran = run("download", name)
    assert ran.status == 1
    assert "is no name of" in ran.err
    assert len(ran.err) < 400
    assert sorted(home.root.rglob("*")) == before
    assert hub.requests == []


def test_a_hostile_repository_is_refused_by_name(run, hub, home, tmp_path):
    files = in_bytes(adapter_files(), tmp_path / "made")
    hub.add("e/clash", files | {"Adapter_Config.json": b"{}"})
    hub.add("e/evil", files | {"../evil.json": b"{}"})
    for name, words in (("e/clash", "holds both"), ("e/evil", "../evil.json")):
        ran = run("download", name, "--include", "*", "--json")
        assert ran.status == 1
        assert words in ran.err
    assert not [
        one for one in tmp_path.rglob("*") if one.is_file() and "made" not in one.parts and "hf" not in one.parts
    ]
