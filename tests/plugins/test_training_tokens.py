"""Rows as the training step sees them: the whole text's tokens, which of them count, where they are cut."""

from __future__ import annotations

import pytest

from desktop.api import LoaderError, Part, TrainingRow, TrainSettings
from loader_kit.training.samples import make_samples, read_rows, show_row
from loader_kit.training.tokens import begin_token
from tests import tiny
from tests.plugins.training_making import make_rows

LETTERS = "QZXJKYUVHN"
"""Ten tokens of this tokenizer, in whatever order they stand."""


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tiny.make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def begin_with_bos(tokenizer):
    """The same tokenizer, which now puts its begin token before every prompt."""
    import copy

    from tokenizers.processors import TemplateProcessing

    changed = copy.deepcopy(tokenizer)
    changed.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    return changed


def row(*parts, **changes):
    return TrainingRow(parts=tuple(Part(text, trained) for text, trained in parts), **changes)


def test_tokens_are_those_of_the_whole_text_and_join_to_it(tokenizer):
    text = "The capital of France is Paris. 北京 🙂🚀 Größe, naïve"
    parts = row((text[:11], False), (text[11:33], True), (text[33:], False))
    (shown,) = show_row(tokenizer, parts, TrainSettings(add_eos=False))
    assert list(shown.ids) == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert "".join(shown.texts) == text


def test_a_token_across_two_parts_counts_where_most_of_its_characters_do(tokenizer):
    # " the" is one token of this tokenizer.
    assert len(tokenizer(" the", add_special_tokens=False)["input_ids"]) == 1
    settings = TrainSettings(add_eos=False)
    (most,) = show_row(tokenizer, row(("x ", False), ("the", True)), settings)
    (half,) = show_row(tokenizer, row(("x t", False), ("he", True)), settings)
    assert most.texts == half.texts == ("x", " the")
    assert most.trained == (False, True)
    assert half.trained == (False, False)


def test_the_end_counts_where_the_text_before_it_does(tokenizer):
    (answer,) = show_row(tokenizer, row(("a", False), ("b", True)), TrainSettings())
    (prompt,) = show_row(tokenizer, row(("a", True), ("b", False)), TrainSettings())
    assert answer.ids[-1] == prompt.ids[-1] == tokenizer.eos_token_id
    assert answer.trained[-1]
    assert not prompt.trained[-1]


def test_a_begin_token_is_added_where_prompts_get_one(tokenizer):
    settings = TrainSettings(add_eos=False)
    assert begin_token(tokenizer) is None
    (without,) = show_row(tokenizer, row(("the", True)), settings)
    (with_it,) = show_row(begin_with_bos(tokenizer), row(("the", True)), settings)
    (turned_off,) = show_row(begin_with_bos(tokenizer), row(("the", True)), TrainSettings(add_bos=False, add_eos=False))
    assert with_it.ids == (tokenizer.bos_token_id, *without.ids)
    assert turned_off.ids == without.ids


def test_a_template_brings_its_own_special_tokens(tokenizer):
    text = "<|im_start|>user\nthe<|im_end|>"
    (shown,) = show_row(begin_with_bos(tokenizer), row((text, True), add_special_tokens=False), TrainSettings())
    assert list(shown.ids) == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_a_long_row_is_cut_and_says_how_much(tokenizer):
    (shown,) = show_row(tokenizer, row((LETTERS * 3, True)), TrainSettings(cutoff=8))
    assert len(shown.ids) == 8
    assert shown.cut == 31 - 8


def test_raw_text_is_cut_in_blocks_that_lose_nothing(tokenizer):
    text = LETTERS * 5
    settings = TrainSettings(cutoff=16, overlap=4, add_eos=False)
    blocks = show_row(tokenizer, row((text, True), cut=True), settings)
    assert [len(block.ids) for block in blocks] == [16, 16, 16, 14]
    assert "".join(blocks[0].texts) + "".join("".join(block.texts[4:]) for block in blocks[1:]) == text
    assert blocks[0].ids[-4:] == blocks[1].ids[:4]


def test_blocks_of_raw_text_begin_at_lines_within_reach(tokenizer):
    text = "".join(f"{letter}ZXJKYUVH\n" for letter in LETTERS[:8])  # ten tokens a line
    near = show_row(tokenizer, row((text, True), cut=True), TrainSettings(cutoff=16, newline_reach=8, add_eos=False))
    far = show_row(tokenizer, row((text, True), cut=True), TrainSettings(cutoff=16, newline_reach=3, add_eos=False))
    assert [block.texts[0] for block in near] == list(LETTERS[:8])
    assert far[1].texts[0] == text[16]


def test_a_stride_counts_each_token_once(tokenizer):
    text = LETTERS * 10
    read = make_samples(tokenizer, [row((text, True), cut=True)], TrainSettings(cutoff=16, add_eos=False), stride=4)
    assert sum(sample.labels for sample in read.samples) == 99


def test_rows_without_a_label_are_left_out_and_counted(tokenizer):
    rows = [*make_rows(3), row(("only a prompt", False)), row(("x" * 40, False), ("y", True))]
    read = make_samples(tokenizer, rows, TrainSettings(cutoff=24, add_eos=False))
    assert read.rows == 5
    assert read.rows_without_label == 5 - len(read.samples)
    assert {sample.source for sample in read.samples} <= {1, 2, 3}
    assert read.lengths[4] == 41


def test_the_digest_changes_with_the_mask_alone(tokenizer):
    first = make_samples(tokenizer, [row(("a ", True), ("bcd", True))], TrainSettings())
    second = make_samples(tokenizer, [row(("a ", False), ("bcd", True))], TrainSettings())
    assert first.digest != second.digest


def test_a_slow_tokenizer_takes_the_parts_one_by_one_and_says_so(tokenizer):
    class Slow:
        is_fast = False
        bos_token_id, eos_token_id = None, 2
        decode = staticmethod(tokenizer.decode)

        def __call__(self, text, add_special_tokens=True):
            assert isinstance(text, str)
            return {"input_ids": tokenizer(text, add_special_tokens=False)["input_ids"]}

    read = make_samples(Slow(), [row(("x ", False), ("the", True))], TrainSettings())
    assert "each part of a row" in read.notes[0]
    assert read.samples[0].ids.tolist()[-1] == 2
    assert not read.samples[0].trained[:2].any()


def test_a_broken_line_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b'{"parts": [["a", true]]}\n')
    with pytest.raises(LoaderError, match=r"Line 1 of .*rows\.jsonl is no training row"):
        read_rows(str(tmp_path / "rows.jsonl"))


def test_an_overlap_as_long_as_the_block_is_refused(tokenizer):
    with pytest.raises(LoaderError, match="smaller than the cutoff"):
        show_row(tokenizer, row(("a", True), cut=True), TrainSettings(cutoff=8, overlap=8))
