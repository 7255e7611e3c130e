"""Everything about an adapter's folder, against files written by hand; what is broken is told, the rest is there."""

import json
import math
import struct
import threading

import msgspec
import pytest
import torch

from desktop.library.identity import HashStopped, content_hash
from desktop.library.inspection import inspect_adapter
from desktop.library.inspection_words import in_words
from tests.library.making import make_adapter, write_json, write_safetensors

MODEL = "base_model.model.model.layers"


def factors(modules, *, rank=8, dtype="F32"):
    """Both factors of modules that are 64 wide, by their names below `layers`."""
    found = {}
    for module in modules:
        found[f"{MODEL}.{module}.lora_A.weight"] = (dtype, (rank, 64))
        found[f"{MODEL}.{module}.lora_B.weight"] = (dtype, (64, rank))
    return found


def with_tensors(folder, tensors, **config):
    make_adapter(folder, **config)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    return folder


def test_an_adapter_with_all_its_facts(tmp_path):
    tensors = factors([f"{layer}.self_attn.{kind}" for layer in (0, 1, 2, 7) for kind in ("q_proj", "v_proj")])
    folder = with_tensors(tmp_path / "ad 1.5", tensors, peft_version="0.19.1", lora_dropout=0.05, task_type="CAUSAL_LM")
    found = inspect_adapter(folder)
    assert (found.name, found.path, found.kind) == ("ad 1.5", str(folder), "LoRA")
    assert (found.rank, found.ranks, found.alpha, found.scalings) == (8, (8,), 16, (2.0,))
    assert found.target_modules == ("q_proj", "v_proj")
    assert (found.modules, found.layers) == ({"q_proj": 4, "v_proj": 4}, (0, 1, 2, 7))
    assert (found.parameters, found.dtypes) == (8 * 2 * 8 * 64, {"F32": 16})
    assert (found.file, found.size) == (".safetensors", (folder / "adapter_model.safetensors").stat().st_size)
    assert found.content_hash == content_hash(folder)
    assert (found.base_model, found.peft_version) == ("huggyllama/llama-7b", "0.19.1")
    assert found.settings == {"lora_dropout": "0.05", "task_type": "CAUSAL_LM"}
    assert (found.problems, found.notes, found.unused, found.training, found.card) == ((), (), (), None, None)
    words = in_words(found)
    assert (words["modules"], words["layers"], words["parameters"]) == ("8: q_proj 4, v_proj 4", "4: 0-2, 7", "8,192")


def test_a_bin_tells_the_same_as_a_safetensors(tmp_path):
    tensors = factors(["3.mlp.up_proj"], rank=4)
    safe = inspect_adapter(with_tensors(tmp_path / "safe", tensors, rank=4))
    folder = make_adapter(tmp_path / "bin", rank=4, binary=True)
    torch.save({name: torch.zeros(shape) for name, (_, shape) in tensors.items()}, folder / "adapter_model.bin")
    old = inspect_adapter(folder)
    for name in ("ranks", "scalings", "modules", "layers", "parameters", "dtypes", "problems"):
        assert getattr(old, name) == getattr(safe, name)
    assert old.file == ".bin"


def test_patterns_rslora_and_dora(tmp_path):
    tensors = factors(["0.q_proj"]) | factors(["0.v_proj"], rank=16)
    tensors[f"{MODEL}.0.q_proj.lora_magnitude_vector"] = ("F32", (64,))
    folder = with_tensors(tmp_path / "a", tensors, use_rslora=True, use_dora=True, rank_pattern={"v_proj": 16})
    found = inspect_adapter(folder)
    assert (found.kind, found.rslora, found.dora) == ("DoRA", True, True)
    assert (found.rank, found.ranks, found.rank_pattern) == (16, (8, 16), {"v_proj": 16})
    assert found.scalings == (16 / math.sqrt(16), 16 / math.sqrt(8))
    assert (found.unused, found.problems) == ((), ())
    assert in_words(found)["rank"] == "8, 16 (v_proj 16)"
    config = json.loads((folder / "adapter_config.json").read_text())
    write_json(folder / "adapter_config.json", config | {"alpha_pattern": {"(a+)+$": 32}})
    again = inspect_adapter(folder)
    assert (again.scalings, again.alpha_pattern) == ((), {"(a+)+$": 32})


