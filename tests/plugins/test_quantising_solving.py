"""GPTQ makes a smaller output error than rounding to the nearest, on grids that every reader reads alike."""

from __future__ import annotations

import pytest
import torch

from desktop.api import LoaderError
from loader_kit.quantising.scheme import Scheme
from loader_kit.quantising.solve import output_error, round_to_nearest, solve

INPUTS, OUTPUTS = 160, 32


@pytest.fixture(scope="module")
def problem():
    """A weight, and inputs that hang together and differ in size, as activations do."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(OUTPUTS, INPUTS, generator=generator) / 8
    mixing = torch.randn(INPUTS, INPUTS, generator=generator) / 4 + torch.eye(INPUTS)
    sizes = torch.logspace(0, 1.5, INPUTS)[torch.randperm(INPUTS, generator=generator)]
    inputs = torch.randn(600, INPUTS, generator=generator) @ mixing * sizes
    return weight, inputs


def error(weight, quantised, inputs):
    """Squared error of the output in float64, relative to the squared output."""
    off = inputs.double() @ (quantised.double() - weight.double()).T
    return float(off.square().sum() / (inputs.double() @ weight.double().T).square().sum())


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("group", [-1, 32, 128])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_output_error_is_smaller_than_that_of_rounding(problem, bits, group, act_order, symmetric):
    weight, inputs = problem
    scheme = Scheme(bits, group, symmetric, act_order)
    quantised = solve(weight, inputs.T @ inputs, scheme)
    nearest = round_to_nearest(weight, scheme)
    ours = error(weight, quantised.weight(), inputs)
    assert ours < 0.75 * error(weight, nearest.weight(), inputs)
    for one in (quantised, nearest):
        assert int(one.codes.max()) <= 2**bits - 1
        assert int(one.zeros.min()) >= 1
        assert int(one.zeros.max()) <= 2**bits - 1
        if symmetric:
            assert set(one.zeros.flatten().tolist()) == {2 ** (bits - 1)}


def test_the_error_reported_is_that_of_the_outputs(problem):
    weight, inputs = problem
    read = round_to_nearest(weight, Scheme(4, 32)).weight()
    assert output_error(weight, read, inputs.T @ inputs) == pytest.approx(error(weight, read, inputs), rel=1e-4)


def test_act_order_and_search_each_help(problem):
    weight, inputs = problem
    hessian = inputs.T @ inputs

    def of(**changes):
        return error(weight, solve(weight, hessian, Scheme(3, 32, **changes)).weight(), inputs)

    assert of(act_order=True) < of()
    assert of() < of(search=False)


@pytest.mark.parametrize("group", [-1, 32, 64])
def test_the_groups_of_act_order_follow_the_activations(problem, group):
    weight, inputs = problem
    hessian = inputs.T @ inputs
    size = INPUTS if group == -1 else group
    order = hessian.diagonal().argsort(descending=True)
    index = solve(weight, hessian, Scheme(4, group, act_order=True)).group_index
    assert index.dtype == torch.int32
    assert [int(index[column]) for column in order] == [place // size for place in range(INPUTS)]
    plain = solve(weight, hessian, Scheme(4, group)).group_index
    assert plain.tolist() == [place // size for place in range(INPUTS)]


def test_inputs_in_no_order_are_solved_alike_wherever_they_stand(problem):
    weight, inputs = problem
    shuffle = torch.randperm(INPUTS, generator=torch.Generator().manual_seed(0))
    scheme = Scheme(4, 32, act_order=True)
    one = solve(weight, inputs.T @ inputs, scheme).weight()
    other = solve(weight[:, shuffle], inputs[:, shuffle].T @ inputs[:, shuffle], scheme).weight()
    # Sums in another order may round a few weights to the other side.
    assert float((one[:, shuffle] == other).float().mean()) > 0.9


def test_without_correlations_it_rounds_to_the_nearest(problem):
    weight, _ = problem
    quantised = solve(weight, torch.eye(INPUTS), Scheme(4, 32))
    nearest = round_to_nearest(weight, Scheme(4, 32))
    assert torch.equal(quantised.codes, nearest.codes)
    plain = solve(weight, torch.eye(INPUTS), Scheme(4, 32, search=False))
    assert torch.equal(plain.scales, round_to_nearest(weight, Scheme(4, 32, search=False)).scales)


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("group", [-1, 32, 128])
def test_no_output_has_a_larger_error_after_its_scales_are_fitted_to_its_codes(problem, group, act_order, monkeypatch):
    weight, inputs = problem
    hessian = inputs.T @ inputs
    scheme = Scheme(3, group, act_order=act_order)
    fitted = solve(weight, hessian, scheme)
    monkeypatch.setattr("loader_kit.quantising.solve.refit", lambda columns, hessian, steps, scales, size: scales)
    searched = solve(weight, hessian, scheme)
    assert torch.equal(fitted.codes, searched.codes)
    assert torch.equal(fitted.zeros, searched.zeros)
    damped = hessian.double() + 0.01 * hessian.diagonal().double().mean() * torch.eye(INPUTS, dtype=torch.float64)

    def errors(quantised):
        off = quantised.weight().double() - weight.double()
        return ((off @ damped) * off).sum(1)

    assert bool((errors(fitted) <= errors(searched) * (1 + 1e-5)).all())
    assert float(errors(fitted).sum()) < float(errors(searched).sum())


def test_scales_are_the_best_there_are_for_their_codes(problem):
    """Against a solver of the whole least-squares problem in float64, one output after the other."""
    weight, inputs = problem
    quantised = solve(weight, inputs.T @ inputs, Scheme(4, 32))
    damping = (0.01 * inputs.square().sum(0).double().mean()).sqrt() * torch.eye(INPUTS, dtype=torch.float64)
    rows = torch.cat([inputs.double(), damping])
    for output in range(0, OUTPUTS, 5):
        steps = quantised.codes[:, output].double() - quantised.zeros[:, output].double().repeat_interleave(32)
        spread = torch.block_diag(*steps.view(-1, 32)).T.double()
        best = torch.linalg.lstsq(rows @ spread, (rows @ weight[output].double())[:, None]).solution[:, 0]
        assert torch.allclose(quantised.scales[:, output].double(), best, rtol=2e-3)


def test_inputs_that_never_came_are_rounded_and_change_nothing_else(problem):
    weight, inputs = problem
    silent = inputs.clone()
    silent[:, 5] = 0
    scheme = Scheme(4, 32)
    weighted = solve(weight, silent.T @ silent, scheme).weight()
    assert float((weighted[:, 5] - weight[:, 5]).abs().max()) < 0.1


def test_weights_of_nothing_and_far_out_weights_stay_finite(problem):
    _, inputs = problem
    weight = torch.zeros(OUTPUTS, INPUTS)
    weight[0, 0], weight[1] = 6e4, 1e-9
    for scheme in (Scheme(2, 32), Scheme(4, -1, symmetric=True), Scheme(8, 128, act_order=True)):
        read = solve(weight, inputs.T @ inputs, scheme).weight()
        assert bool(torch.isfinite(read).all())
        assert torch.equal(read[2:], torch.zeros_like(read[2:]))


def test_activations_that_are_no_numbers_are_said(problem):
    weight, inputs = problem
    hessian = inputs.T @ inputs
    hessian[3, 3] = float("inf")
    with pytest.raises(LoaderError, match="not finite"):
        solve(weight, hessian, Scheme(4, 32))


def test_too_few_inputs_are_damped_until_it_works(problem):
    weight, inputs = problem
    few = inputs[:40]
    nearest = error(weight, round_to_nearest(weight, Scheme(4, 32)).weight(), few)
    # Of 160 dimensions 40 are known: without damping there is no inverse at all.
    for damp, share in ((1e-18, 1.0), (0.01, 0.3)):
        quantised = solve(weight, few.T @ few, Scheme(4, 32, damp=damp))
        assert error(weight, quantised.weight(), few) < share * nearest
