"""The list of base models: names, formats and numbers."""

import struct

import pytest

from desktop.library.models import list_models
from desktop.library.settings import Settings
from tests.library.making import LLAMA, gguf, make_model, write_json, write_safetensors

NONE = Settings()
INDEX = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
LLAMA_FACTS = [("general.architecture", 8, b"llama"), ("general.file_type", 4, struct.pack("<I", 15))]
GPTQ_LAYER = {
    "model.layers.0.self_attn.q_proj.qweight": ("I32", (8, 64)),
    "model.layers.0.self_attn.q_proj.qzeros": ("I32", (2, 8)),
    "model.layers.0.self_attn.q_proj.scales": ("F16", (2, 64)),
}


def only(home):
    (entry,) = list_models(home, NONE)
    return entry


def problems(home):
    return {entry.name: entry.problem for entry in list_models(home, NONE)}


def test_a_whole_transformers_folder(home):
    folder = make_model(home.models / "llama-7b-hf")
    entry = only(home)
    assert (entry.name, entry.path, entry.problem) == ("llama-7b-hf", str(folder), "")
    assert (entry.format, entry.architecture) == ("Transformers safetensors", "LlamaForCausalLM")
    assert (entry.parameters, entry.dtype, entry.bits) == (64 * 64 + 10 * 64, "bfloat16", 16)
    assert entry.size == (folder / "model.safetensors").stat().st_size


def test_shards_count_together_and_a_missing_one_is_told(home):
    folder = make_model(home.models / "m")
    (folder / "model.safetensors").unlink()
    write_json(folder / "model.safetensors.index.json", INDEX)
    for number, shape in ((1, (3, 4)), (2, (5, 4))):
        write_safetensors(folder / f"model-0000{number}-of-00002.safetensors", {str(number): ("F32", shape)})
    entry = only(home)
    assert (entry.parameters, entry.bits, entry.problem) == (32, 32, "")
    assert entry.size == sum(file.stat().st_size for file in folder.glob("model-*"))
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors of 2 weight files is missing" in only(home).problem


@pytest.mark.parametrize(
    ("config", "words", "bits"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "GPTQ 4-bit, group size 128", 4),
        ({"bits": 3, "group_size": -1}, "GPTQ 3-bit", 3),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, "AWQ 4-bit, group size 64", 4),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes 4-bit", 4),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes 8-bit", 8),
        ({"quant_method": "exl2", "bits": 4.65}, "EXL2 4.65-bit", 4.65),
        ({"quant_method": "fp8"}, "fp8", None),
        ({"quant_method": "gptq", "bits": True}, "GPTQ", None),
        ({"quant_method": "gptq", "bits": 10**400}, "GPTQ", None),
    ],
)
def test_quantised_folders_say_how(home, config, words, bits):
    make_model(home.models / "m", LLAMA | {"quantization_config": config})
    entry = only(home)
    assert (entry.format, entry.bits, entry.parameters, entry.problem) == (words, bits, None, "")


def test_mlx_is_not_taken_for_gptq(home):
    says = {"bits": 4, "group_size": 64}
    make_model(home.models / "m", LLAMA | {"quantization": says, "quantization_config": says})
    assert only(home).format == "MLX 4-bit, group size 64"


def test_auto_gptq_with_its_own_configuration_and_file_name(home):
    folder = make_model(home.models / "m", tensors=GPTQ_LAYER, file="gptq_model-4bit-32g.safetensors")
    write_json(folder / "quantize_config.json", {"bits": 4, "group_size": 32, "desc_act": False})
    assert (only(home).format, only(home).bits, only(home).problem) == ("GPTQ 4-bit, group size 32", 4, "")