def test_names_of_a_running_peft_model_and_embeddings(tmp_path):
    tensors = {
        "base_model.model.model.embed_tokens.lora_embedding_A": ("F16", (8, 100)),
        "base_model.model.model.embed_tokens.lora_embedding_B": ("F16", (64, 8)),
        "base_model.model.h.0.attn.lora_A.default.weight": ("F32", (8, 64)),
        "base_model.model.h.0.attn.lora_B.default.weight": ("F32", (64, 8)),
        "base_model.model.lm_head.weight": ("F32", (4, 64)),
    }
    found = inspect_adapter(with_tensors(tmp_path / "a", tensors))
    assert (found.modules, found.layers) == ({"attn": 1, "embed_tokens": 1}, (0,))
    assert found.unused == ("base_model.model.lm_head.weight",)
    assert in_words(found)["dtype"] == "F16 2, F32 3"


def test_the_training_and_the_card(tmp_path):
    folder = make_adapter(tmp_path / "a")
    history = [{"loss": 2.5, "step": 10}, {"loss": 1.25, "step": 20}, {"eval_loss": 1.5}, {"train_runtime": 3}]
    state = {"global_step": 1200, "max_steps": 2400, "epoch": 2.997, "log_history": history}
    write_json(folder / "trainer_state.json", state)
    write_json(folder / "training_args.json", {"learning_rate": 3e-4, "seed": 7, "hub_token": "secret", "optim": None})
    card = '---\r\nbase_model: "huggyllama/llama-7b" # it\r\nlicense: mit\r\ndatasets:\r\n- one/two\r\n  - three\r\n'
    rest = "tags: [lora, 'a b']\n---\n# It\n\n### Framework versions\n\n- PEFT 0.4.0\n"
    (folder / "README.md").write_text(card + rest)
    found = inspect_adapter(folder)
    training = found.training
    assert (training.steps, training.planned_steps, training.epochs) == (1200, 2400, 2.997)
    assert (training.loss, training.evaluation_loss) == (1.25, 1.5)
    assert training.arguments == {"learning_rate": "0.0003", "seed": "7"}
    assert (found.card.base_model, found.card.license) == (("huggyllama/llama-7b",), "mit")
    assert (found.card.datasets, found.card.tags) == (("one/two", "three"), ("lora", "a b"))
    assert found.peft_version == "0.4.0"
    assert in_words(found)["training"] == "1,200 of 2,400 steps, 2.997 epochs, loss 1.25, evaluation loss 1.5"


def test_what_text_generation_webui_leaves(tmp_path):
    folder = make_adapter(tmp_path / "a")
    write_json(folder / "training_log.json", {"loss": 0.5, "epoch": 3, "current_steps": 96})
    write_json(folder / "training_parameters.json", {"micro_batch_size": 4, "dataset": "mine", "lora_name": "a"})
    training = inspect_adapter(folder).training
    assert (training.steps, training.epochs, training.loss) == (96, 3.0, 0.5)
    assert training.arguments == {"micro_batch_size": "4", "dataset": "mine"}


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_files_that_are_not_needed_and_can_not_be_read_are_noted(tmp_path, content):
    folder = make_adapter(tmp_path / "a")
    (folder / "trainer_state.json").write_bytes(content)
    found = inspect_adapter(folder)
    assert "trainer_state.json can't be read" in found.notes[0]
    assert (found.problems, found.training) == ((), None)


