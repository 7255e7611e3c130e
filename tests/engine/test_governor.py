"""The cores are shared out among the engines that are busy, and taken on the thread that computes."""

from __future__ import annotations

import json
import random
import sys
import threading
import types

import pytest

from desktop.engine.child.cores import Cores
from desktop.engine.governor import REST, Governor
from desktop.engine.jobs import EngineGone, JobCancelled
from tests.clocks import at_once
from tests.engine.puppets import SOON, generate, load, start_load, wait_until

ENDLESS = "while True:\n    time.sleep(0.002)\n    yield Chunk(text=model.render(()))"
"""Every piece says what torch has been told."""


class Listener:
    """An engine that only listens."""

    def __init__(self, background=False):
        self.background = background
        self.told = []
        self.rests = []

    def share(self, parts, rest):
        self.told.append(parts)
        self.rests.append(rest)


@pytest.fixture
def three():
    return Governor(), *(Listener() for _ in range(3))


def test_only_busy_engines_are_told(three):
    governor, a, b, c = three
    governor.begin(a)
    governor.begin(b)
    assert (a.told, b.told, c.told) == ([1, 2], [2], [])
    governor.begin(c)
    assert (a.told, b.told, c.told) == ([1, 2, 3], [2, 3], [3])
    governor.end(b)
    governor.end(a)
    assert (a.told, b.told, c.told) == ([1, 2, 3, 2], [2, 3], [3, 2, 1])


def test_beginning_twice_is_beginning_once(three):
    governor, a, b, _ = three
    governor.begin(a)
    governor.begin(a)
    governor.end(b)
    assert a.told == [1]
    governor.end(a)
    governor.end(a)
    governor.begin(b)
    assert (a.told, b.told) == ([1], [1])


