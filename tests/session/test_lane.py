"""A lane runs one thing after the other, tells what nobody expected, and finishes what it was given."""

from __future__ import annotations

import threading

import pytest

from desktop.session.lane import Lane
from tests.ui.hands import until


@pytest.fixture
def lane(application):
    """A running lane."""
    lane = Lane("test")
    yield lane
    assert lane.shut_down()


def test_work_is_done_in_order_and_elsewhere(lane):
    done, threads = [], set()
    for number in range(50):
        lane.submit(lambda number=number: (done.append(number), threads.add(threading.get_ident())))
    until(lambda: len(done) == 50)
    assert done == list(range(50))
    assert len(threads - {threading.get_ident()}) == 1


@pytest.mark.parametrize("error", [ValueError("ouch"), RuntimeError("CUDA out of memory"), SystemExit(3)])
def test_what_nobody_expected_is_told_and_the_lane_goes_on(lane, error):
    told, done = [], []
    lane.work_failed.connect(lambda words, trace: told.append((words, trace)))

    def fail():
        raise error

    lane.submit(fail)
    lane.submit(lambda: done.append(True))
    until(lambda: done and told)
    ((words, trace),) = told
    assert words == f"{type(error).__name__}: {error}"
    assert "Traceback" in trace


def test_what_was_submitted_is_finished_before_the_end(application):
    lane, done = Lane("test"), []
    for number in range(20):
        lane.submit(lambda number=number: done.append(number))
    assert lane.shut_down()
    assert len(done) == 20


def test_a_lane_that_hangs_says_so(application):
    lane, gate = Lane("test"), threading.Event()
    lane.submit(lambda: gate.wait(20))
    assert not lane.shut_down(50)
    gate.set()
    assert lane.wait(10_000)
