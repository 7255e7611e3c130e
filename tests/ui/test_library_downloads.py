"""Downloads and the search of the hub in the window, by clicks and keys."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QStyleOptionViewItem, QTableView

from desktop.session.plans import State
from tests.ui import gallery, library_states, version_states
from tests.ui.hands import click, find, key, press, sees, type_text, words


@pytest.fixture
def library(window, session):
    library_states.library_full(window, session)
    return window


def asked(session, verb):
    return [args for name, args in session.asked if name == verb]


def cells(window, name):
    model = find(window, name, QTableView).model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())] for row in range(model.rowCount())
    ]


def take(session, number):
    session.library.downloads.entry_changed.emit(library_states.downloads()[number - 1])


def test_typed_and_downloaded_by_enter_and_by_the_button(library, session):
    box = find(library, "What to download", QLineEdit)
    assert not find(library, "Download").isEnabled()
    type_text(box, " tloen/alpaca-lora-7b ")
    key(library, Qt.Key.Key_Return)
    type_text(box, "https://huggingface.co/user/name")
    press(library, "Download")
    assert asked(session, "downloads.add") == [("tloen/alpaca-lora-7b",), ("https://huggingface.co/user/name",)]
    assert box.text() == ""


def test_what_cannot_be_a_name_is_told(library, session):
    session.library.downloads.refused.emit("'a b' is no name of a repository.")
    assert "'a b' is no name of a repository." in words(library)
    press(library, "Dismiss: What was done or refused")
    assert "no name of a repository" not in words(library)


def test_total_and_files_with_speed_and_time_left(library, session):
    assert not sees(library, "Downloads", QTableView)
    take(session, 2)
    assert cells(library, "Downloads") == [
        ["huggyllama/llama-7b", "downloading", "3.92 GB of 13.5 GB", "48.2 MB/s, 3 min left"],
        ["      model-00001-of-00002.safetensors", "", "3.12 GB of 9.98 GB", ""],
        ["      model-00002-of-00002.safetensors", "", "801 MB of 3.50 GB", ""],
    ]


def test_shards_can_be_told_apart_where_there_is_little_room(library, session):
    take(session, 2)
    view = find(library, "Downloads", QTableView)
    shown = []
    for row in (1, 2):
        option, index = QStyleOptionViewItem(), view.model().index(row, 0)
        view.itemDelegateForColumn(0).initStyleOption(option, index)
        shown.append(view.fontMetrics().elidedText(option.text, option.textElideMode, 190))
    assert all("…" in text for text in shown)
    assert "00001" in shown[0]
    assert "00002" in shown[1]
    assert shown[0] != shown[1]


@pytest.mark.parametrize(
    ("number", "button", "verb"),
    [(2, "Pause", "pause"), (3, "Resume", "resume"), (4, "Try again", "resume"), (2, "Cancel", "cancel"),
     (5, "Pause", "pause")],
)  # fmt: skip
def test_each_state_offers_what_can_be_done(library, session, number, button, verb):
    take(session, number)
    press(library, button)
    assert asked(session, f"downloads.{verb}") == [(number,)]


def test_an_older_version_is_updated_only_when_told_to(library, session):
    version_states.library_outdated(library, session)
    assert [row[1] for row in cells(library, "Downloads")] == ["up to date", "older version"]
    assert "the old files stay until the new ones are verified" in words(library)
    assert asked(session, "downloads.resume") == []
    press(library, "Update")
    assert asked(session, "downloads.resume") == [(6,)]


def test_a_newer_version_is_looked_for(library, session):
    library_states.library_details(library, session)
    press(library, "Look for a newer version")
    assert asked(session, "downloads.look_again") == [(library_states.items()[4].path,)]
    library.library.place.list.view.choose(library_states.items()[10].path)
    assert not find(library, "Look for a newer version").isEnabled(), "it lies elsewhere"


def test_the_chosen_one_stays_chosen_while_others_change(library, session):
    for number in range(1, 6):
        take(session, number)
    library.library.place.downloads._choose(4)
    assert "is gated" in words(library)
    running = library_states.downloads()[1]
    session.library.downloads.entry_changed.emit(msgspec.structs.replace(running, files=running.files[:1], eta=None))
    session.library.downloads.entry_changed.emit(msgspec.structs.replace(running, state="done", files=()))
    press(library, "Try again")
    assert asked(session, "downloads.resume") == [(4,)]
    session.library.downloads.entry_gone.emit(4)
    assert "is gated" not in words(library)


def test_what_is_complete_is_shown_and_cleared(library, session):
    take(session, 1)
    press(library, "Show in the library")
    assert library.library.place.list.view.chosen().name == "tloen_alpaca-lora-7b"
    press(library, "Clear completed")
    assert asked(session, "downloads.cancel") == [(1,)]
    session.library.downloads.entry_gone.emit(1)
    assert not sees(library, "Downloads", QTableView)


def test_the_base_of_an_adapter_is_offered(library, session):
    library_states.library_download_failed(library, session)
    assert "decapoda-research/llama-7b-hf (gone from the hub under that name)" in words(library)
    press(library, "Download huggyllama/llama-7b")
    assert asked(session, "downloads.add") == [("huggyllama/llama-7b",)]


def test_the_hub_is_asked_only_when_told_to(library, session):
    session.become(State.READY, gallery.loaded())
    library.library.place.show_hub()
    box = find(library, "Search the hub for", QLineEdit)
    type_text(box, "pirate")
    assert asked(session, "hub.search") == []
    key(library, Qt.Key.Key_Return)
    assert asked(session, "hub.search") == [("pirate", "adapter", True)]
    press(library, "Stop")
    assert asked(session, "hub.stop") == [()]
    click(find(library, "Fits this base"))
    press(library, "Search")
    assert asked(session, "hub.search")[-1] == ("pirate", "adapter", False)


def test_what_was_found_is_downloaded(library, session):
    library_states.library_hub(library, session)
    found = cells(library, "What the hub has")
    assert [row[:6] for row in found[:2]] == [
        ["someone/smollm2-pirate-lora", "adapter", "fits", "19.7 MB", "12,345", "apache-2.0"],
        ["someone/else", "adapter", "does not fit", "40.0 MB", "321", "mit"],
    ]
    assert found[2][1] == "adapter, gated"
    find(library, "What the hub has", QTableView).selectRow(1)
    press(library, "Download the chosen one")
    assert asked(session, "downloads.add") == [("someone/else",)]


def test_why_the_hub_did_not_answer(library, session):
    library_states.library_hub_failed(library, session)
    assert "can't be reached" in words(library)
    press(library, "Search")
    session.library.hub.told.emit("Too many requests. Trying again in 3 s.")
    assert "Trying again in 3 s." in words(library)
    session.library.hub.hits_found.emit(())
    assert "Nothing was found." in words(library)
