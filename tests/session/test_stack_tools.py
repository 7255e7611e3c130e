"""Folding, proving and writing the stack: one thing at a time, cancelled, failed or done; the state tells."""

from __future__ import annotations

import pytest

from desktop.api import ExportRequest
from desktop.session.plans import State
from tests.engine.puppets import row
from tests.session.conftest import Heard, attached, kill
from tests.ui.hands import until

FOLDS = "import puppet\nmodel = puppet.Puppet('x')\nmodel.on_mode = 'pass'\nreturn model"
FOREVER = "while True:\n    progress('Writing', 0.25)\n    time.sleep(0.005)"


class ToolsHeard(Heard):
    """What the tools told, in order."""

    def __init__(self, tools):
        self.told = []
        for name in ("mode_changed", "proved", "exported", "failed", "cancelled", "moved", "ended"):
            getattr(tools, name).connect(lambda *args, name=name: self._note(name, *args))


@pytest.fixture
def tools(session):
    return ToolsHeard(session.tools)


def load(session, plan, run=""):
    session.load(plan(run))
    until(lambda: session.state is State.READY)


def test_folding_is_granted_and_the_next_model_is_exact(session, heard, tools, plan):
    load(session, plan, FOLDS)
    session.set_mode("folded")
    assert session.state is State.WORKING
    assert tools.wait("mode_changed") == "folded"
    until(lambda: session.state is State.READY)
    assert session._driver.client.mode == "folded"
    load(session, plan)
    assert session._driver.client.mode == "exact"


def test_a_loader_that_cannot_fold_says_so(loaded, tools):
    loaded.set_mode("folded")
    assert "can't fold" in tools.wait("failed").sentence
    assert tools.of("mode_changed") == [("exact",)]
    until(lambda: loaded.state is State.READY)


def test_a_proof_comes_with_what_was_attached_left_as_it_was(loaded, heard, tools):
    loaded.set_rows((row("a"), row("b", 0.5)))
    heard.wait("stack_changed")
    loaded.prove_stack()
    proved = tools.wait("proved")
    assert [proof.names for proof in proved.proofs] == [("a",), ("b",), ("a", "b")]
    assert not proved.holds
    assert proved.files == ""
    assert attached(loaded) == [["a", 1.0], ["b", 0.5]]
    until(lambda: loaded.state is State.READY)


def test_a_base_file_that_has_changed_is_part_of_the_proof(loaded, heard, tools, model):
    loaded.set_rows((row("a"),))
    heard.wait("stack_changed")
    model.write_bytes(b"other feathers")
    loaded.prove_stack()
    proved = tools.wait("proved")
    assert "changed" in proved.files
    assert not proved.holds


def test_an_export_tells_its_steps_and_where_it_is(loaded, heard, tools):
    code = "progress('Writing', 0.5)\nreturn ExportReport(folder='there', bytes=7)"
    loaded.export_stack(ExportRequest(folder=code))
    assert tools.wait("exported").folder == "there"
    assert ("Writing", 0.5) in heard.of("progressed")
    until(lambda: loaded.state is State.READY)


def test_an_export_is_cancelled_and_changes_go_on_afterwards(loaded, heard, tools):
    loaded.export_stack(ExportRequest(folder=FOREVER))
    until(lambda: ("Writing", 0.25) in heard.of("progressed"))
    loaded.set_rows((row("late"),))
    loaded.cancel()
    tools.wait("cancelled")
    until(lambda: attached(loaded) == [["late", 1.0]])
    until(lambda: loaded.state is State.READY)


def test_asked_twice_to_stop_the_engine_ends(loaded, heard, tools):
    loaded.export_stack(ExportRequest(folder="progress('Writing')\nwhile True: time.sleep(0.01)"))
    until(lambda: ("Writing", None) in heard.of("progressed"))
    loaded.cancel()
    loaded.cancel()
    until(lambda: loaded.state is not State.WORKING)
    assert tools.of("exported") == []


def test_an_engine_that_dies_meanwhile_is_told_and_can_be_started_again(loaded, heard, tools):
    loaded.export_stack(ExportRequest(folder=FOREVER))
    until(lambda: ("Writing", 0.25) in heard.of("progressed"))
    kill(loaded)
    heard.wait("engine_lost")
    assert loaded.state is State.LOST
    until(lambda: tools.of("ended"))
    assert loaded.state is State.LOST
    loaded.restart()
    until(lambda: loaded.state is State.READY)


def test_one_thing_at_a_time(loaded, heard, tools):
    loaded.export_stack(ExportRequest(folder=FOREVER))
    loaded.prove_stack()
    loaded.set_mode("folded")
    until(lambda: ("Writing", 0.25) in heard.of("progressed"))
    loaded.cancel()
    tools.wait("cancelled")
    assert tools.of("proved") == tools.of("mode_changed") == []


def test_without_a_model_nothing_is_asked(session, tools):
    session.prove_stack()
    assert session.state is State.EMPTY
    assert tools.told == []


def test_how_far_the_stack_moves_the_next_token_is_measured_against_the_base(loaded, heard, tools):
    loaded.tools.probe()
    # The puppet's logits never move.
    assert tools.wait("moved") == 0.0
