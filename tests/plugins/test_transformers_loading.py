"""Loading with transformers: every shape a model folder comes in, and what is said of the broken ones."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from desktop.api import LoaderError, LogitsRequest
from loader_kit import devices
from tests import tiny
from transformers_loader import bits, probe


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model that the test may break."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def numbers(model, prompt="The capital"):
    return model.logits(LogitsRequest(prompt=prompt, last=2)).data


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("shards", [False, True])
def test_shards_and_bin_give_the_same_logits(load, tiny_folder, tmp_path, binary, shards):
    tiny.make_model(tmp_path / "other", binary=binary, shards=shards)
    names = {file.suffix for file in (tmp_path / "other").iterdir() if file.suffix in {".bin", ".safetensors"}}
    assert names == {".bin" if binary else ".safetensors"}
    assert len(list((tmp_path / "other").glob("*.index.json"))) == shards
    model = load(tmp_path / "other", dtype="float32")
    assert numbers(model) == numbers(load(tiny_folder, dtype="float32"))
    assert model.steps[0] == "Reading the tokenizer"
    assert "Loading weights" in model.steps


def test_a_single_file_with_a_name_of_its_own(load, folder, tiny_folder):
    (folder / "model.safetensors").rename(folder / "finetune v2.safetensors")
    assert not probe.verdict(folder).fits
    assert probe.verdict(folder / "finetune v2.safetensors").fits
    model = load(folder / "finetune v2.safetensors", dtype="float32")
    assert numbers(model) == numbers(load(tiny_folder, dtype="float32"))


@pytest.mark.parametrize(
    ("stored", "request_", "expected"),
    [
        (torch.bfloat16, {}, "bfloat16"),
        (torch.float16, {}, "bfloat16"),
        (torch.float32, {}, "float32"),
        (torch.bfloat16, {"device": "cpu"}, "float32"),
        (torch.bfloat16, {"dtype": "float16"}, "float16"),
    ],
)
def test_the_type_follows_the_checkpoint_and_the_device(load, tmp_path, monkeypatch, stored, request_, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    tiny.make_model(tmp_path / "model", dtype=stored)
    model = load(tmp_path / "model", **request_)
    assert model.info.dtype == expected
    assert next(model.model.parameters()).dtype == getattr(torch, expected)
    if request_.get("device") == "cpu":
        assert model.info.notes == ("Computing in float32 on the CPU.",)


def test_float32_on_the_cpu_gives_way_where_memory_is_short(load, folder, monkeypatch):
    monkeypatch.setattr(devices, "available_memory", lambda: 100_000)
    model = load(folder, device="cpu")
    assert model.info.dtype == "bfloat16"
    assert "more than is free" in model.info.notes[0]


def test_what_is_said_of_a_model(load, tiny_folder):
    info = load(tiny_folder, dtype="float32").info
    assert (info.architecture, info.context_length, info.vocabulary_size) == ("LlamaForCausalLM", 256, 320)
    assert info.has_template
    assert 0 <= info.memory_bytes - info.parameters * 4 < 200  # a few buffers beside the weights
    assert info.versions["torch"] == torch.__version__


def refused(load, path, match, **request):
    with pytest.raises(LoaderError, match=match):
        load(path, **request)


def test_folders_without_the_parts_of_a_model(load, folder, tmp_path):
    refused(load, tmp_path / "gone", "is not there")
    (folder / "model.safetensors").unlink()
    refused(load, folder, "no weights")
    (folder / "config.json").unlink()
    refused(load, folder, "no config.json")
    (folder / "adapter_config.json").write_text("{}")
    refused(load, folder, "LoRA adapter, not a base model. Give it with --lora")
    (tmp_path / "notes.txt").write_text("hello")
    refused(load, tmp_path / "notes.txt", "no model file this loader knows")


def test_truncated_and_garbage_weights(load, folder):
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1000])
    refused(load, folder, "cut short: 1,000 bytes are missing")
    file.write_bytes(b"not a model at all")
    refused(load, folder, "not a whole safetensors file")
    file.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04 cut")
    refused(load, folder, "can't be loaded")


def test_missing_tensors_are_not_made_up(load, folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    refused(load, folder, r"lack 1 of its tensors \(such as model.layers.1.mlp.up_proj.weight\)")


def test_a_missing_shard(load, tmp_path):
    tiny.make_model(tmp_path / "model", shards=True)
    shards = sorted((tmp_path / "model").glob("*.safetensors"))
    shards[1].unlink()
    refused(load, tmp_path / "model", f"{shards[1].name} of {len(shards)} weight files is missing")


def change_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_an_unknown_architecture(load, folder):
    change_config(folder, model_type="brandnew", architectures=["BrandNewForCausalLM"])
    refused(load, folder, "doesn't know the architecture 'brandnew'. Update transformers")


def test_remote_code_is_off_unless_asked_for(load, folder, tmp_path):
    fired = tmp_path / "fired"
    (folder / "modeling_evil.py").write_text(f"open({str(fired)!r}, 'w')\n")
    auto_map = {"AutoConfig": "modeling_evil.EvilConfig", "AutoModelForCausalLM": "modeling_evil.EvilModel"}
    change_config(folder, model_type="evil", auto_map=auto_map)
    assert "needs --trust-remote-code" in probe.verdict(folder).reason
    refused(
        load, folder, "brings Python code of its own.*--trust-remote-code|tokenizer can't be read.*trust_remote_code"
    )
    assert not fired.exists()


def test_no_tokenizer(load, folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    refused(load, folder, "tokenizer can't be read.*needs tokenizer.json or tokenizer.model")


def test_other_quantisations_are_left_to_their_loaders(folder):
    change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    assert "AutoGPTQ" in probe.verdict(folder).reason
    change_config(folder, quantization_config={"quant_method": "awq"})
    assert "awq" in probe.verdict(folder).reason


def test_8_bit_without_bitsandbytes_says_what_to_install(load, tiny_folder, monkeypatch):
    monkeypatch.setattr(bits, "find_spec", lambda name: None)
    refused(load, tiny_folder, "needs the package bitsandbytes.*pip install bitsandbytes", bits=8)


def test_settings_are_checked_before_anything_is_read(load, tiny_folder):
    refused(
        load,
        tiny_folder,
        "no setting called 'atention'.*attention, quant_type, double_quant",
        settings={"atention": "x"},
    )
    refused(load, tiny_folder, "can't be used: Invalid enum value 'nf3'", settings={"quant_type": "nf3"})


def test_devices_that_are_not_there(load, tiny_folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused(load, tiny_folder, "sees no CUDA device|built for the CPU only", device="cuda:0")
    refused(load, tiny_folder, "no device called 'gpu'", device="gpu")


@pytest.fixture
def llama_2023(tmp_path):
    """decapoda-research/llama-7b-hf in small: odd names, empty special tokens, wrong numbers, .bin shards."""
    import sentencepiece

    folder = tmp_path / "llama-7b-hf"
    sentence = tiny.TEXT * 3
    (tmp_path / "text.txt").write_text(sentence)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text.txt"), model_prefix=str(tmp_path / "tokenizer"), vocab_size=380, model_type="bpe",
        byte_fallback=True, minloglevel=2, character_coverage=0.98,
    )  # fmt: skip
    tiny.make_model(folder, shards=True, binary=True, vocab_size=384)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "tokenizer.model", folder / "tokenizer.model")
    change_config(
        folder, architectures=["LLaMAForCausalLM"], bos_token_id=0, eos_token_id=1, pad_token_id=-1,
        max_sequence_length=2048, torch_dtype="float16",
    )  # fmt: skip
    ids = {"_from_model_config": True, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
    (folder / "generation_config.json").write_text(json.dumps(ids))
    (folder / "special_tokens_map.json").write_text("{}")
    names = {"bos_token": "", "eos_token": "", "unk_token": "", "tokenizer_class": "LLaMATokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"model_max_length": 10**30}))
    return folder


def test_a_llama_folder_of_early_2023(load, llama_2023):
    before = {file.name: file.read_bytes() for file in llama_2023.iterdir()}
    model = load(llama_2023, dtype="float32")
    ids = model.tokenizer("The capital of France")["input_ids"]
    assert ids[0] == 1 == model.tokenizer.bos_token_id
    assert model.tokenizer.decode(ids, skip_special_tokens=True) == "The capital of France"
    assert model._end_tokens == {2}
    assert model.model.config.pad_token_id is None
    assert model.info.path == str(llama_2023)
    assert {file.name: file.read_bytes() for file in llama_2023.iterdir()} == before


def test_the_missions_own_pair(load, llama_2023, tmp_path):
    """A 2023 llama-7b-hf with a .bin adapter of tloen's kind on it."""
    from desktop.api import Lora

    model = load(llama_2023, dtype="float32")
    base = numbers(model)
    old = {"enable_lora": None, "merge_weights": False, "base_model_name_or_path": "decapoda-research/llama-7b-hf"}
    tiny.make_adapter(tmp_path / "tloen_alpaca-lora-7b", model.model, rank=8, alpha=16, binary=True, **old)
    row = Lora(id="a", name="tloen_alpaca-lora-7b", path=str(tmp_path / "tloen_alpaca-lora-7b"))
    assert model.stack.apply(row).modules_matched == 6
    assert numbers(model) != base
    model.stack.remove(row)
    assert numbers(model) == base