def test_a_loss_that_is_no_number_is_told_and_can_be_sent_on(tmp_path):
    folder = make_adapter(tmp_path / "a")
    state = '{"global_step": 5, "epoch": 1e999, "log_history": [7, {"loss": NaN}, {"eval_loss": true}]}'
    (folder / "trainer_state.json").write_text(state)
    found = inspect_adapter(folder)
    assert in_words(found)["training"] == "5 steps, inf epochs, loss nan"
    assert json.loads(msgspec.json.encode(found))["training"]["loss"] is None


def test_broken_weights_leave_what_the_configuration_and_their_header_say(tmp_path):
    found = inspect_adapter(make_adapter(tmp_path / "a", rank=4, cut=5))
    assert (found.rank, found.alpha, found.base_model) == (4, 16, "huggyllama/llama-7b")
    assert (found.modules, found.parameters, found.content_hash) == ({"q_proj": 1}, 512, "")
    assert found.problems == (
        "adapter_model.safetensors is cut short: 5 bytes are missing at its end. Download the adapter again.",
    )


def test_a_broken_configuration_leaves_what_the_weights_say(tmp_path):
    folder = make_adapter(tmp_path / "a")
    (folder / "adapter_config.json").write_text("{")
    found = inspect_adapter(folder)
    assert (found.kind, found.ranks, found.modules, found.parameters) == ("", (8,), {"q_proj": 1}, 1024)
    assert [problem[:34] for problem in found.problems] == ["adapter_config.json can't be read "]
    (folder / "adapter_config.json").write_text("{}")
    assert "rank None" in inspect_adapter(folder).problems[0]


def test_a_folder_that_is_no_adapter_is_told(tmp_path):
    problems = inspect_adapter(tmp_path).problems
    assert ["adapter_config.json" in problems[0], "It has no weights" in problems[1]] == [True, True]
    assert inspect_adapter(tmp_path / "gone").problems


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({f"{MODEL}.0.q.lora_A.weight": ("F32", (8, 4))}, "0.q has only one of two factors"),
        (
            {f"{MODEL}.0.q.lora_A.weight": ("F32", (8, 4)), f"{MODEL}.0.q.lora_B.weight": ("F32", (4, 7))},
            "0.q has factors that don't fit together",
        ),
        ({"other": ("F32", (2, 2))}, "None of its 1 tensors is a factor of a LoRA"),
        (factors(["0.q"], rank=4), "says rank 8, its factors have 4"),
    ],
)
def test_factors_that_can_not_be_right_are_told(tmp_path, tensors, words):
    (problem,) = inspect_adapter(with_tensors(tmp_path / "a", tensors)).problems
    assert words in problem


def test_a_hash_nobody_waits_for_ends(tmp_path):
    ending = threading.Event()
    ending.set()
    with pytest.raises(HashStopped):
        inspect_adapter(make_adapter(tmp_path / "a"), ending=ending)


def test_other_kinds_have_no_factors_to_miss(tmp_path):
    folder = with_tensors(tmp_path / "a", {"base_model.model.q.ia3_l": ("F32", (64, 1))}, peft_type="IA3")
    found = inspect_adapter(folder)
    assert (found.kind, found.parameters, found.unused, found.problems) == ("IA3", 64, (), ())


def test_a_hostile_header_can_be_sent_on(tmp_path):
    folder = make_adapter(tmp_path / "a", **{"x\ud800": "\udfff", "deep": [[1] * 999]})
    row = {"dtype": "Q9", "shape": [2**60, 2**60], "data_offsets": [0, 0]}
    header = json.dumps({f"{MODEL}.0.q.lora_A.weight": row, f"{MODEL}.0.q.lora_B.weight": row}).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    found = inspect_adapter(folder)
    assert "makes no sense" in found.problems[0]
    sent = msgspec.json.decode(msgspec.json.encode(found))
    assert (sent["dtypes"], sent["settings"]["x?"], len(sent["settings"]["deep"])) == ({}, "?", 200)
