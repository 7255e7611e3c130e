"""The reply log: a reply is found again by its id, and a damaged line costs no other."""

from __future__ import annotations

import pytest

from desktop.library.replies import (
    LoggedReply,
    ReplyNotFound,
    append_reply,
    find_reply,
    new_id,
    read_replies,
    time_now,
)
from desktop.prompting.recipe import Asked
from tests.prompting.test_recipe import RECIPE


def reply(text="Là.\n\u2028", reply_id=""):
    asked = Asked(prompt="Où?\n")
    return LoggedReply(id=reply_id or new_id(), time=time_now(), recipe=RECIPE, asked=asked, tokens=(1, 2), text=text)


def the_file(folder):
    (file,) = folder.iterdir()
    return file


def test_what_is_appended_is_found_again(tmp_path):
    folder = tmp_path / "conversations"
    day = "20261125-120000-0000000"
    replies = [reply(f"{number}", f"{day}{number}") for number in range(3)]
    for one in replies:
        append_reply(folder, one)
    assert the_file(folder).name == "2026-11-25.jsonl"
    assert [find_reply(folder, one.id) for one in replies] == replies
    assert read_replies(the_file(folder)) == (replies, 0)
    assert len(the_file(folder).read_text("utf-8").split("\n")) == 4


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path):
    first, second = reply("one", "20261125-120000-00000001"), reply("two", "20261125-120000-00000002")
    append_reply(tmp_path, first)
    append_reply(tmp_path, second)
    file = the_file(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    third = reply("three", "20261125-120000-00000003")
    append_reply(tmp_path, third)
    assert read_replies(file) == ([first, third], 1)
    assert find_reply(tmp_path, third.id) == third
    with pytest.raises(ReplyNotFound, match="no whole record"):
        find_reply(tmp_path, second.id)


def test_rubbish_in_the_middle_is_passed_over(tmp_path):
    first = reply("one", "20261125-120000-00000001")
    append_reply(tmp_path, first)
    with the_file(tmp_path).open("ab") as file:
        file.write(b'\xff\xfe{"id":\n\n[]\n')
    append_reply(tmp_path, reply("two", "20261125-120000-00000002"))
    assert [one.text for one in read_replies(the_file(tmp_path))[0]] == ["one", "two"]


@pytest.mark.parametrize("reply_id", ["", "../../etc/passwd", "20261125-120000-0000000g", "20261125-120000-00000009"])
def test_a_reply_nobody_logged_is_told(tmp_path, reply_id):
    with pytest.raises(ReplyNotFound):
        find_reply(tmp_path, reply_id)


def test_ids_are_not_given_twice():
    assert len({new_id() for _ in range(200)}) == 200
