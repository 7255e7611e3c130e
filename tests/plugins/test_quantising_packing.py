"""What is packed is what an independent slow reader of the format finds."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from desktop.api import Unsupported
from loader_kit.quantising.packing import pack, packed_bytes, refuse_odd_sizes
from loader_kit.quantising.scheme import Quantised, Scheme
from loader_kit.quantising.solve import round_to_nearest, solve
from tests.plugins.slow_gptq_reader import read_codes, read_weight, read_zeros


@settings(max_examples=60, deadline=None)
@given(
    bits=st.sampled_from([2, 3, 4, 8]),
    inputs=st.sampled_from([32, 64, 96, 160]),
    outputs=st.sampled_from([32, 96]),
    group=st.sampled_from([-1, 32, 64, 128]),
    seed=st.integers(0, 2**16),
)
def test_the_reader_finds_the_same_integers(bits, inputs, outputs, group, seed):
    generator = torch.Generator().manual_seed(seed)
    scheme = Scheme(bits, group)
    groups = scheme.groups(inputs)
    made = Quantised(
        torch.randint(0, 2**bits, (inputs, outputs), generator=generator, dtype=torch.uint8),
        torch.rand(groups, outputs, generator=generator).half(),
        torch.randint(1, 2**bits, (groups, outputs), generator=generator, dtype=torch.uint8),
        torch.randint(0, groups, (inputs,), generator=generator, dtype=torch.int32),
    )
    packed = pack(made, bits)
    assert packed["qweight"].shape == (inputs * bits // 32, outputs)
    assert packed["qzeros"].shape == (groups, outputs * bits // 32)
    assert {name: tensor.dtype for name, tensor in packed.items()} == {
        "qweight": torch.int32,
        "qzeros": torch.int32,
        "scales": torch.float16,
        "g_idx": torch.int32,
    }
    assert torch.equal(read_codes(packed, bits), made.codes.long())
    assert torch.equal(read_zeros(packed, bits), made.zeros.long())
    assert torch.equal(read_weight(packed, bits), made.weight())
    size = sum(tensor.numel() * tensor.element_size() for tensor in packed.values())
    assert size == packed_bytes(nn.Linear(inputs, outputs), scheme)


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_solved_weight_comes_back_bit_for_bit(bits, act_order):
    generator = torch.Generator().manual_seed(1)
    weight, inputs = torch.randn(64, 96, generator=generator), torch.randn(200, 96, generator=generator)
    quantised = solve(weight, inputs.T @ inputs, Scheme(bits, 32, act_order=act_order))
    assert torch.equal(read_weight(pack(quantised, bits), bits), quantised.weight())


def test_the_largest_words_are_negative():
    full = round_to_nearest(torch.full((32, 32), -1.0), Scheme(4, 32))
    packed = pack(Quantised(torch.full_like(full.codes, 15), full.scales, full.zeros, full.group_index), 4)
    assert set(packed["qweight"].flatten().tolist()) == {-1}


def test_sizes_that_make_no_whole_words_are_refused():
    with pytest.raises(Unsupported, match=r"model.layers.0.up has 48 inputs and 64 outputs"):
        refuse_odd_sizes({"model.layers.0.up": nn.Linear(48, 64)})
