"""The keeper of conversations on its thread: what is asked comes to the disk, and what fails is told in words."""

from __future__ import annotations

import pytest

from desktop.api import Message
from desktop.library.conversation import change
from desktop.library.conversations import read_conversation
from desktop.session.conversation_keeper import ConversationKeeper
from tests.library.test_conversation_tree import talk, texts
from tests.ui.conftest import application  # noqa: F401 - a fixture
from tests.ui.hands import until


@pytest.fixture
def keeper(application, home):  # noqa: F811
    keeper = ConversationKeeper(home)
    keeper.heard = []
    for name in ("listed", "opened", "deleted", "sets_listed", "told", "refused"):
        getattr(keeper, name).connect(lambda *args, name=name: keeper.heard.append((name, *args)))
    yield keeper
    keeper.shut_down()


def heard(keeper, name):
    until(lambda: any(one[0] == name for one in keeper.heard))
    return [one[1:] for one in keeper.heard if one[0] == name][-1]


def test_a_conversation_is_kept_found_renamed_and_deleted(keeper, home):
    made = talk("Où ?", "Là.")
    keeper.keep(made)
    keeper.rename(made.id, "Places")
    keeper.open(made.id)
    assert heard(keeper, "opened")[0].title == "Places"
    keeper.list_all("ou")
    until(lambda: ("ou",) in [one[1:2] for one in keeper.heard if one[0] == "listed"])
    assert [entry.title for entry in heard(keeper, "listed")[1]] == ["Places"]
    keeper.delete(made.id)
    assert heard(keeper, "deleted") == (made.id,)
    assert str(home.trash / f"{made.id}.json") in heard(keeper, "told")[0]
    keeper.open(made.id)
    assert "not there any more" in heard(keeper, "refused")[0]


def test_what_was_submitted_is_written_at_the_end(keeper, home):
    made = talk("one")
    for number in range(20):
        keeper.keep(change(made, title=str(number)))
    keeper.shut_down()
    assert read_conversation(home.conversations, made.id).title == "19"


def test_out_and_in_again(keeper, tmp_path):
    keeper.give_out(talk("one", "two"), str(tmp_path / "x.md"), "markdown")
    keeper.take_in(str(tmp_path / "x.md"))
    assert texts(heard(keeper, "opened")[0]) == ["one", "two"]
    keeper.take_in(str(tmp_path / "nothing"))
    assert "nothing" in heard(keeper, "refused")[0]


def test_an_example_is_kept(keeper, home):
    keeper.keep_example("mine", (Message("user", "a"), Message("assistant", "b")))
    assert "mine, which has 1 rows" in heard(keeper, "told")[0]
    keeper.keep_example("mine", (Message("user", "a"), Message("assistant", "b")))
    until(lambda: "mine has this example already" in heard(keeper, "told")[0])
    keeper.list_sets()
    assert heard(keeper, "sets_listed") == (["mine"],)
    keeper.keep_example("../up", (Message("user", "a"), Message("assistant", "b")))
    assert "Choose another" in heard(keeper, "refused")[0]
    assert (home.datasets / "mine.jsonl").read_bytes().count(b"\n") == 1
