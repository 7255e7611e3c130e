"""What is no GPTQ checkpoint, or a broken one, is refused in words."""

import pytest

from desktop.api import LoaderError
from loader_kit.gptq_format import recognise
from tests.library.making import make_adapter, make_model, write_json, write_safetensors
from tests.plugins.gptq_making import CONFIG, make, make_autogptq


def refusal(path):
    with pytest.raises(LoaderError) as caught:
        recognise(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "quantised with AWQ, not with GPTQ."),
        ({"quantization_config": {"quant_method": "exl3"}}, "quantised with EXL3, not with GPTQ."),
        (
            {"quantization_config": {"quant_method": "bitsandbytes"}},
            "bitsandbytes, not with GPTQ; the Transformers loader",
        ),
        ({"quantization": {"bits": 4}, "quantization_config": {"bits": 4}}, "quantised with mlx"),
        (
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            "says GPTQ, but model.safetensors holds no such",
        ),
        (
            {"quantization_config": {"quant_method": "exl2", "bits": 4}},
            "says EXL2, but model.safetensors holds no such",
        ),
    ],
)
def test_other_methods_and_contradictions(tmp_path, config, words):
    make_model(tmp_path, CONFIG | config)
    with pytest.raises(LoaderError) as caught:
        recognise(tmp_path)
    assert words in str(caught.value)


def test_what_is_not_gptq(tmp_path):
    plain = "This model is not quantised with GPTQ; the Transformers loader opens it."
    assert refusal(make_model(tmp_path / "plain", CONFIG)) == plain
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    assert refusal(tmp_path / "x.gguf") == "x.gguf is a GGUF, not GPTQ; the Transformers loader opens it."
    assert "is a LoRA adapter" in refusal(make_adapter(tmp_path / "adapter"))
    assert "is not there" in refusal(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    assert "There are no weights in" in refusal(tmp_path / "empty")
    (tmp_path / "x.txt").write_text("")
    assert "is no model file this loader knows" in refusal(tmp_path / "x.txt")


def test_quantised_weights_beside_plain_ones_are_pointed_at(tmp_path):
    make_model(tmp_path, CONFIG)
    make(tmp_path, file="llama-7b-4bit-128g.safetensors")
    assert refusal(tmp_path).endswith("To open llama-7b-4bit-128g.safetensors beside them, name that file.")
    assert recognise(tmp_path / "llama-7b-4bit-128g.safetensors").bits == 4


def test_without_config_json_it_is_told_what_it_is_and_what_lacks(tmp_path):
    make(tmp_path, config=None)
    assert refusal(tmp_path).startswith("It is GPTQ 4-bit, group size 128, but there is no config.json in")


def test_awq_without_a_configuration_is_not_taken_for_gptq(tmp_path):
    write_json(tmp_path / "config.json", CONFIG)
    name = "model.layers.0.self_attn.q_proj."
    tensors = {"qweight": ("I32", (256, 32)), "qzeros": ("I32", (2, 32)), "scales": ("F16", (2, 256))}
    write_safetensors(tmp_path / "model.safetensors", {name + key: row for key, row in tensors.items()})
    assert "packed in a way this program doesn't know" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"a.qweight": ("I32", (8,)), "a.scales": ("F16", (1, 8))}, None),
        ({"a.qweight": ("I32", (8, 8))}, None),
        ({"a.qweight": ("I32", (0, 0)), "a.qzeros": ("I32", (0, 0)), "a.scales": ("F16", (0, 0))}, "GPTQ"),
        ({"a.qweight": ("I32", (8, 8)), "a.scales": ("F16", ())}, "GPTQ"),
        ({"a.qweight": ("I32", (8, 8)), "a.scales": ("F16", (1, 8)), "a.g_idx": ("I32", ())}, "GPTQ, no groups"),
        ({"a.q_weight": ("I32", ())}, "EXL2"),
    ],
)
def test_strange_shapes_break_nothing(tmp_path, tensors, words):
    write_json(tmp_path / "config.json", CONFIG)
    write_safetensors(tmp_path / "model.safetensors", tensors)
    if words is None:
        assert "is packed in a way this program doesn't know, so it is no GPTQ model" in refusal(tmp_path)
    else:
        assert recognise(tmp_path).words == words


@pytest.mark.parametrize("cut", [1, 5000])
def test_a_file_cut_short_is_told(tmp_path, cut):
    make(tmp_path)
    data = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(data[:-cut])
    assert f"{cut:,} bytes are missing at its end" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "quantize_config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_broken_configuration_is_told(tmp_path, name, content):
    (make_autogptq(tmp_path) / name).write_bytes(content)
    assert name in refusal(tmp_path)


@pytest.mark.parametrize("value", [None, True, "4", -7, 0, 1e300, 10**400, [], {}], ids=lambda value: str(value)[:9])
def test_strange_values_in_a_configuration_break_nothing(tmp_path, value):
    says = dict.fromkeys(("bits", "group_size", "desc_act", "model_file_base_name", "checkpoint_format"), value)
    found = recognise(make(tmp_path, quantize_config=says))
    assert (found.bits, found.group_size) == (4, 128)


def test_links_in_a_circle_are_told(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert "is not there" in refusal(tmp_path / "circle")
