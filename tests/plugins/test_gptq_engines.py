"""The AutoGPTQ loader's other engines: which is taken, what they are told, and adapters on their linears.

The default run has stand-ins whose linears compute as AutoGPTQ's do; `-m long` makes AutoGPTQ's own interpreter.
"""

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from autogptq_loader import engines, plugin
from desktop.api import LoaderError, LoadRequest, LogitsRequest
from loader_kit.gptq_files import find_files
from loader_kit.gptq_format import recognise
from loader_kit.gptq_unpacking import unpack_rows
from loader_kit.quantising.packing import pack_rows
from tests import tiny
from tests.plugins.gptq_loaders import load_with, plain_twin
from tests.plugins.gptq_making import CONFIG, make, make_autogptq
from tests.plugins.gptq_writer import write_checkpoint
from tests.plugins.stack_making import row


def chosen(folder, wanted="auto", installed=("gptqmodel", "auto_gptq")):
    says = find_files(folder).quantisation or {}
    return engines.choose(recognise(folder), says, wanted, lambda name: name in installed)


def test_the_first_engine_that_is_there_and_knows_the_checkpoint_is_taken(tmp_path):
    folder = make_autogptq(tmp_path / "plain")
    assert chosen(folder) == "gptqmodel"
    assert chosen(folder, installed=("auto_gptq",)) == "auto_gptq"
    assert chosen(folder, installed=()) == "ours"
    assert chosen(folder, "ours") == "ours"
    assert chosen(folder, "auto_gptq") == "auto_gptq"
    bare = make(tmp_path / "bare", file="llama-7b-4bit-128g.safetensors")
    assert chosen(bare) == "ours"


@pytest.mark.parametrize(
    ("wanted", "says", "config", "words"),
    [
        ("auto_gptq", {"checkpoint_format": "gptq_v2"}, {}, "it doesn't know the format gptq_v2"),
        ("auto_gptq", {}, {"model_type": "qwen9"}, "it doesn't know the architecture qwen9"),
    ],
)
def test_what_an_engine_can_t_open_is_told(tmp_path, wanted, says, config, words):
    says = {"bits": 4, "group_size": 128, "desc_act": False, **says}
    folder = make(tmp_path, quantize_config=says, config=CONFIG | config)
    with pytest.raises(LoaderError, match=words):
        chosen(folder, wanted)
    with pytest.raises(LoaderError, match=r"loaders setup autogptq --engine gptqmodel"):
        chosen(folder, "gptqmodel", installed=())


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptqmodel_gets_another_s_asymmetric_checkpoint_only_where_it_reads_it_alike(tmp_path, packed, bits):
    write_checkpoint(tmp_path / "new", packed / "plain", bits=bits)
    with pytest.raises(LoaderError, match=r"opens only its own, and it reads this one's differently"):
        chosen(tmp_path / "new", "gptqmodel")
    assert chosen(tmp_path / "new") == "auto_gptq"
    tensors = load_file(tmp_path / "new" / "model.safetensors")
    zeros = [name for name in tensors if name.endswith(".qzeros")]
    for name in zeros:
        stored = unpack_rows(tensors[name].T, bits).clamp(max=2**bits - 2)
        tensors[name] = pack_rows(stored, bits).T.contiguous()
    save_file(tensors, tmp_path / "new" / "model.safetensors")
    # What GPTQModel adds to words of three bits is no one in every place.
    assert chosen(tmp_path / "new") == ("auto_gptq" if bits == 3 else "gptqmodel")


def test_a_pickle_is_never_given_to_an_engine_that_would_execute_it(tmp_path):
    folder = make_autogptq(tmp_path)
    (folder / "gptq_model-4bit-128g.safetensors").rename(folder / "gptq_model-4bit-128g.bin")
    found = recognise(folder)
    assert "executes what is in them" in engines.why_not("auto_gptq", found, {})
    assert "executes what is in them" in engines.why_not("gptqmodel", found, {})
    assert engines.choose(found, {}, "auto", lambda name: True) == "ours"


class QuantLinear(torch.nn.Module):
    """AutoGPTQ's own names, and weights that were unpacked elsewhere."""

    def __init__(self, linear, bits=4):
        super().__init__()
        self.infeatures, self.outfeatures, self.bits = linear.in_features, linear.out_features, bits
        self.register_buffer("qweight", torch.zeros(1, dtype=torch.int32))
        self.register_buffer("unpacked", linear.weight.detach())
        self.bias = None

    def forward(self, x):
        return torch.nn.functional.linear(x.float(), self.unpacked)


