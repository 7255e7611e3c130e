"""Notes about adapters: kept in one file, by the folder itself, and never lost to a damaged file."""

from __future__ import annotations

import json

import pytest

from desktop.library.adapter_notes import FILE, AdapterNote, adapter_key, read_notes, write_note

NOTE = AdapterNote(notes="Speaks like a sailor.", weight=0.8, trigger="arr")


def test_nothing_is_kept_at_first(tmp_path):
    assert read_notes(tmp_path) == ({}, "")
    assert not list(tmp_path.iterdir())


def test_what_is_kept_comes_back(tmp_path):
    write_note(tmp_path, "a", NOTE)
    assert write_note(tmp_path, "b", AdapterNote(weight=-1.0)) == ({"a": NOTE, "b": AdapterNote(weight=-1.0)}, "")
    assert read_notes(tmp_path)[0]["a"] == NOTE


def test_an_empty_note_is_forgotten(tmp_path):
    write_note(tmp_path, "a", NOTE)
    write_note(tmp_path, "a", AdapterNote())
    assert json.loads((tmp_path / FILE).read_text("utf-8")) == {}


def test_a_link_and_its_folder_are_one_adapter(tmp_path):
    folder = tmp_path / "pirate"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    assert adapter_key(str(tmp_path / "link")) == adapter_key(str(folder))


def test_a_name_that_is_no_unicode_can_be_kept(tmp_path):
    key = adapter_key("/loras/\udcff")
    write_note(tmp_path, key, NOTE)
    assert read_notes(tmp_path)[0] == {key: NOTE}


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"a": {"weight": "heavy"}}', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_kept_and_said(tmp_path, damage):
    (tmp_path / FILE).write_bytes(damage)
    notes, notice = write_note(tmp_path, "a", NOTE)
    aside = tmp_path / "adapter_notes.broken.json"
    assert notes == {"a": NOTE}
    assert notice == f"The notes about adapters could not be read. They were kept as {aside}."
    assert aside.read_bytes() == damage
    (tmp_path / FILE).write_bytes(damage)
    read_notes(tmp_path)
    assert (tmp_path / "adapter_notes.broken-2.json").read_bytes() == damage


def test_a_file_that_cannot_be_read_is_not_written_over(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(OSError, match=FILE):
        write_note(tmp_path, "a", NOTE)
    assert (tmp_path / FILE).is_dir()
