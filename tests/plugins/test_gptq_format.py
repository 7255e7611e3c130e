"""What a quantised checkpoint is, from headers, configurations and names, for every era there was."""

import subprocess
import sys

import pytest

from loader_kit.gptq_files import read_name
from loader_kit.gptq_format import recognise
from loader_kit.gptq_shapes import BITS
from tests.library.making import make_model, write_json, write_safetensors
from tests.plugins.gptq_making import CONFIG, bytes_of, make, make_autogptq, make_exl2, tensors_of


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("group", [-1, 32, 64, 128])
@pytest.mark.parametrize("era", ["qzeros", "g_idx"])
def test_bits_and_groups_from_shapes_alone(tmp_path, bits, group, era):
    found = recognise(make(tmp_path, bits=bits, group=group, era=era))
    assert (found.bits, found.group_size, found.layout, found.act_order) == (bits, group, era, False)
    assert (found.configured, found.mixed, found.remarks) == (False, False, ())
    assert found.words == f"GPTQ {bits}-bit, {f'group size {group}' if group > 0 else 'no groups'}"


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("where", ["config", "embedding"])
def test_the_first_format_takes_the_inputs_from_the_model(tmp_path, bits, where):
    folder = make(tmp_path, bits=bits, era="zeros", config=CONFIG if where == "config" else {"model_type": "llama"})
    if where == "config":
        tensors = {name: row for name, row in tensors_of(bits, era="zeros").items() if "embed" not in name}
        write_safetensors(folder / "model.safetensors", tensors)
    found = recognise(folder)
    assert (found.bits, found.group_size, found.layout) == (bits, -1, "zeros")
    assert found.words == f"GPTQ {bits}-bit, no groups, first format (unpacked zeros)"


def test_memory_is_the_sum_of_the_tensors(tmp_path):
    assert recognise(make(tmp_path)).memory_bytes == bytes_of(tensors_of())


@pytest.mark.parametrize("reordered", [False, True])
def test_act_order_is_read_from_a_group_index(tmp_path, reordered):
    found = recognise(make(tmp_path, file="llama-4bit-128g.safetensors", reordered=reordered))
    assert found.act_order is reordered
    assert found.words.endswith(", act-order") is reordered


def test_act_order_without_groups_leaves_no_trace(tmp_path):
    assert recognise(make(tmp_path, group=-1)).act_order is False


def test_a_last_group_that_is_not_full(tmp_path):
    # 100 of 256 and of 384 inputs make three and four groups, where 86 and 96 would make as many.
    assert recognise(make(tmp_path / "a", group=100, era="qzeros")).group_size == 96
    named = make(tmp_path / "b", group=100, era="qzeros", file="x-4bit-100g.safetensors")
    assert recognise(named).group_size == 100
    says = {"bits": 4, "group_size": 100, "desc_act": False}
    assert recognise(make(tmp_path / "c", group=100, quantize_config=says)).group_size == 100


def test_autogptq_with_its_configuration(tmp_path):
    found = recognise(make_autogptq(tmp_path, reordered=True))
    assert found.configured
    assert found.files == (tmp_path / "gptq_model-4bit-128g.safetensors",)
    assert found.words == "GPTQ 4-bit, group size 128", "desc_act of the configuration is believed"


def test_the_configuration_inside_config_json(tmp_path):
    inside = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": True, "checkpoint_format": "gptq_v2"}
    found = recognise(make(tmp_path, config=CONFIG | {"quantization_config": inside}))
    assert (found.configured, found.act_order, found.packing) == (True, True, "gptq_v2")
    assert found.words == "GPTQ 4-bit, group size 128, act-order"


def test_tensors_are_believed_against_a_configuration_and_a_name(tmp_path):
    says = {"bits": 8, "group_size": 32, "desc_act": False}
    found = recognise(make(tmp_path / "a", bits=3, group=64, quantize_config=says))
    assert (found.bits, found.group_size) == (3, 64)
    assert found.remarks == (
        "Its configuration says 8 bits, its tensors say 3.",
        "Its configuration says group size 32, its tensors say group size 64.",
    )
    found = recognise(make(tmp_path / "b", bits=4, group=-1, file="llama-7b-4bit-128g.safetensors"))
    assert found.remarks == ("Its name says group size 128, its tensors say no groups.",)


def test_layers_of_different_bits(tmp_path):
    tensors = tensors_of(4, 128)
    tensors |= {name.replace("layers.0", "layers.1"): row for name, row in tensors.items() if "layers.0" in name}
    tensors |= {
        name.replace("layers.0", "layers.2"): row for name, row in tensors_of(8, 128).items() if "layers.0" in name
    }
    write_json(tmp_path / "config.json", CONFIG)
    write_safetensors(tmp_path / "model.safetensors", tensors)
    found = recognise(tmp_path)
    assert (found.bits, found.mixed, found.words) == (4, True, "GPTQ 4-bit and others, group size 128")


