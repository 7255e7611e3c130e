"""Tags in a prompt: what is one, what stays text, what is left of the white space, and the stack that comes of them."""

from __future__ import annotations

import random

import pytest

from desktop.api import Lora
from desktop.library.names import NameNotFound
from desktop.library.settings import Settings
from desktop.prompting.lora_tags import Tag, Tagged, lay_over, read_tags, rows_of_tags
from tests.library.making import make_adapter


@pytest.mark.parametrize(
    ("inside", "name", "weight"),
    [
        ("pirate", "pirate", 1.0),
        ("pirate:0.8", "pirate", 0.8),
        ("pirate:-1.5", "pirate", -1.5),
        ("pirate:0", "pirate", 0.0),
        ("pirate:+2e-1", "pirate", 0.2),
        (" a b : .5 ", "a b", 0.5),
        ("é🙂 v1.0 = x/y:2", "é🙂 v1.0 = x/y", 2.0),
        ("user/name:branch", "user/name:branch", 1.0),
        ("user/name:2:0.5", "user/name:2", 0.5),
        (r"C:\loras\x", r"C:\loras\x", 1.0),
        ("pirate:nan", "pirate:nan", 1.0),
        ("pirate:1e999", "pirate:1e999", 1.0),
    ],
)
def test_a_tag_is_a_name_and_a_weight(inside, name, weight):
    tagged = read_tags(f"Ahoy <lora:{inside}>")
    assert (tagged.text, tagged.tags) == ("Ahoy", (Tag(name, weight),))


@pytest.mark.parametrize(
    "text",
    ["", "<lora>", "<lora:>", "<lora: >", "<lora::>", "<lora::0.8>", "<LORA:a>", "< lora:a>", "<lora:a", "<lora a:1>",
     "<lora:a\nb>", "lora:a", "<hypernet:a:1>", "a  b \n\n c ", "<lora:" * 5, "\\<lora:>"],
)  # fmt: skip
def test_what_only_looks_like_one_stays_as_it_is(text):
    assert read_tags(text) == Tagged(text, ())


def test_a_backslash_makes_it_text():
    tagged = read_tags(r"Write \<lora:a:1>  and \\<lora:b> <lora:c> once")
    assert tagged.text == r"Write <lora:a:1>  and \<lora:b> once"
    assert tagged.tags == (Tag("c"),)
    assert read_tags(r"\<lora:a>").text == "<lora:a>"


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("a <> b", "a b"),
        ("a <>b", "a b"),
        ("a<> b", "a b"),
        ("a<>b", "ab"),
        ("<> a", "a"),
        ("a <>", "a"),
        ("a <>  ", "a"),
        ("a <> <> b", "a b"),
        ("<> <>", ""),
        ("a <>\n", "a\n"),
        ("a <>\nb", "a\nb"),
        ("a\n<> b", "a\nb"),
        ("a\n<>\nb", "a\nb"),
        ("a\n\n<>\n\nb", "a\n\nb"),
        ("a\r\n<>\r\nb", "a\r\nb"),
        ("a\n<>\n<>\nb\n", "a\nb\n"),
        ("<>\n    code", "    code"),
        ("a:\n<>\n    code", "a:\n    code"),
        ("  two  blanks <> stay  ", "  two  blanks stay  "),
    ],
)
def test_no_double_blank_remains(prompt, left):
    assert read_tags(prompt.replace("<>", "<lora:x:1>")).text == left


def test_words_with_tags_anywhere_among_them_are_the_words():
    draw = random.Random(7)
    for _ in range(500):
        parts = [draw.choice(["word", "é🙂", "<lora:a:0.5>", "<lora:b>"]) for _ in range(draw.randrange(1, 9))]
        tagged = read_tags(" ".join(parts))
        assert tagged.text == " ".join(part for part in parts if not part.startswith("<"))
        assert len(tagged.tags) == sum(part.startswith("<") for part in parts)


@pytest.fixture
def library(home):
    """A home with two adapters."""
    for name in ("pirate", "user_style"):
        make_adapter(home.loras / name)
    return home


def rows(library, prompt, stack=()):
    return rows_of_tags(read_tags(prompt).tags, stack, library, Settings())


def test_adapters_are_found_in_the_library_and_by_path(library, tmp_path):
    elsewhere = make_adapter(tmp_path / "else where")
    found = rows(library, f"<lora:pirate:0.8> <lora:user/style:-0.5> <lora:{elsewhere}>")
    assert [(row.name, row.path, row.weight) for row in found] == [
        ("pirate", str(library.loras / "pirate"), 0.8),
        ("user_style", str(library.loras / "user_style"), -0.5),
        ("else where", str(elsewhere), 1.0),
    ]


def test_of_two_tags_for_one_adapter_the_later_counts(library):
    (row,) = rows(library, f"<lora:pirate:0.8> <lora:{library.loras / 'pirate'}:0.2>")
    assert row.weight == 0.2


def test_an_adapter_on_the_stack_gets_another_weight_in_its_place(library):
    path = str(library.loras / "pirate")
    stack = (Lora(id="a", name="pirate", path=path, weight=0.5, enabled=False), Lora(id="b", name="b", path="/b"))
    laid = lay_over(stack, rows(library, "<lora:pirate:0.8> <lora:user_style>", stack))
    assert [(row.id, row.weight, row.enabled) for row in laid[:2]] == [("a", 0.8, True), ("b", 1.0, True)]
    assert [(row.name, row.weight) for row in laid[2:]] == [("user_style", 1.0)]
    assert stack[0].weight == 0.5


def test_a_row_of_the_stack_is_known_by_its_name_wherever_it_lies(library):
    stack = (Lora(id="a", name="pirate", path="/elsewhere/pirate"),)
    laid = lay_over(stack, rows(library, "<lora:pirate:0.8>", stack))
    assert [(row.path, row.weight) for row in laid] == [("/elsewhere/pirate", 0.8)]


def test_an_adapter_that_stands_on_the_stack_twice_acts_once(library):
    path = str(library.loras / "pirate")
    stack = tuple(Lora(id=name, name="pirate", path=path) for name in "ab")
    laid = lay_over(stack, rows(library, "<lora:pirate:0.8>", stack))
    assert [row.effective_weight for row in laid] == [0.8, 0.0]


def test_a_row_gets_an_id_that_is_free(library):
    (brought,) = rows(library, "<lora:pirate>")
    laid = lay_over((Lora(id=brought.id, name="x", path="/x"),), [brought])
    assert len({row.id for row in laid}) == 2


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("<lora:pirat>", "There is no adapter 'pirat'."),
        ("<lora:pirat>", "Close names: 'pirate'. The prompt asks for it with <lora:pirat>; to send"),
        ("<lora:pirat>", r"write \<lora:pirat>."),
        ("<lora:pirate:0,8>", "'0,8' in <lora:pirate:0,8> is no weight: after the last colon stands a finite number"),
        ("<lora:pirate:nan>", "'nan' in <lora:pirate:nan> is no weight"),
        ("<lora:pirate:>", "such as <lora:pirate:0.5>."),
    ],
)
def test_what_names_nothing_is_told_in_a_sentence(library, tag, words):
    with pytest.raises(NameNotFound) as told:
        rows(library, tag)
    assert words in str(told.value)
