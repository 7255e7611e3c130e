"""Two adapters of different rank on all linears of a real model: equal to PEFT, near float64, and gone to the bit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests import tiny
from tests.acceptance.conftest import TEXT
from tests.contract.opening import PATIENCE

WEIGHTS = {"four": 0.7, "sixteen": -0.3}
SCALINGS = {"four": 0.25 / 4, "sixteen": 0.5 / 16}
"""alpha / rank. Small, because the factors are random: together they move the logits by several units, as a trained
adapter does, and don't blow them up."""

TOLERANCE_FLOAT64 = 2e-4
"""float32 has 24 bits: on logits up to 30 the last is 2e-6. The rounding of 210 products, each a sum of up to 1,536
terms, grows along 30 layers to 4e-5, measured; another machine sums in another order. A wrong scaling is off by more
than 0.1."""
TOLERANCE_PEFT = 1e-4
"""Both are float32 and each is as far from the truth as that, so they are at most twice 4e-5 apart. Measured: 0 where
PEFT's own layers stand in the model, 4e-5 where the factors of all adapters are multiplied as one."""


class References(NamedTuple):
    """What others compute, and the adapters they computed it with."""

    adapters: dict[str, Path]
    peft: torch.Tensor
    float64: torch.Tensor


@pytest.fixture(scope="session")
def references(starter_folder, tmp_path_factory):
    """The logits of every position of the text, from PEFT and in float64, with both adapters at their weights."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    ids = torch.tensor([AutoTokenizer.from_pretrained(starter_folder)(TEXT, add_special_tokens=False)["input_ids"]])
    model = AutoModelForCausalLM.from_pretrained(starter_folder, dtype=torch.float32).eval()
    root = tmp_path_factory.mktemp("adapters")
    every = tiny.linear_names(model)
    assert len(every) == 210
    factors = {
        "four": tiny.make_adapter(root / "four", model, rank=4, alpha=0.25, seed=1, modules=every),
        "sixteen": tiny.make_adapter(root / "sixteen", model, rank=16, alpha=0.5, seed=2, modules=every),
    }
    stack = [(factors[name], lambda _, scaling=scaling: scaling, WEIGHTS[name]) for name, scaling in SCALINGS.items()]
    exact = compute(tiny.merged_float64(model, stack), ids)
    # Last, because PEFT changes the model it is given.
    yield References({name: root / name for name in WEIGHTS}, compute(with_peft(model, root), ids), exact)
    torch.set_num_threads(before)


def with_peft(model, root):
    """PeftModel with both adapters active and their scalings multiplied by the weights."""
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer

    wrapped = PeftModel.from_pretrained(model, root / "four", adapter_name="four")
    wrapped.load_adapter(root / "sixteen", "sixteen")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multiple adapters.*")
        wrapped.base_model.set_adapter(["four", "sixteen"])
    layers = [module for module in wrapped.modules() if isinstance(module, LoraLayer)]
    assert len(layers) == 210
    for layer in layers:
        for name, weight in WEIGHTS.items():
            layer.scaling[name] *= weight
    return wrapped.eval()


@torch.no_grad()
def compute(model, ids):
    return model(input_ids=ids, use_cache=False).logits[0]


def as_tensor(data: bytes, shape) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)


def farthest(ours, reference) -> float:
    return float((ours.double() - reference.double()).abs().max())


def test_two_adapters_act_as_others_compute_it_and_go_to_the_bit(starter, references):
    """Before is taken after a first pass, in which some machines repack 4-bit weights."""
    starter.answer(1)
    before = as_tensor(starter.logits(), references.peft.shape)
    starter.attach(*((references.adapters[name], weight) for name, weight in WEIGHTS.items()))
    both = as_tensor(starter.logits(), before.shape)
    assert farthest(both, before) > 1
    if starter.info.dtype == "float32":
        assert farthest(both, references.peft) <= TOLERANCE_PEFT
        assert farthest(both, references.float64) <= TOLERANCE_FLOAT64
    starter.engine.remove_lora("ad_four").result(PATIENCE)
    one = as_tensor(starter.logits(), before.shape)
    assert not torch.equal(one, both)
    assert not torch.equal(one, before)
    starter.engine.remove_lora("ad_sixteen").result(PATIENCE)
    assert torch.equal(as_tensor(starter.logits(), before.shape), before)
