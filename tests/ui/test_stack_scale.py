"""Sixteen adapters on the stack and a thousand in the library: what a change costs is counted, not timed."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.api import AttachReceipt, Lora
from desktop.library.adapters import AdapterEntry
from desktop.library.fit import FitJudge
from desktop.session.plans import StackReport, State
from desktop.ui import stack_list
from desktop.ui.stack_row import StackRow
from tests.ui import gallery
from tests.ui.hands import press, until

ROWS = tuple(Lora(id=f"ad_{number}", name=f"adapter {number}", path=f"/loras/{number}") for number in range(16))


class Events(QObject):
    """Counts the events of the rows, by type and place in the stack; what lies inside them is left."""

    def __init__(self, window):
        super().__init__()
        self.counted = Counter()
        self._panel = window.stack
        QApplication.instance().installEventFilter(self)

    def eventFilter(self, watched, event):  # noqa: N802 - Qt's name
        if isinstance(watched, StackRow) and watched in self._panel._list.rows():
            self.counted[event.type()] += 1
        return False

    def of(self, act):
        """What the rows hear while something is done, until all is drawn."""
        QTest.qWait(50)
        self.counted.clear()
        act()
        for _ in range(3):
            QApplication.processEvents()
        return Counter(self.counted)


@pytest.fixture
def made(monkeypatch):
    """The rows that are made."""
    made = []
    plain = StackRow.__init__

    def count(self, *args):
        made.append(self)
        plain(self, *args)

    monkeypatch.setattr(StackRow, "__init__", count)
    return made


@pytest.fixture
def full(made, window, session, monkeypatch):
    """A model, sixteen adapters attached, a thousand in the library, and one row made ahead."""

    def never(*_):
        raise AssertionError("a fit is judged on the GUI thread")

    monkeypatch.setattr(FitJudge, "judge", never)
    entries = [AdapterEntry(name=f"adapter {number}", path=f"/loras/{number}") for number in range(1000)]
    session.adapters_listed.emit(entries)
    session.become(State.READY, gallery.loaded())
    window.stack.show_rows(ROWS)
    receipts = tuple(AttachReceipt(id=row.id, name=row.name, rank=16) for row in ROWS)
    session.stack_changed.emit(StackReport(rows=ROWS, receipts=receipts))
    until(lambda: window.stack._list._spares)
    return window


@pytest.fixture
def events(full):
    events = Events(full)
    yield events
    QApplication.instance().removeEventFilter(events)


def test_the_next_row_is_made_ahead(full, made, session):
    before = len(made)
    assert before == 17
    full.stack.add("/loras/16")
    assert len(made) == before, "it was made when it was wanted"
    assert full.stack._list.rows()[-1] is made[-1]
    assert session.last("set_rows")[0][-1].name == "16"
    until(lambda: full.stack._list._spares)
    assert len(made) == before + 1


def test_rows_that_were_taken_off_are_used_again(full, made):
    full.stack.show_rows(())
    full.stack.show_rows(ROWS)
    full.stack.show_rows(ROWS[:3])
    full.stack.show_rows(ROWS)
    assert len(made) == 17
    assert [row.row for row in full.stack._list.rows()] == list(ROWS)
    assert len(full.stack._list._spares) <= stack_list.READY


def test_a_row_that_is_used_again_shows_nothing_of_the_one_before(full, session):
    press(full, "Solo adapter 3")
    full.stack.show_rows(())
    full.stack.show_rows(tuple(Lora(id=f"x{number}", name="x", path="/x", weight=0.3) for number in range(16)))
    QTest.qWait(1)
    for row in full.stack._list.rows():
        assert (row.toolTip(), row._note.text(), row._solo.isChecked(), row._box.value()) == ("x", "", False, 0.3)
        assert {control.accessibleName().replace("x", "") for control in row.controls()} == {
            " acts", "Solo ", "More about ", "Take  off", "Weight of ", "Weight of  as a number",
        }  # fmt: skip


def test_one_more_leaves_the_others_where_they_are(full, events):
    heard = events.of(lambda: full.stack.add("/loras/16"))
    new = 2  # the row that is new may be put and sized twice
    assert heard[QEvent.Type.Resize] <= new
    assert heard[QEvent.Type.Move] <= new
    assert heard[QEvent.Type.LayoutRequest] <= new


def test_a_receipt_for_one_more_lays_one_row_out(full, events, session):
    full.stack.add("/loras/16")
    rows = full.stack.rows()
    receipts = tuple(AttachReceipt(id=row.id, name=row.name, rank=16) for row in rows)
    heard = events.of(lambda: session.stack_changed.emit(StackReport(rows=rows, receipts=receipts)))
    assert heard[QEvent.Type.Resize] <= 2
    assert heard[QEvent.Type.ToolTipChange] == 1


def test_the_same_receipts_again_change_nothing(full, events, session):
    report = full.stack.report()
    heard = events.of(lambda: session.stack_changed.emit(report))
    assert not heard & Counter({QEvent.Type.Resize: 1, QEvent.Type.LayoutRequest: 1, QEvent.Type.ToolTipChange: 1})


def test_solo_and_mute_move_nothing(full, events, session):
    for name in ("Mute all", "Solo adapter 0", "Solo adapter 1"):
        before = len([verb for verb, _ in session.asked if verb == "set_rows"])
        heard = events.of(lambda name=name: press(full, name))
        assert not heard[QEvent.Type.Resize] + heard[QEvent.Type.Move], name
        assert len([verb for verb, _ in session.asked if verb == "set_rows"]) == before + 1


def test_a_thousand_listed_again_touches_no_row(full, events, session):
    entries = [AdapterEntry(name=f"adapter {number}", path=f"/loras/{number}") for number in range(1000)]
    assert not events.of(lambda: session.adapters_listed.emit(entries))
