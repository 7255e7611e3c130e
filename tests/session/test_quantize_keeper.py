"""Quantising in an engine of its own: how it ends, what is left on the disk, and what is prompted meanwhile."""

from __future__ import annotations

import psutil
import pytest

from desktop.api import QuantizeRequest
from desktop.session.plans import State
from desktop.session.quantize_keeper import _WithTime
from desktop.session.quantize_plans import QuantizePlan
from tests.session.conftest import pid_of
from tests.ui.hands import until

QUANTIZER = """
import os, time
from pathlib import Path

from desktop.api import Capabilities, LayerError, LoaderError, LoaderInfo, QuantizeReport, hookimpl
from puppet import Puppet, apply_lora, remove_lora


class Quantizer(Puppet):
    def quantize(self, request, progress):
        target = Path(request.folder)
        part = target.parent / f".{target.name}.part-{os.getpid()}"
        part.mkdir(parents=True)
        try:
            for number in range(3000 if target.name == "slow" else 3):
                progress(f"Quantising layer {number + 1}", number / 3000)
                time.sleep(0.01)
            if target.name == "full":
                raise LoaderError("The disk is full.")
            while target.name == "stuck":
                time.sleep(1)
            part.rename(target)
        except BaseException:
            part.rmdir()
            raise
        return QuantizeReport(
            folder=str(target), bytes_before=4, bytes_after=1, seconds=1.0, tokens=1, layers=(LayerError("a", 0.5),)
        )


@hookimpl
def describe():
    return LoaderInfo(title="Quantizer", capabilities=Capabilities(quantize=True))


@hookimpl
def load(request, progress):
    return Quantizer(request.path)
"""


class Ends:
    """What a keeper told, in order."""

    def __init__(self, keeper):
        self.steps, self.told = [], []
        keeper.progressed.connect(lambda step, fraction: self.steps.append((step, fraction)))
        keeper.quantized.connect(lambda done: self.told.append(("quantized", done)))
        keeper.failed.connect(lambda problem: self.told.append(("failed", problem)))
        keeper.cancelled.connect(lambda: self.told.append(("cancelled", None)))
        keeper.became_free.connect(lambda: self.told.append(("free", None)))

    def wait(self):
        """Wait until it is over; what was told before that."""
        until(lambda: self.told and self.told[-1][0] == "free")
        told, self.told = self.told[:-1], []
        ((name, what),) = told
        return name, what


@pytest.fixture
def quantizer(make_plugin):
    """A loader that can quantise, beside the puppets that can't."""
    make_plugin("quantizer", QUANTIZER)


@pytest.fixture
def keeper(quantizer, session):
    return session.quantizing


@pytest.fixture
def ends(keeper):
    return Ends(keeper)


@pytest.fixture
def ask(keeper, model, home):
    """Call it with the copy's name; it begins."""

    def begin(name):
        request = QuantizeRequest(folder=str(home.models / name))
        keeper.quantize(QuantizePlan(name="polly", path=str(model), request=request))

    return begin


def left(home):
    return sorted(path.name for path in home.models.iterdir()) if home.models.exists() else []


def wait_for_layers(ends):
    until(lambda: any(step.startswith("Quantising layer") for step, _ in ends.steps))


def test_it_is_done_beside_a_model_that_goes_on_answering(keeper, ends, ask, loaded, heard, home):
    listed = []
    loaded.models_listed.connect(listed.append)
    before = pid_of(loaded)
    ask("copy")
    name, done = ends.wait()
    assert (name, done.report.folder, done.plan.name) == ("quantized", str(home.models / "copy"), "polly")
    assert left(home) == ["copy"]
    assert ("Quantising layer 1", 0.0) in ends.steps
    assert (loaded.state, pid_of(loaded)) == (State.READY, before)
    assert keeper._client is None
    until(lambda: listed)


def test_cancelled_it_leaves_nothing_and_the_next_one_may_begin(keeper, ends, ask, home):
    ask("slow")
    ask("second")  # one at a time: nothing comes of it
    wait_for_layers(ends)
    keeper.cancel()
    assert ends.wait() == ("cancelled", None)
    assert left(home) == []
    ask("copy")
    assert ends.wait()[0] == "quantized"
    assert left(home) == ["copy"]


def test_cancelled_before_the_engine_has_begun(keeper, ends, ask, home):
    ask("slow")
    keeper.cancel()
    assert ends.wait() == ("cancelled", None)
    assert left(home) == []


def test_one_that_is_stuck_ends_at_the_second_cancel(keeper, ends, ask, home):
    ask("stuck")
    wait_for_layers(ends)
    until(lambda: any(step == "Quantising layer 3" for step, _ in ends.steps))
    keeper.cancel()
    assert left(home)
    keeper.cancel()
    assert ends.wait() == ("cancelled", None)
    assert left(home) == []


def test_a_killed_engine_is_told_and_what_it_was_writing_is_removed(keeper, ends, ask, home):
    ask("slow")
    wait_for_layers(ends)
    psutil.Process(keeper._client.pid).kill()
    name, problem = ends.wait()
    assert name == "failed"
    assert problem.sentence.startswith("The process that quantised polly stopped: it was killed from outside")
    assert problem.sentence.endswith("Nothing was written, and what you prompt was not touched.")
    assert not problem.can_retry
    assert left(home) == []


def test_what_the_loader_says_is_told_in_its_words(ends, ask, home):
    ask("full")
    name, problem = ends.wait()
    assert (name, problem.sentence) == ("failed", "The disk is full.")
    assert left(home) == []


def test_a_model_no_loader_can_quantise(session, model, home):
    ends = Ends(session.quantizing)
    request = QuantizeRequest(folder=str(home.models / "copy"))
    session.quantizing.quantize(QuantizePlan(name="polly", path=str(model), request=request))
    name, problem = ends.wait()
    assert name == "failed"
    assert problem.sentence == "polly can be loaded, but no loader that is usable here can quantise it."


def test_the_end_of_the_program_ends_it_and_leaves_nothing(keeper, ends, ask, home):
    ask("slow")
    wait_for_layers(ends)
    keeper.shut_down()
    assert left(home) == []
    assert keeper._client is None


def test_looked_at_off_the_gui_thread(keeper, home):
    (home.models / "there").mkdir(parents=True)
    looks = []
    keeper.looked.connect(looks.append)
    keeper.look_at("/nowhere/model", "nobody")
    until(lambda: looks)
    (look,) = looks
    assert (look.path, look.name, look.taken, look.folder) == (
        "/nowhere/model", "nobody", ("there",), str(home.models),
    )  # fmt: skip
    assert look.free > 0
    assert look.facts.refusal


def test_the_time_that_is_left_follows_from_the_time_it_took(monkeypatch):
    told, now = [], [100.0]
    monkeypatch.setattr("desktop.session.quantize_keeper.monotonic", lambda: now[0])
    tell = _WithTime(lambda step, fraction: told.append((step, fraction)), "{step}, {time} left")
    tell("Reading", None)
    tell("Layer 1", 0.01)
    now[0] += 300
    tell("Layer 2", 0.5)
    assert told == [("Reading", None), ("Layer 1", 0.01), ("Layer 2, about 5 min left", 0.5)]
