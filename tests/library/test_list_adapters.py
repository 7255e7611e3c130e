"""The list of adapters: what stands in it, in which order, and how long it takes."""

import pytest

from desktop.library.adapters import list_adapters
from desktop.library.home import Home
from desktop.library.settings import Settings
from tests.library.making import make_adapter, write_safetensors

NONE = Settings()


def only(home):
    (entry,) = list_adapters(home, NONE)
    return entry


def test_a_whole_adapter(home):
    folder = make_adapter(home.loras / "tloen_alpaca-lora-7b", rank=16, alpha=32)
    entry = only(home)
    assert (entry.name, entry.path) == ("tloen_alpaca-lora-7b", str(folder))
    assert (entry.kind, entry.rank, entry.alpha, entry.problem) == ("LoRA", 16, 32.0, "")
    assert entry.target_modules == ("q_proj", "v_proj")
    assert entry.base_model == "huggyllama/llama-7b"
    assert (entry.file, entry.size) == (".safetensors", (folder / "adapter_model.safetensors").stat().st_size)


@pytest.mark.parametrize(
    ("config", "kind", "rank"),
    [
        ({"use_rslora": True}, "rsLoRA", 8),
        ({"use_dora": True}, "DoRA", 8),
        ({"use_dora": True, "use_rslora": True}, "DoRA", 8),
        ({"rank_pattern": {"q_proj": 64, "v_proj": 4}}, "LoRA", 64),
        ({"peft_type": None}, "LoRA", 8),
        ({"alora_invocation_tokens": [1, 2]}, "aLoRA", 8),
        ({"peft_type": "LOHA"}, "LoHa", 8),
        ({"peft_type": "IA3", "r": None, "lora_alpha": None}, "IA3", 0),
        ({"peft_type": "SOMETHING_NEW"}, "SOMETHING_NEW", 8),
    ],
)
def test_kinds_and_ranks(home, config, kind, rank):
    make_adapter(home.loras / "a", **config)
    assert (only(home).kind, only(home).rank, only(home).problem) == (kind, rank, "")


def test_target_modules_may_be_a_pattern_or_nothing(home):
    make_adapter(home.loras / "a", target_modules="all-linear")
    make_adapter(home.loras / "b", target_modules=None)
    assert [entry.target_modules for entry in list_adapters(home, NONE)] == [("all-linear",), ()]


def test_a_bin_is_listed_and_not_opened(home):
    make_adapter(home.loras / "a", binary=True)
    assert (only(home).file, only(home).size, only(home).problem) == (".bin", 12, "")


def test_safetensors_come_before_bin(home):
    (make_adapter(home.loras / "a") / "adapter_model.bin").write_bytes(b"old")
    assert only(home).file == ".safetensors"


def test_a_single_file_is_told_and_a_note_is_not_listed(home):
    make_adapter(home.loras / "a")
    (home.loras / "place-your-loras-here.txt").write_text("")
    (home.loras / ".a.download.part").mkdir()
    write_safetensors(home.loras / "kohya.safetensors", {})
    problems = {entry.name: entry.problem for entry in list_adapters(home, NONE)}
    assert problems["a"] == ""
    assert problems["kohya.safetensors"].startswith("It is a single file. An adapter is a folder")
    assert len(problems) == 2


def test_checkpoints_of_a_training_are_listed_one_by_one(home):
    for step in (100, 200):
        make_adapter(home.loras / "run" / f"checkpoint-{step}")
    assert [entry.name for entry in list_adapters(home, NONE)] == ["run/checkpoint-100", "run/checkpoint-200"]


def test_links_are_followed_and_circles_told(home, tmp_path):
    make_adapter(home.loras / "a")
    make_adapter(tmp_path / "b")
    (home.loras / "linked").symlink_to(tmp_path / "b")
    (home.loras / "circle").symlink_to(home.loras / "circle")
    (home.loras / "gone").symlink_to(tmp_path / "nothing")
    (home.loras / "library").symlink_to(home.loras)
    (home.loras / "home").symlink_to(home.root)
    problems = {entry.name: entry.problem for entry in list_adapters(home, NONE)}
    assert problems["a"] == problems["linked"] == ""
    assert problems["circle"] == "It is a link that leads in a circle. Mend or remove the link."
    assert problems["gone"] == f"It is a link to {tmp_path / 'nothing'}, where nothing is. Mend or remove the link."
    assert "no adapter_config.json" in problems["library"]
    assert len(problems) == 6


def test_further_folders_come_after_home_and_the_same_one_once(home, tmp_path):
    mine, theirs = make_adapter(home.loras / "a"), make_adapter(tmp_path / "more" / "loras" / "a")
    make_adapter(tmp_path / "more" / "loras" / "b")
    (tmp_path / "link").symlink_to(tmp_path / "more")
    folders = (str(tmp_path / "more"), str(home.root), str(tmp_path / "link"), str(tmp_path / "not there"))
    entries = list_adapters(home, Settings(folders=folders))
    assert [(entry.name, entry.path) for entry in entries] == [
        ("a", str(mine)),
        (str(theirs), str(theirs)),
        ("b", str(tmp_path / "more" / "loras" / "b")),
    ], "what is hidden by a namesake is named by its path"


def test_a_library_that_is_a_file_or_not_there_is_empty(home, tmp_path):
    assert list_adapters(home, NONE) == []
    home.root.mkdir()
    home.loras.write_text("")
    assert list_adapters(home, NONE) == []
    assert list_adapters(Home(tmp_path / "nowhere"), NONE) == []


def test_three_hundred_adapters_with_long_headers(home):
    tensors = {f"base_model.model.model.layers.{n}.lora_A.weight": ("F32", (1, 1)) for n in range(420)}
    make_adapter(home.loras / "0")
    write_safetensors(home.loras / "0" / "adapter_model.safetensors", tensors)
    config, weights = (
        (home.loras / "0" / name).read_bytes() for name in ("adapter_config.json", "adapter_model.safetensors")
    )
    for number in range(1, 300):
        folder = home.loras / str(number)
        folder.mkdir()
        (folder / "adapter_config.json").write_bytes(config)
        (folder / "adapter_model.safetensors").write_bytes(weights)
    found = list_adapters(home, NONE)
    assert len(found) == 300
    assert not any(entry.problem for entry in found)
