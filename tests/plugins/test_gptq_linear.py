"""Our GPTQ linear against the slow reader, to the bit; its products and gradients against the same weights plain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from loader_kit import int4_kernel
from loader_kit.gptq_linear import GptqLinear, Packed
from loader_kit.matching import linear_sizes
from tests.plugins.gptq_reader import read_layer
from tests.plugins.gptq_writer import ERAS, WRITERS, make_layer

CONVENTIONS = {
    "v2": "exact",
    "autogptq": "plus_one_masked",
    "gptqmodel": "plus_one_carried",
    "gptq_for_llama": "plus_one",
}
KERNEL = 2**-7
"""Error of torch's 4-bit kernel, of the largest output: scales, zeros and output rounded to bfloat16 (2^-9 each)."""


def linear(layer, bits=4, group_size=32, writer="autogptq"):
    parts = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in layer.items()}
    return GptqLinear(Packed(**parts), bits, group_size, CONVENTIONS[writer])


@st.composite
def layers(draw):
    """A layer of any kind there is, with how it is to be read."""
    how = {"bits": draw(st.sampled_from([2, 3, 4, 8])), "era": draw(st.sampled_from(ERAS))}
    group = draw(st.sampled_from([-1, 16, 32, 48, 64, 128]))
    how |= {"group_size": -1 if how["era"] == "zeros" else group, "act_order": draw(st.booleans())}
    how["writer"] = draw(st.sampled_from(WRITERS)) if how["era"] == "g_idx" else "gptq_for_llama"
    inputs, outputs = 32 * draw(st.integers(1, 6)), 32 * draw(st.integers(1, 3))
    dice = np.random.default_rng(draw(st.integers(0, 10**6)))
    return how, make_layer(dice, inputs, outputs, **how)


def check_weights(drawn):
    how, layer = drawn
    ours = linear(layer, how["bits"], how["group_size"], how["writer"])
    read = read_layer(layer, how["bits"], how["group_size"], how["writer"])
    assert linear_sizes(ours) == read.shape[::-1]
    assert torch.equal(ours.dequantise(), torch.from_numpy(read))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(layers())
def test_weights_are_the_slow_reader_s_to_the_bit(drawn):
    check_weights(drawn)


@pytest.mark.long
@settings(max_examples=5000, deadline=None)
@given(layers())
def test_weights_of_thousands_of_layers_are_the_slow_reader_s(drawn):
    check_weights(drawn)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("writer", WRITERS)
def test_every_width_in_every_convention(bits, writer):
    for act_order in (False, True):
        layer = make_layer(np.random.default_rng(bits), 96, 64, bits, 32, "g_idx", writer, act_order)
        check_weights(({"bits": bits, "group_size": 32, "writer": writer}, layer))


def test_the_conventions_differ_where_they_must():
    """A stored 15 is 16 to GPTQ-for-LLaMa, 0 to AutoGPTQ, and carries over into its neighbour with GPTQModel."""
    layer = make_layer(np.random.default_rng(0), 32, 8, group_size=-1)
    layer["qzeros"] = np.array([[0x000000F7]], dtype=np.int32)
    layer["scales"] = np.ones((1, 8), dtype=np.float16)
    layer["qweight"] = np.zeros_like(layer["qweight"])
    found = {writer: (-linear(layer, writer=writer).dequantise()[:3, 0]).tolist() for writer in WRITERS}
    assert found == {"v2": [7, 15, 0], "autogptq": [8, 0, 1], "gptqmodel": [8, 0, 2], "gptq_for_llama": [8, 16, 1]}


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("act_order", [False, True])
def test_product_and_gradient_are_those_of_the_plain_weights(bits, act_order, monkeypatch):
    monkeypatch.setattr("loader_kit.gptq_linear.BLOCK", 96 * 16)  # several blocks
    layer = make_layer(np.random.default_rng(bits), 96, 64, bits, 32, act_order=act_order)
    layer["bias"] = np.linspace(-1, 1, 64).astype(np.float16)
    ours = linear(layer, bits)
    weights = ours.dequantise().double()
    x = torch.randn(2, 5, 96, dtype=torch.float32, requires_grad=True)
    y = ours(x)
    given = torch.randn_like(y)
    (gradient,) = torch.autograd.grad(y, x, given)
    exact = x.detach().double().requires_grad_()
    wanted = functional.linear(exact, weights, torch.from_numpy(layer["bias"]).double())
    (exact_gradient,) = torch.autograd.grad(wanted, exact, given.double())
    assert (y - wanted).abs().max() <= 1e-6 * wanted.abs().max()
    assert (gradient - exact_gradient).abs().max() <= 1e-6 * exact_gradient.abs().max()


def test_nothing_of_the_weights_is_kept_for_the_backward_pass():
    ours = linear(make_layer(np.random.default_rng(0), 512, 512))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda x: x):
        ours(torch.randn(3, 512, requires_grad=True)).sum()
    assert sum(kept) <= 3 * 512


@pytest.mark.parametrize("group_size", [-1, 32, 64, 128])
@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("rows", [1, 7, int4_kernel.ROWS])
def test_torch_s_4_bit_kernel_computes_the_same_within_its_rounding(group_size, act_order, rows):
    ours = linear(
        make_layer(np.random.default_rng(1), 256, 96, group_size=group_size, act_order=act_order), 4, group_size
    )
    ours.prepare(torch.bfloat16)
    assert ours.has_kernel
    x = torch.randn(rows, 256, generator=torch.Generator().manual_seed(2)).bfloat16()
    exact = x.double() @ ours.dequantise().double().T
    with torch.no_grad():
        y = ours(x)
        assert torch.equal(y, ours(x))
    assert y.dtype == torch.bfloat16
    assert 0 < (y.double() - exact).abs().max() <= KERNEL * exact.abs().max()
    ours.prepare(torch.float32)
    assert not ours.has_kernel
    assert (ours(x).double() - exact).abs().max() <= 2**-8 * exact.abs().max()


def test_with_a_gradient_wanted_the_kernel_is_left_out_and_the_gradient_right():
    ours = linear(make_layer(np.random.default_rng(1), 64, 64))
    ours.prepare(torch.bfloat16)
    x = torch.randn(1, 64).bfloat16()
    with torch.no_grad():
        ours(x)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(ours(x).sum(), x)
    exact = ours.dequantise().double().sum(0)
    assert (gradient.double() - exact).abs().max() <= 2**-8 * exact.abs().max()


@pytest.mark.parametrize(
    ("inputs", "outputs", "bits", "group_size", "era"),
    [(96, 64, 4, 64, "g_idx"), (96, 24, 4, 32, "g_idx"), (96, 64, 4, 16, "g_idx"), (96, 64, 8, 32, "g_idx"),
     (96, 64, 4, -1, "zeros")],
)  # fmt: skip
def test_what_the_kernel_can_t_compute_is_unpacked(inputs, outputs, bits, group_size, era):
    ours = linear(make_layer(np.random.default_rng(1), inputs, outputs, bits, group_size, era), bits, group_size)
    ours.prepare(torch.bfloat16)
    assert not ours.has_kernel
    x = torch.randn(1, inputs).bfloat16()
    exact = x.double() @ ours.dequantise().double().T
    assert (ours(x).double() - exact).abs().max() <= 2**-8 * exact.abs().max()
