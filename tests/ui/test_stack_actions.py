"""The verbs for the whole stack: greyed out where they can't be done, and what comes of them is shown."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QFileDialog, QTableWidget

from desktop.api import Capabilities, ExportReport, StackCheck
from desktop.engine.proof import Proof
from desktop.session.plans import Problem, Proved, State
from desktop.ui.proof_dialog import ProofDialog
from tests.ui import gallery
from tests.ui.hands import words

ABLE = Capabilities(logits=True, check=True, fold=True, export=True)


def loaded_with(capabilities):
    import msgspec

    return msgspec.structs.replace(gallery.loaded(), capabilities=capabilities)


@pytest.fixture
def able(window, session):
    session.become(State.READY, loaded_with(ABLE))
    return window


def verbs(window):
    actions = window.stack_actions
    return {
        "fold": actions.fold,
        "prove": actions.prove,
        "one": actions.export_adapter,
        "merged": actions.export_model,
    }


def enabled(window):
    return {name for name, action in verbs(window).items() if action.isEnabled()}


def test_without_a_model_and_without_the_ability_they_say_why(window, session):
    assert enabled(window) == set()
    assert {action.toolTip() for action in verbs(window).values()} == {"Load a model first."}
    session.become(State.READY, loaded_with(Capabilities(logits=True)))
    assert enabled(window) == {"prove"}
    assert verbs(window)["fold"].toolTip() == "This loader can't do that."


def test_while_something_goes_on_they_wait(able, session):
    assert enabled(able) == {"fold", "prove", "one", "merged"}
    session.become(State.WORKING)
    assert enabled(able) == set()
    assert "working" in words(able)
    session.become(State.READY)
    assert enabled(able) == {"fold", "prove", "one", "merged"}


def test_folding_asks_and_shows_what_was_granted(able, session):
    able.stack_actions.fold.trigger()
    assert session.last("set_mode") == ("folded",)
    session.tools.mode_changed.emit("folded")
    assert able.stack_actions.fold.isChecked()
    assert "folded" in words(able)
    able.stack_actions.fold.trigger()
    assert session.last("set_mode") == ("exact",)
    session.tools.mode_changed.emit("exact")
    assert "folded" not in words(able)


def test_a_refused_fold_is_told_and_the_tick_goes(able, session):
    able.stack_actions.fold.trigger()
    session.tools.mode_changed.emit("exact")
    session.tools.failed.emit(Problem(sentence="Folding takes 14.0 GB."))
    assert not able.stack_actions.fold.isChecked()
    assert "Folding takes 14.0 GB." in words(able)


PROVED = Proof(
    names=("pirate",),
    receipts=(),
    check=StackCheck(modules=120, worst_module="q", worst_error=3.7e-3, allowed=7.8e-3),
    moved=14.21,
    base_is_back=True,
)
DEAD = Proof(names=("dead",), receipts=(), check=None, why_unchecked="No formula.", moved=0.0, base_is_back=False)


def table_of(window):
    dialog = window.findChild(ProofDialog)
    table = dialog.findChild(QTableWidget)
    return dialog, [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def test_a_proof_opens_its_table(able, session):
    able.stack_actions.prove.trigger()
    assert session.last("prove_stack") == ()
    session.tools.proved.emit(Proved((DEAD,), ""))
    dialog, rows = table_of(able)
    assert dialog.isVisible()
    assert rows == [["dead", "", "0", "not checked", "", "NO", "NO"]]
    assert "This does not hold: dead. See its row below." in words(dialog)
    session.tools.proved.emit(Proved((), ""))
    assert "There is no adapter on the stack, so there is nothing to verify." in words(dialog)
    dialog.close()


def test_an_export_goes_where_the_user_says(able, session, monkeypatch):
    asked = []

    def choose(parent, title, start, **_):
        asked.append(start)
        return f"{start} é", ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    able.stack_actions.export_adapter.trigger()
    able.stack_actions.export_model.trigger()
    one, merged = [args[0] for name, args in session.asked if name == "export_stack"]
    assert (one.what, merged.what) == ("adapter", "model")
    assert one.folder == str(session.home.loras / "stack é")
    assert merged.folder == str(session.home.models / "stack é")
    session.asked.clear()
    session.tools.exported.emit(ExportReport(folder=one.folder, bytes=1_500_000))
    assert f"Written to {one.folder}" in words(able)
    assert [name for name, _ in session.asked] == ["list_library"]


def test_an_export_that_is_not_named_is_not_asked_for(able, session, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    able.stack_actions.export_adapter.trigger()
    assert session.last("export_stack") is None


def test_what_the_stack_does_is_told_until_it_is_changed(able, session):
    able.begin(None, gallery.rows()[:2])
    session.tools.moved.emit(7.2512)
    assert "Moves the next token's logits by up to 7.25" in words(able)
    session.tools.moved.emit(0.0)
    assert "This stack changed nothing on a short prompt." in words(able)
    session.tools.moved.emit(float("nan"))
    assert "Lower the weights." in words(able)
    able.stack._on_mute_toggled(True)
    session.tools.moved.emit(0.0)
    assert "changed nothing" not in words(able)
