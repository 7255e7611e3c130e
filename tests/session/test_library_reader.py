"""What the reader's thread does for the window: many verdicts in portions, and the notes about adapters."""

from __future__ import annotations

import threading

import pytest

from desktop.library.adapter_notes import AdapterNote, adapter_key
from desktop.library.fit import Fit
from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session import library_reader
from desktop.session.lane import Lane
from desktop.session.library_reader import PORTION, LibraryReader
from desktop.session.note_keeper import NoteKeeper
from tests.ui.hands import until


class NoLoaders:
    """Nobody is asked here."""

    def close(self):
        """Nothing was started."""


@pytest.fixture
def judged_on(monkeypatch):
    """The names of the threads on which an adapter was judged."""
    threads = []

    class Judge:
        def judge(self, adapter, model):
            threads.append(threading.get_ident())
            return Fit("fits") if adapter.name.endswith("0") else Fit("misfit", "too wide")

    monkeypatch.setattr(library_reader, "FitJudge", Judge)
    return threads


@pytest.fixture
def reader(application, tmp_path, judged_on):
    """A reader, and what it told of fits."""
    reader = LibraryReader(Home(tmp_path), Settings(), NoLoaders())
    reader.told = []
    reader.fits_judged.connect(lambda model, fits: reader.told.append((model, fits)))
    yield reader
    reader.shut_down()


def test_a_thousand_verdicts_come_in_portions_from_another_thread(reader, judged_on):
    paths = [f"/loras/{number}" for number in range(1000)]
    reader.judge_fits(paths, "/model")
    until(lambda: sum(len(fits) for _, fits in reader.told) == 1000)
    assert max(len(fits) for _, fits in reader.told) == PORTION
    assert [path for _, fits in reader.told for path in fits] == paths
    assert reader.told[0][1]["/loras/0"] == Fit("fits")
    assert {model for model, _ in reader.told} == {"/model"}
    assert threading.get_ident() not in judged_on


def test_one_verdict_does_not_wait_for_a_thousand(reader, judged_on):
    alone = []
    reader.fit_judged.connect(lambda *verdict: alone.append(len(judged_on)))
    reader.judge_fits([f"/loras/{number}" for number in range(1000)], "/model")
    reader.judge_fit("/loras/x", "/model")
    until(lambda: alone)
    assert alone[0] <= 3 * PORTION


def test_another_question_takes_the_place_of_the_first(reader, judged_on):
    reader.judge_fits([f"/loras/{number}" for number in range(1000)], "/model")
    reader.judge_fits(["/loras/y"], "/other")
    until(lambda: ("/other", {"/loras/y": Fit("misfit", "too wide")}) in reader.told)
    assert len(judged_on) <= PORTION + 1


@pytest.fixture
def keeper(application, tmp_path):
    """A keeper of notes, and what it told."""
    lane = Lane("files")
    keeper = NoteKeeper(tmp_path, lane)
    keeper.told, keeper.said = [], []
    keeper.notes_known.connect(keeper.told.append)
    keeper.notes_failed.connect(keeper.said.append)
    yield keeper
    lane.shut_down()


def test_a_note_is_kept_and_told(keeper, tmp_path):
    note = AdapterNote(trigger="arr")
    keeper.keep("/loras/pirate", note)
    keeper.read()
    until(lambda: len(keeper.told) == 2)
    assert keeper.told == [{adapter_key("/loras/pirate"): note}] * 2
    assert keeper.said == []


def test_a_note_that_cannot_be_kept_is_said(application, keeper, tmp_path):
    (tmp_path / "adapter_notes.json").mkdir()
    keeper.keep("/loras/pirate", AdapterNote(trigger="arr"))
    until(lambda: keeper.said)
    assert keeper.said[0].startswith("The notes about adapters can't be kept (")
    assert keeper.told == []
