"""The library's place by clicks and keys: finding, sorting, grouping, details, and what is asked of the session."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit, QTabBar, QTableView

from desktop.library.adapter_notes import adapter_key
from desktop.library.fit import Fit
from desktop.library.shelf.marks import Mark
from desktop.session.plans import State
from tests.ui import gallery, library_states
from tests.ui.hands import choose, click, find, key, press, sees, type_text, until, until_said, words

TABLE = "Models and adapters of the library"


@pytest.fixture
def library(window, session):
    """The library's place with everything in it."""
    bar = next(bar for bar in window.findChildren(QTabBar) if bar.accessibleName() == "Places")
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(1).center())
    library_states.library_full(window, session)
    return window


def table(window):
    return find(window, TABLE, QTableView)


def column(view, number=0):
    model = view.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def pick(window, name):
    """Click the row of that name."""
    view = table(window)
    row = next(row for row, text in enumerate(column(view)) if text.removeprefix("★ ") == name)
    view.scrollTo(view.model().index(row, 0))
    QTest.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(view.model().index(row, 0)).center()
    )


def asked(session, verb):
    return [args for name, args in session.asked if name == verb]


def test_built_when_visited_and_read_then(window, session):
    assert window.library is None
    before = len(asked(session, "list_library"))
    window.places.show_place("library")
    assert window.library is not None
    assert len(asked(session, "list_library")) == before + 1
    assert asked(session, "shelf.open_shelf")
    assert asked(session, "downloads.tell_all")
    assert asked(session, "downloads.begin")


def test_found_as_one_types_by_any_fact(library):
    box = find(library, "Find in the library", QLineEdit)
    for text, names in (
        ("LLAMA-7b hf", {"llama-7b-hf", "tloen_alpaca-lora-7b"}),
        ("sailor", {"★ pirate"}),
        ("style", {"★ pirate"}),
        ("cc-by-nc", {library_states.LONG}),
    ):
        box.clear()
        type_text(box, text)
        assert set(column(table(library))) == names, text
    box.clear()
    type_text(box, "sailor llama")
    assert not sees(library, TABLE)
    assert "Nothing in the library is like that" in words(library)
    assert "0 of 12" in words(library)


def test_kinds_and_favourites(library):
    choose(find(library, "What to show", QComboBox), "Models")
    assert len(column(table(library))) == 4
    choose(find(library, "What to show", QComboBox), "Adapters")
    assert len(column(table(library))) == 8
    click(find(library, "Favourites"))
    assert column(table(library)) == ["★ pirate"]


def test_sorted_by_a_click_on_a_title_and_what_is_chosen_stays(library):
    pick(library, "pirate")
    view = table(library)
    header = view.horizontalHeader()

    def click_title(number):
        place = QPoint(header.sectionViewportPosition(number) + 10, 5)
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)

    click_title(2)
    sizes = [item.size for item in map(view.model()._shown.__getitem__, range(12))]
    assert sizes == sorted(sizes)
    click_title(2)
    assert [item.size for item in view.model()._shown] == sorted(sizes, reverse=True)
    assert view.chosen().name == "pirate"
    view.sortByColumn(7, Qt.SortOrder.AscendingOrder)
    assert column(view)[:2] == ["★ pirate", "SmolLM2-135M"]


def test_grouped_by_base_with_headings_that_are_not_chosen(library):
    click(find(library, "Group by base"))
    names = column(table(library))
    assert names[0] == "HuggingFaceTB/SmolLM2-135M-Instruct (5)"
    assert names[1] == "SmolLM2-135M"
    assert "huggyllama/llama-7b (3)" in names
    assert names[-3] == "Base not named (2)"
    view = table(library)
    view.setCurrentIndex(view.model().index(1, 0))
    view.setFocus()
    seen = [view.chosen().name]
    for _ in range(11):
        key(library, Qt.Key.Key_Down)
        seen.append(view.chosen().name)
    assert len(set(seen)) == 12


def test_verdicts_come_for_the_loaded_base_and_go_with_it(library, session):
    view = table(library)
    assert view.isColumnHidden(3)
    session.become(State.READY, gallery.loaded())
    paths = asked(session, "judge_fits")[-1][0]
    assert len(paths) == 7
    assert not any("broken" in path for path in paths)
    session.fits_judged.emit(gallery.MODEL, {paths[0]: Fit("fits"), paths[1]: Fit("misfit", "too wide")})
    assert {"fits", "does not fit", "can't be used"} <= set(column(view, 3))
    session.become(State.EMPTY)
    session.model_unloaded.emit()
    assert view.isColumnHidden(3)


