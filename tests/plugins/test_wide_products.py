"""Products in float32 where the CPU has no 16-bit ones: as exact, and only where they are asked for."""

import pytest
import torch

from loader_kit import wide_products as subject
from loader_kit.wide_products import FEWEST_ROWS, wide_products

MANY = torch.zeros(1, FEWEST_ROWS, dtype=torch.int64)
FEW = torch.zeros(1, FEWEST_ROWS - 1, dtype=torch.int64)


@pytest.fixture(params=[False, True], ids=["without", "with"])
def instructions(request, monkeypatch):
    """Whether the CPU multiplies 16-bit matrices itself."""
    monkeypatch.setattr(subject, "_has_instructions", lambda _: request.param)
    return request.param


def linears(dtype):
    torch.manual_seed(0)
    linear = torch.nn.Linear(96, 64).to(dtype).requires_grad_(False)
    return linear, torch.randn(1, FEWEST_ROWS, 96, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_product_is_the_float64_one_rounded_once(instructions, dtype):
    linear, rows = linears(dtype)
    with wide_products(MANY):
        product = linear(rows)
    exact = torch.nn.functional.linear(rows.double(), linear.weight.double(), linear.bias.double())
    assert product.dtype is dtype
    if not instructions:
        step = torch.finfo(dtype).eps * exact.abs().clamp(min=torch.finfo(dtype).tiny)
        assert ((product.double() - exact).abs() <= 0.501 * step + 1e-6).all()


def test_where_the_cpu_has_the_instructions_nothing_changes(monkeypatch):
    monkeypatch.setattr(subject, "_has_instructions", lambda _: True)
    linear, rows = linears(torch.bfloat16)
    plain = linear(rows)
    with wide_products(MANY):
        assert torch.equal(linear(rows), plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wide_types_are_left_alone(instructions, dtype):
    linear, rows = linears(dtype)
    plain = linear(rows)
    with wide_products(MANY):
        assert torch.equal(linear(rows), plain)


def test_few_rows_are_left_alone(instructions):
    linear, rows = linears(torch.bfloat16)
    plain = linear(rows)
    with wide_products(FEW):
        assert torch.equal(linear(rows), plain)
    with wide_products(MANY):
        assert torch.equal(linear(rows[:, :1]), linear(rows[:, :1]))


def test_the_weights_stay_what_they_are(instructions):
    linear, rows = linears(torch.bfloat16)
    before = linear.weight.clone()
    with wide_products(MANY):
        linear(rows)
    assert linear.weight.dtype is torch.bfloat16
    assert torch.equal(linear.weight, before)
