"""The tree of a conversation under any sequence of operations: nothing is lost, and what is in sight is a branch."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from desktop.api import Lora, Message, Sampling
from desktop.library.conversation import (
    NoSuchTurn,
    ReplyFacts,
    Turn,
    append,
    branch,
    change,
    edit,
    find_turn,
    grow,
    mended,
    messages_of,
    new_conversation,
    path_of,
    remove,
    show,
    versions_of,
)
from desktop.library.conversation_formats import exported, imported
from desktop.library.conversations import read_conversation, save_conversation

FACTS = ReplyFacts(model="m", seed=7, stack=(Lora(id="a", name="é", path="/a", weight=-0.5),), sampling=Sampling())
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from(
    ["### User", "\\### User", "a\n### Assistant\nb", "\n\nx\n\n", "é 🙂", "### User \n", ""]
)


def talk(*texts):
    """A conversation in which you and the model take turns."""
    made = new_conversation()
    for number, text in enumerate(texts):
        made = append(made, "assistant" if number % 2 else "user", text, facts=FACTS if number % 2 else None)
    return made


def texts(conversation):
    return [turn.text for turn in path_of(conversation)]


def test_an_edit_keeps_the_old_version_and_all_that_followed():
    old = talk("one", "two", "three", "four")
    new = edit(old, path_of(old)[0].id, "uno")
    assert texts(new) == ["uno"]
    assert [turn.text for turn in new.turns] == ["one", "two", "three", "four", "uno"]
    first = versions_of(new, new.leaf)
    assert [turn.text for turn in first] == ["one", "uno"]
    assert texts(show(new, first[0].id)) == ["one", "two", "three", "four"]


def test_another_reply_is_a_version_of_the_first():
    made = talk("one", "two")
    again = append(made, "assistant", "deux", parent=path_of(made)[0].id)
    assert texts(again) == ["one", "deux"]
    assert [turn.text for turn in versions_of(again, again.leaf)] == ["two", "deux"]


def test_a_reply_goes_on_in_its_place():
    made = talk("one", "two")
    grown = grow(made, made.leaf, "two and more", FACTS)
    assert (texts(grown), len(grown.turns), grown.leaf) == (["one", "two and more"], 2, made.leaf)


def test_removing_takes_what_followed_and_shows_a_sibling():
    made = talk("one", "two", "three")
    made = append(made, "assistant", "deux", parent=path_of(made)[0].id)
    left = remove(made, made.leaf)
    assert texts(left) == ["one", "two", "three"]
    assert texts(remove(left, path_of(left)[1].id)) == ["one"]
    empty = remove(left, path_of(left)[0].id)
    assert (empty.turns, empty.leaf) == ((), "")


def test_a_branch_is_a_conversation_of_its_own():
    made = change(talk("one", "two", "three"), system="Be brief.")
    other = branch(made, path_of(made)[1].id)
    assert other.id != made.id
    assert (texts(other), other.system, other.title) == (["one", "two"], "Be brief.", "one")
    assert messages_of(other) == (Message("system", "Be brief."), Message("user", "one"), Message("assistant", "two"))


def test_a_message_that_is_not_there_is_told():
    made = talk("one")
    for act in (find_turn, path_of, show, remove, branch, versions_of):
        with pytest.raises(NoSuchTurn):
            act(made, "nobody")
    with pytest.raises(NoSuchTurn):
        append(made, "user", "x", parent="nobody")


def test_the_title_is_the_beginning_until_there_is_one():
    made = talk("Where  is\nParis? " + "And so on, and so on. " * 9)
    assert made.shown_title.startswith("Where is Paris? And so")
    assert len(made.shown_title) <= 60
    assert change(made, title="Paris").shown_title == "Paris"


def test_half_a_character_can_be_saved(tmp_path):
    made = append(new_conversation(), "user", "a\ud83db")
    save_conversation(tmp_path, made)
    assert read_conversation(tmp_path, made.id) == made


def test_parents_that_are_lost_or_go_in_a_circle_are_mended():
    loop = (Turn(id="a", parent="b", role="user"), Turn(id="b", parent="a", role="assistant"))
    stray = Turn(id="c", parent="gone", role="user", text="kept")
    made = msgspec.structs.replace(new_conversation(), turns=(*loop, stray, stray), leaf="gone")
    whole = mended(made)
    assert {turn.id for turn in whole.turns} == {"a", "b", "c"}
    for turn in whole.turns:
        assert path_of(whole, turn.id)[-1] == turn
    assert path_of(whole)
    assert mended(whole) == whole


class Operations(RuleBasedStateMachine):
    """Whatever is done, each message that was not removed is there, as it was said last."""

    def __init__(self):
        super().__init__()
        self.made = new_conversation()
        self.kept = {}

    def some(self, data):
        return data.draw(st.sampled_from(list(self.kept))) if self.kept else None

    @rule(text=TEXTS, reply=st.booleans(), data=st.data())
    def say(self, text, reply, data):
        parent = data.draw(st.sampled_from([None, "", *list(self.kept)]))
        self.made = append(self.made, "assistant" if reply else "user", text, parent=parent)
        self.kept[self.made.leaf] = text

    @rule(text=TEXTS, data=st.data())
    def edit(self, text, data):
        if one := self.some(data):
            self.made = edit(self.made, one, text)
            assert self.made.leaf not in self.kept
            self.kept[self.made.leaf] = text
            assert one in {turn.id for turn in versions_of(self.made, self.made.leaf)}

    @rule(text=TEXTS, data=st.data())
    def grow(self, text, data):
        if one := self.some(data):
            self.made = grow(self.made, one, self.kept[one] + text, FACTS)
            self.kept[one] += text

    @rule(data=st.data())
    def show(self, data):
        if one := self.some(data):
            self.made = show(self.made, one)
            assert one in {turn.id for turn in path_of(self.made)}

    @rule(data=st.data())
    def remove(self, data):
        if one := self.some(data):
            below = {turn.id for turn in self.made.turns if one in {up.id for up in path_of(self.made, turn.id)}}
            self.made = remove(self.made, one)
            self.kept = {key: text for key, text in self.kept.items() if key not in below}

    @invariant()
    def nothing_is_lost(self):
        assert {turn.id: turn.text for turn in self.made.turns} == self.kept

    @invariant()
    def what_is_in_sight_is_a_branch(self):
        path = path_of(self.made)
        assert bool(path) == bool(self.kept)
        assert [turn.parent for turn in path] == ["", *(turn.id for turn in path)][: len(path)]
        assert mended(self.made) == self.made

    @invariant()
    def its_own_file_has_all_of_it(self):
        (again,) = imported(exported(self.made, "json"), "x")
        assert msgspec.structs.replace(again, id=self.made.id) == self.made


TestOperations = Operations.TestCase
TestOperations.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("format", ["markdown", "sharegpt"])
@given(said=st.lists(TEXTS, min_size=1, max_size=5), system=TEXTS, title=st.sampled_from(["", "A title", "# é"]))
@settings(deadline=None, max_examples=60)
def test_what_is_in_sight_goes_out_and_comes_in_again(format, said, system, title):
    made = change(talk(*said), system=system, title=title)
    (again,) = imported(exported(made, format), "x")
    assert messages_of(again) == messages_of(made)
    assert again.title == title