def test_shards(tmp_path):
    write_json(tmp_path / "config.json", CONFIG)
    write_json(tmp_path / "quantize_config.json", {"bits": 4, "group_size": 128, "desc_act": True})
    stem = "gptq_model-4bit-128g"
    shards = [f"{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    tensors = list(tensors_of().items())
    for name, part in zip(shards, (tensors[:5], tensors[5:]), strict=True):
        write_safetensors(tmp_path / name, dict(part))
    weight_map = {str(number): name for number, name in enumerate(shards)}
    write_json(tmp_path / f"{stem}.safetensors.index.json", {"weight_map": weight_map})
    found = recognise(tmp_path)
    assert [file.name for file in found.files] == shards
    assert found.memory_bytes == bytes_of(tensors_of())


@pytest.mark.parametrize(
    ("name", "bits", "group", "act_order"),
    [
        ("llama-7b-4bit.pt", 4, None, None),
        ("llama-7b-4bit-128g.safetensors", 4, 128, None),
        ("4bit-128g.safetensors", 4, 128, None),
        ("vicuna-13B-1.1-GPTQ-4bit-128g.no-act-order.pt", 4, 128, False),
        ("koala-7B-4bit-128g.act-order.safetensors", 4, 128, True),
        ("gptq_model-3bit--1g.safetensors", 3, None, None),
        ("wizard-8-bit_32g.pt", 8, 32, None),
        ("pytorch_model.bin", None, None, None),
        ("orbit.safetensors", None, None, None),
        ("16bit.safetensors", 16, None, None),
    ],
)
def test_what_names_say(tmp_path, name, bits, group, act_order):
    says = read_name(tmp_path / name)
    assert (says.bits, says.group_size, says.act_order) == (bits, group, act_order)


def test_a_pickle_is_known_by_its_name_and_never_opened(tmp_path):
    write_json(tmp_path / "config.json", CONFIG)
    # Executed, this would write a file.
    target = tmp_path / "executed"
    (tmp_path / "llama-7b-4bit-128g.no-act-order.pt").write_bytes(
        b"cbuiltins\nopen\n(S'" + str(target).encode() + b"'\nS'w'\ntR."
    )
    found = recognise(tmp_path)
    assert not target.exists()
    assert (found.bits, found.group_size, found.act_order, found.layout) == (4, 128, False, "unknown")
    assert found.words == "GPTQ 4-bit, group size 128"
    assert found.memory_bytes == found.files[0].stat().st_size


def test_which_of_several_old_files(tmp_path):
    write_json(tmp_path / "config.json", CONFIG)
    for name in ("a-4bit.pt", "a-4bit-128g.pt", "z-4bit.safetensors"):
        (tmp_path / name).write_bytes(b"x")
    assert recognise(tmp_path).files == (tmp_path / "a-4bit-128g.pt",)
    make(tmp_path, file="a-4bit-128g.safetensors", group=128)
    assert recognise(tmp_path).files == (tmp_path / "a-4bit-128g.safetensors",)
    make(tmp_path, file="b-4bit-128g.safetensors", group=128)
    assert recognise(tmp_path).files == (tmp_path / "b-4bit-128g.safetensors",)
    assert recognise(tmp_path / "a-4bit-128g.pt").files == (tmp_path / "a-4bit-128g.pt",)


def test_the_index_of_shards_nobody_downloaded_does_not_matter(tmp_path):
    make(tmp_path, file="llama-7b-4bit-128g.safetensors")
    write_json(tmp_path / "pytorch_model.bin.index.json", {"weight_map": {"a": "pytorch_model-00001-of-00002.bin"}})
    assert recognise(tmp_path).bits == 4


def test_a_base_name_that_leads_outside_is_not_followed(tmp_path):
    make(tmp_path / "secret", file="x.safetensors")
    says = {"bits": 4, "group_size": 128, "desc_act": False, "model_file_base_name": "../secret/x"}
    folder = make(tmp_path / "m", file="other.safetensors", quantize_config=says)
    assert recognise(folder).files == (folder / "other.safetensors",)
    write_json(folder / "quantize_config.json", says | {"model_file_base_name": "other"})
    assert recognise(folder).files == (folder / "other.safetensors",)


def test_exl2_with_and_without_a_configuration(tmp_path):
    found = recognise(make_exl2(tmp_path / "a"))
    assert (found.method, found.bits, found.words) == ("EXL2", 4.5, "EXL2 4.5 bits a weight")
    inside = {"quant_method": "exl2", "bits": 4.65, "head_bits": 6}
    assert recognise(make_exl2(tmp_path / "b", CONFIG | {"quantization_config": inside})).bits == 4.65


def test_weights_packed_for_one_kernel(tmp_path):
    says = {"bits": 4, "group_size": 128, "is_marlin_format": True}
    make_model(tmp_path, CONFIG | {"quantization_config": says | {"quant_method": "gptq"}})
    assert recognise(tmp_path).packing == "marlin"


def test_nothing_heavy_is_imported():
    code = (
        "import sys, loader_kit.gptq_format, loader_kit.gptq_checkpoint, loader_kit.installed\n"
        "import autogptq_loader.plugin, gptq_llama_loader.plugin, exllama_loader.plugin\n"
        "import autogptq_loader.probe, gptq_llama_loader.probe, exllama_loader.probe\n"
        "import autogptq_loader.info, gptq_llama_loader.info, exllama_loader.info\n"
        "exllama_loader.info.loader_info(); autogptq_loader.info.loader_info(); gptq_llama_loader.info.loader_info()\n"
        "print([name for name in ('torch', 'transformers', 'safetensors', 'numpy', 'exllama') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
