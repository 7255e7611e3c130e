"""Conversations on the disk: found whatever the accents, damage set aside, nothing overwritten, out and in again."""

from __future__ import annotations

import json
import os

import msgspec
import pytest

from desktop.library.conversation import change, messages_of, new_conversation
from desktop.library.conversation_formats import export_conversation, import_conversations
from desktop.library.conversations import (
    ConversationError,
    delete_conversation,
    list_conversations,
    read_conversation,
    save_conversation,
)
from tests.library.test_conversation_tree import talk, texts


def kept(folder, *said, **values):
    made = change(talk(*said), **values)
    save_conversation(folder, made)
    return made


def found(folder, search=""):
    return [entry.title for entry in list_conversations(folder, search)[0]]


def test_the_list_is_there_before_anything_is(tmp_path):
    assert list_conversations(tmp_path / "nowhere") == ([], [])


def test_search_looks_at_titles_and_texts_and_not_at_accents(tmp_path):
    kept(tmp_path, "Où est l'École ?", "À côté.", title="Une ville")
    kept(tmp_path, "Where is the sea?", "STRASSE by the sea", title="Sea")
    (tmp_path / "2026-11-25.jsonl").write_text("{}\n")
    assert sorted(found(tmp_path)) == ["Sea", "Une ville"]
    assert found(tmp_path, "ecole") == ["Une ville"]
    assert found(tmp_path, "ÉCOLE ville") == ["Une ville"]
    assert found(tmp_path, "straße") == ["Sea"]
    assert found(tmp_path, "ecole sea") == []
    ((entry,), _) = list_conversations(tmp_path, "cote")
    assert (entry.found, entry.messages) == ("À côté.", 2)


def test_a_damaged_file_is_set_aside_and_named(tmp_path):
    made = kept(tmp_path, "one")
    (tmp_path / "20260101-000000-aaaaaaaa.json").write_bytes(b'{"id": 3')
    entries, told = list_conversations(tmp_path)
    assert [entry.id for entry in entries] == [made.id]
    aside = tmp_path / "20260101-000000-aaaaaaaa.broken.json"
    assert aside.read_bytes() == b'{"id": 3'
    assert str(aside) in told[0]
    assert list_conversations(tmp_path)[1] == []


def test_a_file_of_a_newer_program_is_left_alone(tmp_path):
    made = msgspec.structs.replace(talk("one"), format=2)
    save_conversation(tmp_path, made)
    with pytest.raises(ConversationError, match="newer version"):
        read_conversation(tmp_path, made.id)
    assert (tmp_path / f"{made.id}.json").exists()


def test_saving_fails_whole_and_says_so(tmp_path, monkeypatch):
    made = kept(tmp_path, "one")

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(ConversationError, match="No space"):
        save_conversation(tmp_path, change(made, title="two"))
    monkeypatch.undo()
    assert read_conversation(tmp_path, made.id) == made
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_deleted_lies_in_the_trash(tmp_path):
    made = kept(tmp_path / "c", "one")
    first = delete_conversation(tmp_path / "c", tmp_path / "trash", made.id)
    save_conversation(tmp_path / "c", made)
    second = delete_conversation(tmp_path / "c", tmp_path / "trash", made.id)
    assert first != second
    assert msgspec.json.decode(first.read_bytes(), type=type(made)) == made
    with pytest.raises(ConversationError, match="not there any more"):
        read_conversation(tmp_path / "c", made.id)


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "a.json"])
def test_an_id_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(ConversationError):
        save_conversation(tmp_path, msgspec.structs.replace(new_conversation(), id=name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["json", "markdown", "sharegpt"])
def test_out_and_in_again(tmp_path, format):
    made = change(talk("one", "```\n# two\n```", "three"), system="Be brief.", title="T")
    export_conversation(made, tmp_path / "x", format)
    (again,) = import_conversations(tmp_path / "x")
    assert again.id != made.id
    assert (messages_of(again), again.title) == (messages_of(made), "T")


def test_other_programs_conversations_come_in(tmp_path):
    file = tmp_path / "x.jsonl"
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "tool", "content": "t"}]
    file.write_text("\n".join(json.dumps({"messages": turns}) for _ in range(2)))
    first, second = import_conversations(file)
    assert (texts(first), first.system, second.system) == (["a"], "s", "s")
    file.write_text(json.dumps(turns))
    assert texts(import_conversations(file)[0]) == ["a"]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\xfe", b"plain words", b'{"conversations": [{"from": 3}]}']
)
def test_what_is_no_conversation_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ConversationError, match="x holds no conversation"):
        import_conversations(tmp_path / "x")
