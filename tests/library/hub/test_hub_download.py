"""A download that goes well: what is fetched, where it lands, and what is not fetched a second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.library.adapters import list_adapters
from desktop.library.hub.events import Arrived, Checked, Found
from desktop.library.hub.record import find_unfinished, read_record
from desktop.library.hub.repo_paths import RECORD
from desktop.library.models import list_models
from desktop.library.settings import Settings
from tests.library.fake_hub import Fault
from tests.library.hub.repositories import adapter_files, content, model_files

NEEDED = {"adapter_config.json", "adapter_model.safetensors", "README.md"}


def test_an_adapter_lands_in_loras_whole_and_listed(download, adapter, home):
    went = download("tloen/alpaca-lora-7b")
    folder = home.loras / "tloen_alpaca-lora-7b"
    assert went.finished.folder == str(folder)
    assert content(folder) == {path: adapter[path] for path in NEEDED} | {RECORD: (folder / RECORD).read_bytes()}
    (entry,) = list_adapters(home, Settings())
    assert (entry.name, entry.problem, entry.base_model) == (folder.name, "", "decapoda-research/llama-7b-hf")
    (found,) = went.of(Found)
    assert found.kind == "adapter"
    assert "adapter_config.json and no whole model" in found.why
    assert {one.path for one in went.of(Arrived)} == NEEDED
    assert list(home.loras.iterdir()) == [folder], "nothing stays beside it"


def test_an_adapter_that_is_only_a_bin_comes_as_one(download, hub, adapter, home):
    hub.repos["tloen/alpaca-lora-7b"].change({k: v for k, v in adapter.items() if not k.endswith(".safetensors")})
    assert download("tloen/alpaca-lora-7b").finished
    folder = home.loras / "tloen_alpaca-lora-7b"
    assert (folder / "adapter_model.bin").read_bytes() == adapter["adapter_model.bin"]
    assert [one.problem for one in list_adapters(home, Settings())] == [""]


def test_a_model_in_shards_lands_in_models(download, hub, as_bytes, home):
    files = as_bytes(model_files(shards=3))
    hub.add("a/llama", files | {"pytorch_model.bin": b"x" * 9000, "original/consolidated.00.pth": b"x" * 9000})
    assert download("a/llama").finished
    assert {path: data for path, data in content(home.models / "a_llama").items() if path != RECORD} == files
    assert [(one.name, one.problem) for one in list_models(home, Settings())] == [("a_llama", "")]


@pytest.mark.parametrize(("revision", "folder"), [("v2", "a_b_v2"), ("refs/pr/3", "a_b_refs_pr_3")])
def test_another_branch_has_a_folder_of_its_own(download, hub, as_bytes, home, revision, folder):
    hub.add("a/b", as_bytes(adapter_files()), revisions=("main", revision))
    assert download(f"a/b:{revision}").finished
    assert read_record(home.loras / folder).revision == revision


def test_what_is_there_is_not_fetched_again(download, adapter, hub):
    assert download("tloen/alpaca-lora-7b").finished.fetched > 0
    hub.sent.clear()
    assert download("tloen/alpaca-lora-7b").finished.fetched == 0
    assert not hub.sent


def test_a_second_quantisation_comes_to_the_first(download, hub, home):
    hub.add("a/g", {"m.Q4_K_M.gguf": b"GGUF" + b"4" * 9000, "m.Q8_0.gguf": b"GGUF" + b"8" * 9000, "README.md": b"hi"})
    asked = download("a/g").failed
    assert asked.kind == "choice"
    assert "9.00 kB  m.Q4_K_M.gguf" in asked.message
    assert not list(home.root.rglob("*.gguf"))
    assert download("a/g", include=["*Q4_K_M*"]).finished
    before = (home.models / "a_g" / "m.Q4_K_M.gguf").stat()
    hub.sent.clear()
    assert download("a/g", include=["*Q8_0*"]).finished
    assert set(hub.sent) == {"m.Q8_0.gguf"}
    assert (home.models / "a_g" / "m.Q4_K_M.gguf").stat().st_ino == before.st_ino
    assert {file.path for file in read_record(home.models / "a_g").files} == {
        "m.Q4_K_M.gguf", "m.Q8_0.gguf", "README.md",
    }  # fmt: skip
    assert [path.name for path in home.models.iterdir()] == ["a_g"]


def test_a_folder_of_the_user_is_left_alone(download, adapter, home):
    folder = home.loras / "tloen_alpaca-lora-7b"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("mine")
    went = download("tloen/alpaca-lora-7b")
    assert went.failed.kind == "exists"
    assert content(folder) == {"adapter_config.json": b"mine"}


def test_a_newer_version_overwrites_nothing(download, adapter, hub, home):
    assert download("tloen/alpaca-lora-7b").finished
    before = content(home.loras)
    hub.repos["tloen/alpaca-lora-7b"].change(adapter | {"adapter_model.safetensors": b"other" * 2000})
    went = download("tloen/alpaca-lora-7b")
    assert went.failed.kind == "outdated"
    assert "adapter_model.safetensors has changed on the hub." in went.failed.message
    assert content(home.loras) == before
    assert find_unfinished(home.loras) == []


def test_text_only_brings_no_weights(download, adapter, home, hub):
    assert download("tloen/alpaca-lora-7b", text_only=True).finished
    assert set(content(home.loras / "tloen_alpaca-lora-7b")) == {"adapter_config.json", "README.md", RECORD}


def test_check_tells_every_difference_and_fetches_nothing(download, adapter, hub, home):
    assert download("tloen/alpaca-lora-7b").finished
    hub.sent.clear()
    (checked,) = download("tloen/alpaca-lora-7b", check=True).of(Checked)
    assert checked.differences == ()
    folder = home.loras / "tloen_alpaca-lora-7b"
    (folder / "README.md").unlink()
    weights = bytearray((folder / "adapter_model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "adapter_model.safetensors").write_bytes(weights)
    (folder / "adapter_config.json").write_bytes(b"{}")
    (checked,) = download("tloen/alpaca-lora-7b", check=True).of(Checked)
    size = len(adapter["adapter_config.json"])
    assert {one.path: one.problem for one in checked.differences} == {
        "README.md": "is missing",
        "adapter_model.safetensors": "has other bytes than the hub's",
        "adapter_config.json": f"has 2 bytes, the hub's has {size}",
    }
    assert not hub.sent


def test_a_renamed_repository_is_followed_and_told(download, adapter, hub):
    hub.renamed["old/alpaca"] = "tloen/alpaca-lora-7b"
    went = download("old/alpaca")
    assert went.finished
    (found,) = went.of(Found)
    assert (found.asked, found.repo) == ("old/alpaca", "tloen/alpaca-lora-7b")


def test_the_content_network_never_sees_the_token(download, adapter, hub, monkeypatch):
    hub.tokens.add("hf_secretsecret")
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecret")
    assert download("tloen/alpaca-lora-7b").finished
    assert {with_token for server, _, _, with_token in hub.requests if server == "hub"} == {True}
    assert {with_token for server, _, _, with_token in hub.requests if server == "content"} == {False}


def test_a_changed_repository_starts_only_what_changed_anew(download, hub, as_bytes, home):
    files = as_bytes(model_files(shards=2))
    repo = hub.add("a/llama", files)
    hub.faults["content"].extend([Fault()] * 5 + [Fault(status=404)] * 20)
    assert download("a/llama", workers=1, tries=1).failed
    first, second = sorted(path for path in files if path.endswith(".safetensors"))
    assert first in hub.sent
    hub.faults["content"].clear()
    hub.sent.clear()
    files = files | {second: files[second][::-1], "config.json": files["config.json"] + b" "}
    repo.change(files)
    assert download("a/llama").finished
    assert first not in hub.sent, "the same file is not fetched again"
    assert {path: data for path, data in content(home.models / "a_llama").items() if path != RECORD} == files


@pytest.mark.parametrize("moved", [0, 1])
def test_adding_to_a_folder_may_be_cut_off_at_any_point(download, hub, home, monkeypatch, moved):
    files = {f"m.Q{number}_0.gguf": b"GGUF" + bytes([number]) * 9000 for number in (4, 5, 8)}
    hub.add("a/g", files)
    assert download("a/g", include=["*Q4*"]).finished
    rename, left = Path.rename, [moved]

    def cut(self, target):
        if self.suffix == ".gguf" and not left[0]:
            raise KeyboardInterrupt
        left[0] -= self.suffix == ".gguf"
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(KeyboardInterrupt):
        download("a/g", include=["*"])
    monkeypatch.setattr(Path, "rename", rename)
    assert [(one.size, one.problem) for one in list_models(home, Settings()) if one.size != 9004] == []
    hub.sent.clear()
    assert download("a/g", include=["*"]).finished
    assert not hub.sent
    assert {path: data for path, data in content(home.models / "a_g").items() if path != RECORD} == files
    assert [path.name for path in home.models.iterdir()] == ["a_g"]


def test_a_file_from_an_address_comes_alone(download, hub, home):
    hub.add("a/g", {"m.Q4_K_M.gguf": b"GGUF" + b"4" * 9000, "m.Q8_0.gguf": b"GGUF" + b"8" * 9000})
    assert download("https://huggingface.co/a/g/resolve/main/m.Q8_0.gguf?download=true").finished
    assert set(content(home.models / "a_g")) == {"m.Q8_0.gguf", RECORD}
