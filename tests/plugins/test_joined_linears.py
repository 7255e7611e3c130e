"""Linears that share their input, in one product: the same numbers to the bit, and no memory taken twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loader_kit.joined_linears import joined
from tests.plugins.gptq_writer import make_layer
from tests.plugins.test_gptq_linear import linear

WIDTHS = (128, 64, 64)


def three(widths=WIDTHS, *, dtype=torch.bfloat16, bias=False, **how):
    """Linears on 128 inputs, packed for the kernel."""
    made = []
    for number, width in enumerate(widths):
        layer = make_layer(np.random.default_rng(number), 128, width, **({"group_size": 32} | how))
        one = linear(layer, how.get("bits", 4), how.get("group_size", 32))
        one.bias = torch.randn(width).bfloat16() if bias else None
        one.prepare(dtype)
        made.append(one)
    return made


def in_the_same_order(some):
    """As their inputs are the same, so is the order that quantising found for them."""
    for one in some[1:]:
        one.group_of = some[0].group_of
        one.prepare(torch.bfloat16)
    return some


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("act_order", [False, True])
@torch.no_grad()
def test_it_gives_each_one_s_own_numbers(act_order, bias):
    some = in_the_same_order(three(act_order=act_order, bias=bias))
    x = torch.randn(2, 128).bfloat16()
    apart = [one(x) for one in some]
    assert torch.equal(joined(some)(x), torch.cat(apart, dim=1))
    assert all(torch.equal(one(x), y) for one, y in zip(some, apart, strict=True)), "each still computes alone"


def test_the_packed_weights_are_there_once():
    some = three()
    made = joined(some)
    storages = {one.kernel.packed.untyped_storage().data_ptr() for one in some}
    assert len(storages) == 1
    assert joined(some) is made
    assert {one.kernel.packed.untyped_storage().data_ptr() for one in some} == storages
    some[1].prepare(torch.bfloat16)
    assert joined(some) is not made, "one of them was packed anew"


@pytest.mark.parametrize(
    "some",
    [
        lambda: [*three()[:2], torch.nn.Linear(128, 64)],
        lambda: three(dtype=torch.float32),
        lambda: three(bits=8),
        lambda: three((128, 64, 96)),
        lambda: [*three()[:2], *three(group_size=64)[2:]],
        lambda: three(act_order=True),
        lambda: [*three()[:2], *three(bias=True)[2:]],
    ],
    ids=["plain", "float32", "8 bits", "odd width", "other groups", "other order", "one bias"],
)
def test_others_are_left_alone(some):
    linears = some()
    packed = [getattr(getattr(one, "kernel", None), "packed", None) for one in linears]
    assert joined(linears) is None
    assert all(
        getattr(getattr(one, "kernel", None), "packed", None) is before
        for one, before in zip(linears, packed, strict=True)
    )
