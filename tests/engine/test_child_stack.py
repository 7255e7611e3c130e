"""The stack inside an engine: all or nothing, and in the user's order, whatever the loader's hooks do."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.api import LoaderError, Lora, Model
from desktop.engine.child.stack import Stack, StackBroken
from tests.engine.flaky import OUTCOMES, Flaky, FlakyAtOnce, plugin_of


class Silent(Model):
    """The hooks need none other."""

    def generate(self, request):
        yield


def stack_on(loader):
    return Stack(plugin_of(loader), Silent())


def row(name, weight=1.0, path="", **more):
    return Lora(id=name, name=f"the {name}", path=path or f"/{name}", weight=weight, **more)


def as_rows(loras):
    return [[lora.id, lora.path, lora.effective_weight] for lora in loras]


A, B, C, D = (row(name) for name in "abcd")


@pytest.fixture(params=[Flaky, FlakyAtOnce])
def loader(request):
    """A loader with and one without `set_stack`."""
    return request.param()


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ([], [A, B]),
        ([A, B], []),
        ([A], [B]),
        ([A, B, C], [B, C]),
        ([A, B, C], [A, C]),
        ([A, B], [B, A]),
        ([A, B, C], [C, A, B]),
        ([A, B], [D, A, B]),
        ([A, B, C], [A, row("b", path="/elsewhere"), C]),
        ([A, B], [row("a", 0.5), row("b", enabled=False)]),
        ([A, B], [row("a", -1.5), row("b", 0.0)]),
        ([A, B, C], [row("c", 2), D, row("a", path="/new")]),
        ([A, B, C, D], [D, C, B, A]),
    ],
)
def test_the_model_holds_what_was_asked_for_in_that_order(loader, before, wanted):
    stack = stack_on(loader)
    stack.replace(before)
    receipts = stack.replace(wanted)
    assert loader.rows == as_rows(wanted)
    assert stack.loras == tuple(wanted)
    assert [(receipt.id, receipt.weight) for receipt in receipts] == [(r.id, r.effective_weight) for r in wanted]


def test_apply_and_remove_touch_one_row(loader):
    stack = stack_on(loader)
    stack.replace([A, B, C])
    assert stack.apply(row("b", 0.25)).weight == 0.25
    assert stack.loras == (A, row("b", 0.25), C)
    assert stack.apply(D).id == "d"
    stack.remove("a")
    assert stack.loras == (row("b", 0.25), C, D)
    assert loader.rows == as_rows(stack.loras)


def test_without_set_stack_what_stays_is_left_alone():
    loader = Flaky()
    stack = stack_on(loader)
    stack.replace([A, B, C])
    loader.calls.clear()
    stack.replace([A, row("c", 0.5), D])
    assert loader.calls == [("remove", "b"), ("apply", "c"), ("apply", "d")]


def test_with_set_stack_one_call_does_it():
    loader = FlakyAtOnce()
    stack = stack_on(loader)
    stack.replace([A, B])
    stack.remove("a")
    assert loader.calls == [("set", "a", "b"), ("set", "b")]


def test_a_loader_with_room_for_one_adapter_can_change_it():
    class Narrow(Flaky):
        def _next(self):
            assert len(self.rows) + (self.calls[-1][0] == "apply") <= 1, "no room"
            return "ok"

    loader = Narrow()
    stack = stack_on(loader)
    stack.replace([A])
    stack.replace([B])
    assert loader.rows == as_rows([B])


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_refused_before_anything_happens(loader, weight):
    stack = stack_on(loader)
    stack.replace([A])
    loader.calls.clear()
    with pytest.raises(LoaderError, match=r"the b is (nan|inf|-inf); it must be a finite number"):
        stack.replace([row("b", weight)])
    with pytest.raises(LoaderError, match="finite"):
        stack.apply(row("a", weight))
    assert not loader.calls
    assert stack.loras == (A,)


def test_a_row_that_stands_twice_is_refused_before_anything_happens(loader):
    stack = stack_on(loader)
    with pytest.raises(LoaderError, match="the a stands in the stack twice"):
        stack.replace([A, B, row("a", 0.5)])
    assert not loader.calls


def test_removing_what_is_not_there_is_refused(loader):
    stack = stack_on(loader)
    stack.replace([A])
    with pytest.raises(LoaderError, match="not in the stack"):
        stack.remove("b")
    assert loader.rows == as_rows([A])


REMOVALS = ("refuse", "bug before", "exit")
"""A removal gives no receipt, and what one has removed before it failed comes back at the end: see the property."""


@pytest.mark.parametrize(
    ("failing", "outcome"), [(n, outcome) for n in range(1, 6) for outcome in (OUTCOMES[1:] if n > 2 else REMOVALS)]
)
def test_when_the_nth_step_fails_everything_is_as_before(failing, outcome):
    """Two rows are removed and three attached: five steps, each of which fails once in every way."""
    loader = Flaky()
    stack = stack_on(loader)
    before = [A, B, C]
    stack.replace(before)
    loader.plan = ["ok"] * (failing - 1) + [outcome]
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - SystemExit too
        stack.replace([A, row("b", 0.5, path="/other"), D, row("e")])
    assert not isinstance(raised.value, StackBroken)
    assert loader.rows == as_rows(before)
    assert stack.loras == tuple(before)
    stack.replace([B, D])
    assert loader.rows == as_rows([B, D])


@pytest.mark.parametrize("outcome", OUTCOMES[1:])
def test_when_set_stack_fails_everything_is_as_before(outcome):
    loader = FlakyAtOnce()
    stack = stack_on(loader)
    stack.replace([A, B])
    loader.plan = [outcome]
    with pytest.raises(BaseException):  # noqa: B017, PT011
        stack.replace([C])
    assert loader.rows == as_rows([A, B])
    assert stack.loras == (A, B)


@pytest.mark.parametrize(
    ("cls", "plan"),
    [
        (Flaky, ["ok", "refuse", "bug before"]),
        (FlakyAtOnce, ["bug after", "refuse"]),
        (Flaky, ["ok", "exit", "ok", "exit"]),
    ],
)
def test_when_putting_back_fails_too_the_stack_is_broken_for_good(cls, plan):
    loader = cls()
    stack = stack_on(loader)
    stack.replace([A])
    loader.plan = plan
    with pytest.raises(StackBroken, match="putting the stack back failed"):
        stack.replace([B])
    loader.calls.clear()
    for ask in (lambda: stack.replace([]), lambda: stack.apply(B), lambda: stack.remove("a"), stack.check):
        with pytest.raises(StackBroken):
            ask()
    assert not loader.calls


def test_a_reweight_that_failed_half_way_is_undone():
    loader = Flaky()
    stack = stack_on(loader)
    stack.replace([A, B])
    loader.plan = ["bug after"]
    with pytest.raises(RuntimeError):
        stack.apply(row("a", 7.0))
    assert loader.rows == as_rows([A, B])


def test_a_receipt_of_an_untouched_row_has_its_present_name():
    stack = stack_on(Flaky())
    stack.replace([A])
    (receipt,) = stack.replace([Lora(id="a", name="renamed", path="/a")])
    assert receipt.name == "renamed"


ids = st.sampled_from("abcdef")
rows = st.builds(
    row,
    ids,
    st.sampled_from([1.0, 0.0, -0.5, 2.0]),
    st.sampled_from(["", "", "/other"]),
    enabled=st.sampled_from([True, True, False]),
)
operations = st.one_of(
    st.tuples(st.just("replace"), st.lists(rows, max_size=5, unique_by=lambda r: r.id)),
    st.tuples(st.just("apply"), rows),
    st.tuples(st.just("remove"), ids),
)
plans = st.lists(st.sampled_from(["ok"] * 12 + list(OUTCOMES)), max_size=8)
steps = st.lists(st.tuples(operations, plans), max_size=12)


def after(present, operation):
    """The plain model: what the stack should be, or None where the operation must be refused."""
    kind, value = operation
    if kind == "replace":
        return value
    if kind == "remove":
        left = [r for r in present if r.id != value]
        return left if len(left) < len(present) else None
    if any(r.id == value.id for r in present):
        return [value if r.id == value.id else r for r in present]
    return [*present, value]


def run(cls, script):
    """Every operation has its effect in full or none at all; broken only where undoing failed too."""
    loader = cls()
    stack = stack_on(loader)
    present = []
    for operation, plan in script:
        loader.plan, loader.failures = list(plan), 0
        wanted = after(present, operation)
        try:
            getattr(stack, operation[0])(operation[1])
        except StackBroken:
            assert loader.failures >= 2
            return
        except (LoaderError, KeyError, RuntimeError, TypeError, SystemExit):
            assert wanted is None or loader.failures
        else:
            assert not loader.failures
            present = wanted
        assert list(stack.loras) == present
        if loader.moved_by_a_bug:
            assert sorted(loader.rows) == sorted(as_rows(present))
        else:
            assert loader.rows == as_rows(present)


@pytest.mark.parametrize("cls", [Flaky, FlakyAtOnce])
def test_any_sequence_with_any_failures(cls):
    @settings(max_examples=150, derandomize=True, database=None, deadline=None)
    @given(steps)
    def check(script):
        run(cls, script)

    check()


@pytest.mark.long
@pytest.mark.parametrize("cls", [Flaky, FlakyAtOnce])
def test_any_sequence_with_any_failures_at_length(cls):
    @settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def check(script):
        run(cls, script)

    check()
