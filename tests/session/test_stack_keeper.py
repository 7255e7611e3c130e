"""The stack as the user wants it becomes the engine's: quick changes become one, a bad adapter spoils no other."""

from __future__ import annotations

import threading

import pytest

from desktop.engine.client import EngineClient
from desktop.engine.messages import LoaderRef
from desktop.session.lane import Lane
from desktop.session.stack_keeper import StackKeeper
from tests.engine.puppets import LAUNCH, load, row, wait_until
from tests.session.conftest import note

BAD = row("bad", code="before: raise LoaderError('It does not fit.')")


@pytest.fixture
def kept(application, tmp_path):
    """A keeper over a puppet, and what it reports."""
    engine = EngineClient(LAUNCH, LoaderRef("puppet", "puppet"), tmp_path / "logs")
    engine.start()
    load(engine)
    lane, reports, losses = Lane("stack"), [], []
    keeper = StackKeeper(lane, reports.append, losses.append)
    keeper.use(engine)
    yield note(keeper=keeper, engine=engine, reports=reports, losses=losses, lane=lane)
    engine.kill()
    assert lane.shut_down()


def test_what_is_wanted_comes_about(kept):
    rows = (row("a", 0.5), row("b", enabled=False))
    kept.keeper.want(rows)
    wait_until(lambda: kept.reports)
    assert kept.reports[0].rows == kept.engine.stack == rows
    assert [receipt.id for receipt in kept.reports[0].receipts] == ["a", "b"]


def test_a_hundred_quick_changes_become_few(kept):
    gate = threading.Event()
    kept.lane.submit(lambda: gate.wait(20))
    for hundredth in range(100):
        kept.keeper.want((row("a", hundredth / 100),))
    gate.set()
    wait_until(lambda: kept.reports)
    assert kept.reports[0].rows[0].weight == 0.99
    assert len(kept.reports) == 1


def test_nothing_is_done_without_an_engine(kept):
    kept.keeper.use(None)
    kept.keeper.want((row("a"),))
    kept.keeper.use(kept.engine)
    kept.keeper.want((row("a"), row("b")))
    wait_until(lambda: len(kept.engine.stack) == 2)
    assert kept.keeper.wanted == (row("a"), row("b"))


def test_a_bad_one_among_good_ones_is_refused_alone(kept):
    kept.keeper.want((row("a"), BAD, row("c", 0.5)))
    wait_until(lambda: kept.reports)
    (report,) = kept.reports
    assert [one.id for one in report.rows] == ["a", "c"]
    assert {name: problem.sentence for name, problem in report.problems.items()} == {"bad": "It does not fit."}
    assert {receipt.id for receipt in report.receipts} == {"a", "c"}


def test_only_a_bad_one_leaves_the_stack_as_it_was(kept):
    kept.keeper.want((BAD,))
    wait_until(lambda: kept.reports)
    assert kept.reports[0].rows == ()
    assert "bad" in kept.reports[0].problems


def test_all_bad_ones_leave_nothing(kept):
    kept.keeper.want((row("a"),))
    wait_until(lambda: kept.reports)
    other = row("worse", code="before: raise ValueError('ouch')")
    kept.keeper.want((BAD, other))
    wait_until(lambda: len(kept.reports) == 2)
    assert set(kept.reports[1].problems) == {"bad", "worse"}
    assert kept.engine.stack == kept.reports[1].rows == ()


def test_an_engine_that_is_gone_is_told_once(kept):
    kept.engine._life._process._kill()
    wait_until(lambda: kept.engine.pid is None)
    kept.keeper.want((row("a"), row("b")))
    wait_until(lambda: kept.losses)
    assert "killed" in kept.losses[0].reason
    assert not kept.reports


def test_whoever_holds_the_stack_has_it_for_himself(kept):
    with kept.keeper.held:
        kept.keeper.want((row("a"),))
        kept.lane.submit(lambda: None)
        assert kept.engine.stack == ()
    wait_until(lambda: kept.engine.stack == (row("a"),))
