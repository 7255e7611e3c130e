"""A conversation's text: what a template says once stands once, and the oldest messages go when there is no room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.api import Message
from desktop.prompting.dressing import Wish, dress
from desktop.prompting.dropping import cuts_of, fewest_dropped
from desktop.prompting.templates import MODEL_TEMPLATE, TEMPLATES

BEFORE = (Message("user", "One?"), Message("assistant", "Uno."))


def turns_text(template, before, prompt, input=""):
    return dress(Wish(prompt=prompt, input=input, template=template.name, before=before), False, lambda _: "").text


NAMED = [template for template in TEMPLATES if template.name != MODEL_TEMPLATE]


def test_alpaca_says_its_sentence_once():
    template = next(one for one in TEMPLATES if one.name == "alpaca")
    sentence = (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    )
    assert turns_text(template, BEFORE, "Two?") == (
        f"{sentence}\n\n### Instruction:\nOne?\n\n### Response:\nUno.\n\n### Instruction:\nTwo?\n\n### Response:\n"
    )
    assert turns_text(template, BEFORE, "Two?", "here").endswith(
        "Uno.\n\n### Instruction:\nTwo?\n\n### Input:\nhere\n\n### Response:\n"
    )


@pytest.mark.parametrize("template", NAMED, ids=lambda one: one.name)
def test_each_turn_goes_on_where_the_last_one_ended(template):
    first = turns_text(template, (), "One?")
    assert first == template.render("One?")
    later = turns_text(template, BEFORE, "Two?")
    assert later.startswith(first)
    # Some formats have a space before an answer, which the model draws as part of it.
    assert later.removeprefix(first).removeprefix(" ").startswith("Uno.")


@pytest.mark.parametrize("template", NAMED, ids=lambda one: one.name)
def test_an_answer_begins_as_it_is_told(template):
    def never(_):
        raise AssertionError

    wish = Wish(prompt="Two?", template=template.name, before=BEFORE, start="Well, ")
    assert dress(wish, False, never).text == f"{turns_text(template, BEFORE, 'Two?')}Well, "


def test_the_models_own_template_gets_all_turns():
    seen = []

    def render(rows):
        seen.extend(rows)
        return "<rendered>"

    wish = Wish(prompt="Two?", system="Be brief.", before=BEFORE, start="Well, ")
    assert dress(wish, True, render).text == "<rendered>Well, "
    assert seen == [Message("system", "Be brief."), *BEFORE, Message("user", "Two?")]


@given(turns=st.integers(1, 40), room=st.integers(0, 50))
def test_the_fewest_are_left_out_and_the_rest_begins_with_the_user(turns, room):
    before = [Message("assistant" if number % 2 else "user", str(number)) for number in range(turns)]
    dropped = fewest_dropped(before, lambda count: turns - count <= room)
    assert dropped in cuts_of(before)
    assert dropped == turns or before[dropped].role == "user"
    better = [cut for cut in cuts_of(before) if cut < dropped and turns - cut <= room]
    assert better == []
