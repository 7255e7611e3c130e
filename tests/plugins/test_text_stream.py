"""Streaming text: whole characters, nothing lost, stop texts never shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loader_kit.text_stream import StopTexts, TextStream
from tests import tiny


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tiny.make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\ufffd"), max_size=40)


@settings(deadline=None, max_examples=150)
@given(prompt=TEXTS, answer=TEXTS)
def test_pieces_join_to_the_text_and_hold_whole_characters(tokenizer, prompt, answer):
    stream = TextStream(tokenizer, tokenizer(prompt)["input_ids"])
    pieces = [stream.push(token) for token in tokenizer(answer)["input_ids"]]
    assert not any("\ufffd" in piece for piece in pieces)
    assert "".join(pieces) + stream.finish() == answer


def test_an_incomplete_character_comes_out_at_the_end(tokenizer):
    ids = tokenizer("🙂")["input_ids"]
    cut = next(size for size in range(len(ids), 0, -1) if tokenizer.decode(ids[:size]) != "🙂")
    stream = TextStream(tokenizer, [])
    assert "".join(stream.push(token) for token in ids[:cut]) == ""
    assert set(stream.finish()) == {"\ufffd"}


@settings(deadline=None, max_examples=300)
@given(
    pieces=st.lists(st.text(alphabet="ab#\n", max_size=5), max_size=12),
    stops=st.lists(st.text(alphabet="ab#\n", min_size=1, max_size=4), max_size=3),
)
def test_stop_texts_cut_where_the_whole_text_would_be_cut(pieces, stops):
    watcher = StopTexts(stops)
    shown, stopped, seen = "", False, ""
    for piece in pieces:
        seen += piece
        more, stopped = watcher.push(piece)
        shown += more
        if stopped:
            break
    else:
        shown += watcher.finish()
    places = [seen.find(stop) for stop in stops if stop in seen]
    assert stopped == bool(places)
    assert shown == (seen[: min(places)] if places else seen)


def test_what_may_become_a_stop_text_is_held_back():
    watcher = StopTexts(["### Instruction:"])
    assert watcher.push("Paris.\n##") == ("Paris.\n", False)
    assert watcher.push("# In") == ("", False)
    assert watcher.push("dia") == ("### India", False)