def test_details_of_an_adapter_and_of_a_model(library, session):
    pick(library, "pirate")
    until(lambda: asked(session, "shelf.read_card"))
    path = library_states.items()[4].path
    assert asked(session, "shelf.read_card")[-1] == (path,)
    until(lambda: (path,) in asked(session, "inspect_adapter"))
    session.adapter_inspected.emit(path, gallery.inspection(gallery.rows()[0]))
    until_said(library, "8, 16 (down_proj 8)")
    for text in ("sea, style", "arr matey", "0.60", "today"):
        assert text in words(library)
    pick(library, "huggyllama_llama-7b")
    until_said(library, "13.5 GB")
    assert find(library, "Choose as base").isEnabled()
    assert "the machine has" in words(library) or "larger than the machine's memory" in words(library)
    pick(library, "pirate-run/checkpoint-200")
    assert "checkpoint-90, checkpoint-200" in words(library)
    pick(library, "llama-7b-hf")
    assert "2 of 33 weight files are missing" in words(library)
    assert not find(library, "Choose as base").isEnabled()


def test_put_to_use_by_a_button_and_by_enter(library, session):
    pick(library, "pirate")
    press(library, "Add to stack")
    assert [row.name for row in library.stack.rows()] == ["pirate"]
    pick(library, "SmolLM2-135M")
    table(library).setFocus()
    key(library, Qt.Key.Key_Return)
    assert library.base.plan().path == "/library/models/SmolLM2-135M"


def test_tags_and_favourites_are_kept(library, session):
    pick(library, "pirate")
    press(library, "Favourite")
    path = library_states.items()[4].path
    assert asked(session, "shelf.keep_favourite") == [(path, False)]
    box = find(library, "Tags", QLineEdit)
    box.clear()
    type_text(box, "sea, Sea, blue")
    key(library, Qt.Key.Key_Return)
    assert asked(session, "shelf.keep_tags") == [(path, ("Sea", "blue"))]
    session.library.shelf.marks_known.emit({adapter_key(path): Mark(tags=("Sea", "blue"))})
    assert "Sea, blue" in column(table(library), 8)
    box.clear()
    type_text(box, "half typed")
    pick(library, "français é 🙂")
    assert asked(session, "shelf.keep_tags")[-1] == (path, ("half typed",))
    assert find(library, "Tags", QLineEdit).text() == ""


def test_the_folder_is_shown_by_the_system(library, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    pick(library, "pirate")
    press(library, "Open folder")
    assert [url.scheme() for url in opened] == ["file"]


def test_a_card_is_text_that_loads_nothing(library, session, monkeypatch):
    library_states.library_card(library, session)
    card = library.library.details._card
    shown = card.toPlainText()
    assert '<script>alert("no")</script>' in shown
    assert "rank" in shown
    for name in ("file:///etc/passwd", "https://example.com/ship.png", "README.md"):
        assert card.loadResource(QTextDocument.ResourceType.ImageResource.value, QUrl(name)) is None
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    for address in ("file:///etc/passwd", "javascript:alert(1)", "vscode://x", "https://example.com"):
        card.anchorClicked.emit(QUrl(address))
    assert [url.toString() for url in opened] == ["https://example.com"]
    session.library.shelf.card_read.emit("/another", "# Too late")
    assert "Too late" not in card.toPlainText()


def test_notes_are_kept_of_a_model_too(library, session):
    pick(library, "SmolLM2-135M")
    press(library, "Notes...")
    dialog = library.library.notes
    type_text(find(dialog, "Notes"), "quick")
    press(dialog, "Save")
    path, note = asked(session, "keep_note")[-1]
    assert (path, note.notes) == ("/library/models/SmolLM2-135M", "quick")


def test_an_empty_library_says_what_to_do(window, session):
    library_states.library_empty(window, session)
    assert "The library is empty." in words(window)
    assert not sees(window, TABLE)


def test_made_ahead_piece_by_piece_or_at_the_visit(window):
    made = 0
    while window._make_library_part():
        made += 1
        if made == 3:
            break
    assert made == 3
    assert window.library is None
    assert not sees(window, TABLE)
    before = window._library_parts
    window.places.show_place("library")
    assert window.library.place is before.place
    assert sees(window, TABLE)
    assert not window._make_library_part()
