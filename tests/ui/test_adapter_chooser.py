"""The adapter chooser: quick with a thousand, filtered, by keyboard; broken ones say why."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QLineEdit, QTableView

from desktop.library.adapters import AdapterEntry
from desktop.library.fit import Fit
from desktop.session.plans import State
from desktop.ui.adapter_table import AdapterTable
from tests.ui import gallery
from tests.ui.hands import CONTROL, find, key, press, sees, type_text, until, words


def entries(count):
    return [
        AdapterEntry(
            name=f"adapter-{number:04}", path=f"/library/loras/adapter-{number:04}", kind="LoRA", rank=8,
            size=1_000_000, base_model="some/base" if number % 2 else "other/model",
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture
def chooser(window, session):
    """Open on three adapters, of which the last is broken."""
    broken = AdapterEntry(name="broken", path="/library/loras/broken", problem="adapter_config.json is no JSON.")
    session.adapters_listed.emit([*entries(2), broken])
    key(window, Qt.Key.Key_L, CONTROL)
    until(window.dialogs.chooser.isActiveWindow)
    return window.dialogs.chooser


def view_of(chooser):
    return find(chooser, "Adapters of the library", QTableView)


def shown(chooser):
    model = view_of(chooser).model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def added(session):
    args = session.last("set_rows")
    return [row.name for row in args[0]] if args else []


def test_enter_adds_the_first_that_is_left(chooser, session):
    type_text(find(chooser, "Filter", QLineEdit), "0001")
    assert shown(chooser) == ["adapter-0001"]
    key(chooser, Qt.Key.Key_Return)
    assert added(session) == ["adapter-0001"]
    assert not chooser.isVisible()


def test_the_filter_looks_at_the_base_too(chooser):
    type_text(find(chooser, "Filter", QLineEdit), "SOME/")
    assert shown(chooser) == ["adapter-0001"]


def test_arrows_move_in_the_list_from_the_filter(chooser, session):
    find(chooser, "Filter", QLineEdit).setFocus()
    key(chooser, Qt.Key.Key_Down)
    key(chooser, Qt.Key.Key_Return)
    assert added(session) == ["adapter-0001"]


def test_a_double_click_adds_once(chooser, session):
    view = view_of(chooser)
    place = view.visualRect(view.model().index(0, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert added(session) == ["adapter-0000"]


def test_several_are_added_together(chooser, session):
    view_of(chooser).setFocus()
    view_of(chooser).selectAll()
    press(chooser, "Add")
    assert added(session) == ["adapter-0000", "adapter-0001"]


def test_a_broken_one_is_greyed_with_its_reason(chooser, session):
    type_text(find(chooser, "Filter", QLineEdit), "broken")
    model = view_of(chooser).model()
    assert not model.flags(model.index(0, 0)) & Qt.ItemFlag.ItemIsEnabled
    assert "adapter_config.json is no JSON." in words(chooser)
    assert not find(chooser, "Add").isEnabled()
    key(chooser, Qt.Key.Key_Return)
    assert added(session) == []


def test_nothing_left_adds_nothing(chooser, session):
    type_text(find(chooser, "Filter", QLineEdit), "nothing like it")
    assert shown(chooser) == []
    assert not find(chooser, "Add").isEnabled()


def test_escape_closes_it(chooser, session):
    key(chooser, Qt.Key.Key_Escape)
    assert not chooser.isVisible()
    assert session.last("cancel") is None, "it ended a job of the window behind"


def test_an_empty_library_says_what_to_do(window, session):
    session.adapters_listed.emit([])
    key(window, Qt.Key.Key_L, CONTROL)
    assert "The library holds no adapters yet." in words(window.dialogs.chooser)
    session.adapters_listed.emit(entries(1))
    assert "no adapters yet" not in words(window.dialogs.chooser)


def test_a_thousand_are_listed_and_filtered(window, session):
    session.adapters_listed.emit(entries(1000))
    key(window, Qt.Key.Key_L, CONTROL)
    chooser = window.dialogs.chooser
    type_text(find(chooser, "Filter", QLineEdit), "0999")
    assert shown(chooser) == ["adapter-0999"]


def test_the_choice_stays_when_the_library_is_read_again(chooser, session):
    find(chooser, "Filter", QLineEdit).setFocus()
    key(chooser, Qt.Key.Key_Down)
    session.adapters_listed.emit(entries(3))
    key(chooser, Qt.Key.Key_Return)
    assert added(session) == ["adapter-0001"]


def test_hostile_names_are_text(window, session):
    entry = AdapterEntry(name=gallery.HOSTILE, path="/h", problem=gallery.HOSTILE)
    session.adapters_listed.emit([entry])
    key(window, Qt.Key.Key_L, CONTROL)
    index = view_of(window.dialogs.chooser).model().index(0, 0)
    assert index.data() == gallery.HOSTILE
    assert "<qt>&lt;b&gt;bold?" in index.data(Qt.ItemDataRole.ToolTipRole)


def test_the_list_is_read_when_it_is_not_open(window, session):
    session.adapters_listed.emit(entries(1))
    assert not sees(window, "Adapters of the library")


FITS, MISFIT, UNKNOWN = Fit("fits"), Fit("misfit", "its q_proj is 4096 wide"), Fit("unknown", "It is a .bin file.")


@pytest.fixture
def fitting(window, session):
    """Open on four adapters and a base, with only those that fit it."""
    session.adapters_listed.emit(entries(4))
    session.become(State.READY, gallery.loaded())
    key(window, Qt.Key.Key_L, CONTROL)
    until(window.dialogs.chooser.isActiveWindow)
    find(window.dialogs.chooser, "Fits this base", QCheckBox).toggle()
    return window.dialogs.chooser


def paths(*numbers):
    return tuple(f"/library/loras/adapter-{number:04}" for number in numbers)


def verdicts(chooser):
    model = view_of(chooser).model()
    return [model.index(row, 4).data() for row in range(model.rowCount())]


def test_without_a_base_there_is_nothing_to_fit(chooser):
    box = find(chooser, "Fits this base", QCheckBox)
    assert not box.isEnabled()
    assert box.toolTip() == "Load a base model first."


def test_what_does_not_fit_the_base_is_hidden(fitting, session):
    assert session.last("judge_fits") == (paths(0, 1, 2, 3),)
    assert shown(fitting) == []
    assert "4 still to be compared" in words(fitting)
    session.fits_judged.emit(gallery.MODEL, dict(zip(paths(0, 1), (MISFIT, FITS), strict=True)))
    session.fits_judged.emit(gallery.MODEL, dict(zip(paths(2, 3), (MISFIT, UNKNOWN), strict=True)))
    assert shown(fitting) == ["adapter-0001", "adapter-0003"]
    assert verdicts(fitting) == ["fits", "not sure"]
    assert "still to be compared" not in words(fitting)
    key(fitting, Qt.Key.Key_Return)
    assert added(session) == ["adapter-0001"]


def test_both_filters_count(fitting, session):
    session.fits_judged.emit(gallery.MODEL, dict.fromkeys(paths(0, 1, 2), FITS))
    type_text(find(fitting, "Filter", QLineEdit), "some/")
    assert shown(fitting) == ["adapter-0001"]


def test_the_choice_stays_as_verdicts_come(fitting, session):
    session.fits_judged.emit(gallery.MODEL, dict.fromkeys(paths(0, 1), FITS))
    view_of(fitting).setFocus()
    view_of(fitting).selectAll()
    session.fits_judged.emit(gallery.MODEL, dict.fromkeys(paths(2, 3), FITS))
    assert [entry.name for entry in fitting._chosen()] == ["adapter-0000", "adapter-0001"]


def test_none_that_fits_is_said(fitting, session):
    session.fits_judged.emit(gallery.MODEL, dict.fromkeys(paths(0, 1, 2, 3), MISFIT))
    assert "No adapter of the library fits this base." in words(fitting)
    assert not find(fitting, "Add").isEnabled()


def test_verdicts_about_another_base_are_dropped(fitting, session):
    session.fits_judged.emit("/another/model", dict.fromkeys(paths(0, 1), FITS))
    assert shown(fitting) == []
    session.model_unloaded.emit()
    assert len(shown(fitting)) == 4


def test_only_what_is_new_is_compared_again(fitting, session):
    session.fits_judged.emit(gallery.MODEL, dict.fromkeys(paths(0, 1, 2, 3), FITS))
    before = len([verb for verb, _ in session.asked if verb == "judge_fits"])
    session.adapters_listed.emit(entries(5))
    assert session.last("judge_fits") == (paths(4),)
    fitting.reject()
    session.adapters_listed.emit(entries(6))
    assert len([verb for verb, _ in session.asked if verb == "judge_fits"]) == before + 1, "nobody looks"


def test_of_a_thousand_only_what_is_seen_is_asked_for(window, session, monkeypatch):
    texts = []
    plain = AdapterTable._text
    monkeypatch.setattr(AdapterTable, "_text", lambda self, *args: texts.append(args) or plain(self, *args))
    session.become(State.READY, gallery.loaded())
    session.adapters_listed.emit(entries(1000))
    assert texts == [], "the library was listed while the chooser was closed"
    key(window, Qt.Key.Key_L, CONTROL)
    chooser = window.dialogs.chooser
    until(chooser.isActiveWindow)
    find(chooser, "Fits this base", QCheckBox).toggle()
    for number in range(0, 1000, 50):
        session.fits_judged.emit(gallery.MODEL, dict.fromkeys(paths(*range(number, number + 50)), FITS))
    QTest.qWait(1)
    assert len(shown(chooser)) == 1000
    assert len({entry.path for entry, _ in texts[:-1000]}) < 100