class Seen:
    """What the stand-in of AutoGPTQ was asked for."""

    def __init__(self, model):
        self.model, self.calls = model, []

    def from_quantized(self, folder, **arguments):
        read = {name: json.loads((Path(folder) / name).read_text()) for name in ("quantize_config.json", "config.json")}
        self.calls.append((read, arguments))
        torch.nn.init.normal_ = None
        holder = ModuleType("holder")
        holder.model = self.model
        return holder


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines")
    model = tiny.make_model(folder / "plain")
    write_checkpoint(folder / "packed", folder / "plain", act_order=True)
    tiny.make_adapter(folder / "small", model, rank=4, alpha=8)
    tiny.make_adapter(folder / "large", model, rank=16, alpha=16, seed=2, modules=tiny.linear_names(model))
    return folder


@pytest.fixture
def foreign(packed, monkeypatch):
    """Our own reading of the checkpoint, and the same through a stand-in of AutoGPTQ, with what that was asked for."""
    ours = load_with("autogptq", packed / "packed", dtype="float32", device="cpu", settings={"engine": "ours"})
    twin = plain_twin(ours.model)
    for name in tiny.linear_names(twin):
        parent, _, child = name.rpartition(".")
        setattr(twin.get_submodule(parent), child, QuantLinear(twin.get_submodule(name)))
    # As the real one leaves an embedding that is the head too.
    twin.model.embed_tokens.weight.data = torch.zeros_like(twin.model.embed_tokens.weight)
    seen = Seen(twin)
    module = ModuleType("auto_gptq")
    module.__spec__ = ModuleSpec("auto_gptq", None)
    module.AutoGPTQForCausalLM = seen
    monkeypatch.setitem(sys.modules, "auto_gptq", module)
    theirs = load_with("autogptq", packed / "packed", dtype="float32", device="cpu", settings={"engine": "auto_gptq"})
    return ours, theirs, seen


def logits(model):
    told = model.logits(LogitsRequest(prompt="The capital of France is Paris.", last=1000))
    return np.frombuffer(told.data, "<f4")


def test_adapters_act_on_another_programs_linears_as_on_our_own_and_leave_no_trace(foreign, packed):
    ours, theirs, _ = foreign
    base = logits(theirs)
    assert np.abs(base - logits(ours)).max() < 1e-4
    rows = [row(packed / "small", 0.7), row(packed / "large", -0.3)]
    for model in (ours, theirs):
        assert [receipt.modules_matched for receipt in plugin.set_stack(model, rows)] == [6, 14]
    assert np.abs(logits(theirs) - logits(ours)).max() < 1e-4
    assert np.abs(logits(theirs) - base).max() > 0.1
    assert theirs.check_stack("The capital of France").holds
    plugin.remove_lora(theirs, rows[0])
    plugin.remove_lora(theirs, rows[1])
    assert np.array_equal(logits(theirs), base)


def test_the_engine_is_told_the_whole_truth_and_leaves_torch_as_it_was(foreign, packed):
    _, theirs, seen = foreign
    ((read, arguments),) = seen.calls
    assert read["quantize_config.json"] == {
        "bits": 4, "group_size": 32, "desc_act": True, "sym": False, "damp_percent": 0.01, "true_sequential": True,
    }  # fmt: skip
    assert read["config.json"]["quantization_config"]["quant_method"] == "gptq"
    assert arguments["use_safetensors"]
    assert arguments["device"] == "cpu"
    assert callable(torch.nn.init.normal_), "a replaced one would break every later start of factors"
    assert theirs.info.notes[0] == "Computed by AutoGPTQ (QuantLinear)."
    assert theirs.info.parameters == 82_240
    assert theirs.info.path == str(packed / "packed")


def test_what_an_engine_can_t_load_is_told_in_words(packed, monkeypatch, tmp_path):
    write_checkpoint(tmp_path / "later", packed / "plain", writer="v2")
    module = ModuleType("gptqmodel")
    module.__spec__ = ModuleSpec("gptqmodel", None)
    monkeypatch.setitem(sys.modules, "gptqmodel", module)
    with pytest.raises(LoaderError, match=r"GPTQModel can't load this model: cannot import .* Set engine=ours"):
        load_with("autogptq", tmp_path / "later", settings={"engine": "gptqmodel"})


def test_another_number_of_bits_is_refused(packed):
    request = LoadRequest(path=str(packed / "packed"), bits=8, settings={"engine": "ours"})
    with pytest.raises(LoaderError, match="Leave 8-bit loading out"):
        plugin.load(request, lambda step, fraction=None: None)
