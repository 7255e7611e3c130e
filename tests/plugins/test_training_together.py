"""Two processes train one adapter: the losses and weights of one process, and only the first writes."""

from __future__ import annotations

import multiprocessing
import socket
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from desktop.api import Evaluated, LoaderError, StepDone, StopAndKeep, TrainStarted
from loader_kit.training.batches import spread
from loader_kit.training.samples import make_samples
from loader_kit.training.together import Group
from tests.plugins.training_making import finish, make_request, make_rows, of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="takes copies of the running process")

SETTINGS = {"epochs": 2, "batch_size": 4, "save_every": 3, "eval_every": 3, "warmup": 1}
SAME = 1e-5
"""Relative difference of losses: the same numbers, added up in another order."""
SOON = 60.0


@pytest.fixture
def model(load, tiny_folder):
    return load(tiny_folder, dtype="float32")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def part(rank, port, model, request, to, commands=None):
    """One process, with the environment that torchrun gives it."""
    with pytest.MonkeyPatch.context() as patch:
        given = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, value in given.items():
            patch.setenv(name, str(value))
        try:
            events, report = finish(model.train(request), commands)
            to.send((of((StepDone, Evaluated, TrainStarted), events), report))
        except LoaderError as error:
            to.send((str(error), None))


def train_with_two(model, requests, commands=None):
    """What the two processes of a run have to say, each with the request of its own."""
    port, context = free_port(), multiprocessing.get_context("fork")
    ears, children = [], []
    for rank, request in enumerate(requests):
        ear, to = context.Pipe(duplex=False)
        asked = msgspec.structs.replace(request, together=True)
        heard = commands if rank == 0 else None
        children.append(context.Process(target=part, args=(rank, port, model, asked, to, heard)))
        ears.append(ear)
        children[-1].start()
        to.close()
    try:
        for ear in ears:
            assert ear.poll(SOON)
        return [ear.recv() for ear in ears]
    finally:
        for child in children:
            child.join(SOON)
            child.kill()
            child.join()


def losses(events, kind=StepDone):
    return [event.loss for event in of(kind, events)]


def weights(report):
    return load_file(Path(report.folder) / "adapter_model.safetensors")


@pytest.mark.parametrize("changes", [{}, {"batch_size": 5}])
def test_two_processes_learn_what_one_learns(model, tmp_path, changes):
    """Rows differ in length and in tokens that count; five rows a step leave one process with fewer, or with none."""
    rows, held_out, settings = make_rows(11), make_rows(3), SETTINGS | changes
    whole, alone = finish(model.train(make_request(tmp_path / "one", rows, held_out=held_out, settings=settings)))
    requests = [make_request(tmp_path / str(rank), rows, held_out=held_out, settings=settings) for rank in (0, 1)]
    (first, report), (second, _) = train_with_two(model, requests)
    assert losses(first) == losses(second)
    assert losses(first) == pytest.approx(losses(whole), rel=SAME)
    assert losses(first, Evaluated) == pytest.approx(losses(whole, Evaluated), rel=SAME)
    assert [step.tokens for step in of(StepDone, first)] == [step.tokens for step in of(StepDone, whole)]
    ours, theirs = weights(report), weights(alone)
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-5) for name in theirs)
    assert not Path(requests[1].folder).exists()


def test_a_resumed_run_of_two_equals_the_whole_one_to_the_bit(model, tmp_path):
    """With dropout too: the checkpoint keeps both processes' random numbers. The second is not told of it."""
    settings = SETTINGS | {"dropout": 0.2}
    requests = [make_request(tmp_path / str(rank), settings=settings) for rank in (0, 1)]
    (whole, report), (others, _) = train_with_two(model, requests)
    assert losses(whole) == losses(others)
    again = [make_request(tmp_path / f"again-{rank}", settings=settings) for rank in (0, 1)]
    again[0] = msgspec.structs.replace(again[0], resume_from=f"{requests[0].folder}/checkpoints/step-3")
    (events, resumed), _ = train_with_two(model, again)
    assert losses(events) == losses(whole)[3:]
    ours, theirs = weights(resumed), weights(report)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    events, _ = finish(model.train(msgspec.structs.replace(again[0], folder=str(tmp_path / "alone"))))
    assert any("one of 2 processes and the run goes on with 1" in note for note in events[0].notes)


def test_the_first_process_decides_when_it_ends(model, tmp_path):
    requests = [make_request(tmp_path / str(rank), settings={"epochs": 50}) for rank in (0, 1)]
    (first, report), (second, other) = train_with_two(model, requests, {2: StopAndKeep()})
    assert (len(losses(first)), len(losses(second))) == (2, 2)
    assert (report.reason, other.reason) == ("stopped", "stopped")
    assert weights(report)


def test_other_rows_elsewhere_are_refused(model, tmp_path):
    requests = [make_request(tmp_path / str(rank), make_rows(8 + rank)) for rank in (0, 1)]
    (said, _), (refused, _) = train_with_two(model, requests)
    assert refused.startswith("Process 1 reads other rows than process 0.")
    assert said.startswith("Another process of this run can't be reached")


def test_rows_are_shared_out_evenly_and_all_of_them(model, tmp_path):
    request = make_request(tmp_path / "a")
    samples = make_samples(model.tokenizer, make_rows(9), request.settings).samples
    shares = [Group(rank, 2).share(samples) for rank in (0, 1)]
    assert sorted(one.source for share in shares for one in share) == list(range(1, 10))
    sizes = [sum(len(one.ids) for one in share) for share in shares]
    assert abs(sizes[0] - sizes[1]) <= max(len(one.ids) for one in samples)
    assert spread(samples[:1], 3)[1:] == [[], []]
