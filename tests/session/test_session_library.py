"""What the session keeps and compares for the stack panel: notes about adapters, and whether many fit the model."""

from __future__ import annotations

from desktop.library.adapter_notes import AdapterNote, adapter_key, read_notes
from tests.ui.hands import until

NOTE = AdapterNote(trigger="arr", weight=0.6)


def test_a_note_is_there_for_the_next_window(session):
    told = []
    session.notes_known.connect(told.append)
    session.keep_note("/loras/pirate", NOTE)
    session.read_notes()
    until(lambda: len(told) == 2)
    assert told[-1] == {adapter_key("/loras/pirate"): NOTE}
    assert read_notes(session.home.root) == (told[-1], "")


def test_damaged_notes_are_told_once(session):
    session.home.root.mkdir(parents=True, exist_ok=True)
    (session.home.root / "adapter_notes.json").write_bytes(b"{")
    told, said = [], []
    session.notes_known.connect(told.append)
    session.notes_failed.connect(said.append)
    session.read_notes()
    session.read_notes()
    until(lambda: len(told) == 2)
    assert len(said) == 1
    assert "They were kept as" in said[0]


def test_adapters_are_compared_with_the_model_that_is_loaded(loaded, tmp_path):
    told = []
    loaded.fits_judged.connect(lambda base, fits: told.append((base, fits)))
    loaded.judge_fits((str(tmp_path / "nothing"),))
    until(lambda: told)
    base, fits = told[0]
    assert base == loaded.loaded.info.path
    assert fits[str(tmp_path / "nothing")].verdict == "unknown"


def test_without_a_model_nothing_is_compared(session, tmp_path):
    told = []
    session.fits_judged.connect(lambda *args: told.append(args))
    session.fit_judged.connect(lambda *args: told.append(args))
    session.judge_fits((str(tmp_path),))
    session.read_notes()
    session._reader.judge_fit(str(tmp_path), str(tmp_path))
    until(lambda: told)
    assert len(told) == 1