def test_from_many_threads_the_last_share_told_is_the_right_one():
    governor, engines = Governor(), [Listener() for _ in range(6)]
    stay = engines[:2]

    def busy(engine, seed):
        dice = random.Random(seed)
        for _ in range(400):
            governor.begin(engine)
            if dice.random() < 0.5:
                governor.end(engine)
        if engine in stay:
            governor.begin(engine)
        else:
            governor.end(engine)

    threads = [threading.Thread(target=busy, args=(engine, n)) for n, engine in enumerate(engines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [engine.told[-1] for engine in stay] == [2, 2]
    assert all(1 <= parts <= 6 for engine in engines for parts in engine.told)


def test_in_the_background_one_rests_while_somebody_waits_for_another():
    governor, trains, answers = Governor(), Listener(background=True), Listener()
    governor.begin(trains)
    assert trains.rests == [0]
    governor.begin(answers)
    assert (trains.rests, answers.rests) == ([0, REST], [0])
    governor.rests(trains, True)
    assert (answers.told, trains.told) == ([2, 1], [1, 2, 2])
    governor.rests(trains, False)
    assert (answers.told, trains.told) == ([2, 1, 2], [1, 2, 2, 2])
    governor.rests(trains, True)
    governor.end(answers)
    assert (trains.told[-1], trains.rests[-1]) == (1, 0)


def test_two_in_the_background_share_and_do_not_rest():
    governor, one, two = Governor(), Listener(background=True), Listener(background=True)
    governor.begin(one)
    governor.begin(two)
    assert (one.told, one.rests, two.rests) == ([1, 2], [0, 0], [0])


def test_a_rest_ends_with_its_engine():
    governor, trains, answers = Governor(), Listener(background=True), Listener()
    for engine in (trains, answers):
        governor.begin(engine)
    governor.rests(trains, True)
    governor.end(trains)
    governor.rests(trains, False)
    governor.begin(trains)
    assert answers.told == [2, 1, 1, 2]


@pytest.fixture
def governor():
    return Governor()


@pytest.fixture
def pair(new_engine, governor):
    """Two engines on one governor, each with a model on a torch of eight threads."""
    engines = [new_engine("torchlike", governor) for _ in range(2)]
    for engine in engines:
        engine.start()
        load(engine)
    return engines


def calls(engine):
    """[threads, on the main thread] of each time torch was told."""
    return json.loads(engine.render(()).result(SOON))


def endless(engine):
    job = generate(engine, ENDLESS)
    next(job.events(SOON))
    return job


def until_told(job, wanted):
    """Read on until torch has been told this, and nothing else, since the start."""
    for chunk in job.events(SOON):
        if (told := json.loads(chunk.text)) == wanted:
            return
        assert told == wanted[: len(told)]


def end(job):
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(SOON)


def test_an_engine_alone_is_left_as_it_is(pair):
    end(endless(pair[0]))
    assert calls(pair[0]) == []


def test_a_second_busy_engine_halves_the_threads_while_the_first_computes(pair):
    one, two = pair
    first = endless(one)
    second = endless(two)
    until_told(first, [[4, True]])
    end(second)
    until_told(first, [[4, True], [8, True]])
    end(first)
    assert calls(two)[0] == [4, True]


def test_the_share_comes_back_when_the_other_engine_dies(pair, governor):
    one, two = pair
    first = endless(one)
    doomed = generate(two, "yield Chunk()\nwhile not os.path.exists('go'): time.sleep(0.002)\nos._exit(1)")
    until_told(first, [[4, True]])
    (two._logs / "go").touch()
    with pytest.raises(EngineGone):
        doomed.result(SOON)
    until_told(first, [[4, True], [8, True]])
    end(first)
    assert not governor._busy


def test_the_share_comes_back_when_the_other_engine_is_killed(pair, governor):
    one, two = pair
    first = endless(one)
    endless(two)
    until_told(first, [[4, True]])
    two.kill()
    until_told(first, [[4, True], [8, True]])
    end(first)
    assert not governor._busy


def test_an_engine_in_the_background_rests_and_the_other_has_all_threads_meanwhile(new_engine, pair, governor):
    one, _ = pair
    trainer = new_engine("torchlike", governor, background=True)
    trainer.start()
    load(trainer)
    training = endless(trainer)
    first = endless(one)
    until_told(first, [[4, True], [8, True], [4, True]])
    end(first)
    # Alone again it works on without a rest, on all threads.
    until_told(training, [[4, True], [8, True]])
    end(training)
    assert not governor._busy
    assert not governor._resting


def test_a_rest_ends_at_once_when_the_job_is_cancelled(new_engine, pair, governor):
    one, _ = pair
    trainer = new_engine("torchlike", governor, background=True)
    trainer.start()
    load(trainer)
    first = endless(one)
    slow = generate(trainer, "while True:\n    time.sleep(4)\n    yield Chunk(text='x')")
    next(slow.events(SOON))
    wait_until(lambda: governor._resting)
    with at_once():
        end(slow)
    assert not governor._resting
    end(first)


def test_a_loading_engine_counts_and_takes_its_share_with_its_progress(new_engine, pair, governor):
    one, _ = pair
    first = endless(one)
    late = new_engine("torchlike", governor)
    late.start()
    run = "progress('begun')\nprogress(str(sys.modules['torchlike'].CALLS))\n"
    loading = start_load(late, run + "while not os.path.exists('go'): time.sleep(0.002)")
    assert [next(loading.events(SOON)).step for _ in range(2)] == ["begun", "[[4, True]]"]
    until_told(first, [[4, True]])
    (late._logs / "go").touch()
    loading.result(SOON)
    until_told(first, [[4, True], [8, True]])
    end(first)


def test_a_warming_engine_counts(new_engine, pair, governor):
    one, _ = pair
    first = endless(one)
    late = new_engine("torchlike", governor)
    late.start()
    warming = late.warm()
    until_told(first, [[4, True]])
    warming.result(SOON)
    until_told(first, [[4, True], [8, True]])
    end(first)


def test_a_job_refused_leaves_nobody_busy(new_engine, governor):
    engine = new_engine("puppet", governor)
    with pytest.raises(EngineGone):
        engine.count_tokens("x").result(SOON)
    engine.start()
    engine.kill()
    with pytest.raises(EngineGone):
        engine.count_tokens("x").result(SOON)
    assert not governor._busy


def test_while_jobs_wait_the_engine_is_busy_and_afterwards_it_is_not(pair, governor):
    jobs = [pair[0].count_tokens("x") for _ in range(50)]
    for job in jobs:
        job.result(SOON)
    assert not governor._busy


@pytest.fixture
def torch(monkeypatch):
    """A torch of six threads that notes what it is told."""
    module = types.ModuleType("torch")
    module.told = []
    module.get_num_threads = lambda: 6
    module.set_num_threads = module.told.append
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def test_shares_are_parts_of_what_torch_started_with_and_never_none(torch):
    cores = Cores()
    for parts in (1, 2, 2, 3, 100, 1, 1):
        cores.use(parts)
    assert torch.told == [3, 2, 1, 6]


def test_without_torch_or_with_half_of_it_nothing_happens(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    Cores().use(2)
    assert "torch" not in sys.modules
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    Cores().use(2)