def test_gptq_for_llama_is_known_by_its_tensors_or_its_name(home):
    make_model(home.models / "a", tensors=GPTQ_LAYER, file="llama-7b-4bit-32g.safetensors")
    pickled = make_model(home.models / "b")
    (pickled / "model.safetensors").unlink()
    (pickled / "llama-7b-3bit.pt").write_bytes(b"PK")
    # The index of the original's shards, which nobody downloaded, does not matter.
    write_json(pickled / "pytorch_model.bin.index.json", {"weight_map": {"a": "pytorch_model-00001-of-00002.bin"}})
    assert [(entry.format, entry.bits, entry.problem) for entry in list_models(home, NONE)] == [
        ("GPTQ-for-LLaMa 4-bit", 4, ""),
        ("GPTQ-for-LLaMa 3-bit", 3, ""),
    ]


def test_exl2_without_a_configuration_is_known_by_its_tensors(home):
    make_model(home.models / "m", tensors={"model.layers.0.self_attn.q_proj.q_weight": ("I32", (9, 64))})
    assert only(home).format == "EXL2"


def test_a_bin_folder(home):
    folder = make_model(home.models / "m")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x" * 1234)
    (folder / "training_args.bin").write_bytes(b"x" * 99)
    entry = only(home)
    assert (entry.format, entry.size, entry.parameters, entry.dtype) == ("Transformers .bin", 1234, None, "bfloat16")


def test_each_gguf_is_a_model(home):
    (home.models / "repo").mkdir(parents=True)
    (home.models / "repo" / "SmolLM2-Q4_K_M.gguf").write_bytes(gguf(LLAMA_FACTS, tail=b"x" * 100))
    (home.models / "repo" / "SmolLM2-F16.gguf").write_bytes(gguf(LLAMA_FACTS[:1]))
    (home.models / "single.gguf").write_bytes(gguf(LLAMA_FACTS))
    found = {
        entry.name: (entry.format, entry.architecture, entry.bits, entry.problem) for entry in list_models(home, NONE)
    }
    assert found == {
        "repo/SmolLM2-F16.gguf": ("GGUF F16", "llama", 16, ""),
        "repo/SmolLM2-Q4_K_M.gguf": ("GGUF Q4_K_M", "llama", 4, ""),
        "single.gguf": ("GGUF Q4_K_M", "llama", 4, ""),
    }


def test_a_gguf_beside_a_whole_model_hides_nothing(home):
    folder = make_model(home.models / "m")
    (folder / "m-Q8_0.gguf").write_bytes(gguf(LLAMA_FACTS))
    assert sorted(problems(home)) == ["m", "m/m-Q8_0.gguf"]


def test_parts_of_a_gguf_are_one_model(home):
    folder = home.models / "big"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / f"big-Q4_K_M-0000{number}-of-00003.gguf").write_bytes(gguf(LLAMA_FACTS))
    entry = only(home)
    assert entry.name == "big/big-Q4_K_M-00001-of-00003.gguf"
    assert entry.size == 3 * len(gguf(LLAMA_FACTS))
    (folder / "big-Q4_K_M-00003-of-00003.gguf").unlink()
    assert only(home).problem.startswith("1 of 3 parts are missing, the first is big-Q4_K_M-00003-of-00003.gguf.")


def test_owner_and_name_as_two_folders(home):
    make_model(home.models / "owner" / "name")
    (home.models / "owner" / "gguf").mkdir()
    (home.models / "owner" / "gguf" / "x-Q8_0.gguf").write_bytes(gguf(LLAMA_FACTS))
    assert problems(home) == {"owner/gguf/x-Q8_0.gguf": "", "owner/name": ""}


def test_hidden_things_and_notes_are_not_listed(home):
    make_model(home.models / ".m.part")
    (home.models / "place-your-models-here.txt").write_text("")
    (home.models / "config-user.yaml").write_text("")
    assert list_models(home, NONE) == []


def test_further_folders(home, tmp_path):
    make_model(home.models / "a")
    theirs = make_model(tmp_path / "more" / "models" / "a")
    entries = list_models(home, Settings(folders=(str(tmp_path / "more"), "~nobody-of-this-name")))
    assert [entry.name for entry in entries] == ["a", str(theirs)]
