"""Turns a row into the tokens the training step sees, and says which of them count in the loss.

The parts of a row are tokenised as one text, so the tokens are those the model meets when it is prompted with that
text. Where each token lies in the text comes from the tokenizer's offsets; tokenizers without offsets (those of pure
Python) get the parts one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec

from desktop.api import TrainingRow, TrainSettings

SLOW = (
    "This tokenizer can't say where its tokens lie in the text, so each part of a row is tokenised by itself; where "
    "parts meet, tokens may differ from those of the whole text."
)
CHUNK = 512
"""Rows given to the tokenizer at once: it works on them in parallel, and a chunk's offsets take little memory."""


class Tokens(msgspec.Struct):
    """A row before any cut, its special tokens included."""

    ids: list[int]
    trained: list[bool]
    texts: list[str]
    """What each token stands for; empty where only the ids were asked for."""
    line_starts: list[bool]
    """Whether a line begins with the token; empty unless the row is raw text."""


class RowTokenizer:
    """Tokenises rows as the settings say."""

    def __init__(self, tokenizer: Any, settings: TrainSettings) -> None:
        """`tokenizer` is one of transformers'."""
        self._tokenizer = tokenizer
        self._bos = begin_token(tokenizer) if settings.add_bos else None
        self._eos = tokenizer.eos_token_id if settings.add_eos else None
        self.exact = bool(getattr(tokenizer, "is_fast", False))
        """Whether the tokens equal the whole text's."""

    def rows(self, rows: Sequence[TrainingRow], *, texts: bool = False) -> Iterator[Tokens]:
        """The tokens of each row, in order; with what each stands for where `texts` is asked for."""
        for at in range(0, len(rows), CHUNK):
            chunk = rows[at : at + CHUNK]
            found = self._by_offsets(chunk, texts) if self.exact else (self._by_parts(row) for row in chunk)
            for row, tokens in zip(chunk, found, strict=True):
                if row.add_special_tokens:
                    self._add_specials(tokens, row)
                yield tokens

    def _by_offsets(self, rows: Sequence[TrainingRow], texts: bool) -> Iterator[Tokens]:
        whole = ["".join(part.text for part in row.parts) for row in rows]
        read = self._tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for row, text, ids, offsets in zip(rows, whole, read["input_ids"], read["offset_mapping"], strict=True):
            trained = _trained(row, text, offsets)
            said = _texts(text, offsets) if texts else []
            starts = [begin == 0 or text[begin - 1] == "\n" for begin, _ in offsets] if row.cut else []
            yield Tokens(list(ids), trained, said, starts)

    def _by_parts(self, row: TrainingRow) -> Tokens:
        tokens = Tokens([], [], [], [])
        for part in row.parts:
            ids = self._tokenizer(part.text, add_special_tokens=False)["input_ids"]
            tokens.ids += ids
            tokens.trained += [part.trained] * len(ids)
            tokens.texts += [self._tokenizer.decode([token]) for token in ids]
        tokens.line_starts = [text.startswith("\n") or not at for at, text in enumerate(tokens.texts)]
        return tokens

    def _add_specials(self, tokens: Tokens, row: TrainingRow) -> None:
        if self._bos is not None and tokens.ids[:1] != [self._bos]:
            self._insert(tokens, 0, self._bos, False)
        if self._eos is not None and tokens.ids[-1:] != [self._eos]:
            written = [part for part in row.parts if part.text]
            # The end is learnt where the text before it is.
            self._insert(tokens, len(tokens.ids), self._eos, bool(written) and written[-1].trained)

    def _insert(self, tokens: Tokens, at: int, token: int, trained: bool) -> None:
        tokens.ids.insert(at, token)
        tokens.trained.insert(at, trained)
        if tokens.texts:
            tokens.texts.insert(at, self._tokenizer.decode([token]))
        if tokens.line_starts:
            tokens.line_starts.insert(at, False)


def begin_token(tokenizer: Any) -> int | None:
    """The token that prompts to this model begin with, None where they begin with none.

    Many tokenizers name a begin token that nothing ever puts in front of a text; training with it would be training on
    other texts than those the model is prompted with.
    """
    begin: int | None = tokenizer.bos_token_id
    if begin is None or tokenizer("a")["input_ids"][:1] != [begin]:
        return None
    return begin


def _trained(row: TrainingRow, text: str, offsets: Sequence[tuple[int, int]]) -> list[bool]:
    """A token counts if most of its characters do; one without any goes by the character where it stands."""
    if all(part.trained for part in row.parts):
        return [True] * len(offsets)
    counts = [count for part in row.parts for count in [int(part.trained)] * len(part.text)]
    sums = [0, *accumulate(counts)]
    last = len(text) - 1
    return [
        2 * (sums[end] - sums[begin]) > end - begin if end > begin else bool(counts and counts[min(begin, last)])
        for begin, end in offsets
    ]


def _texts(text: str, offsets: Sequence[tuple[int, int]]) -> list[str]:
    """The text cut where tokens end: what lies between two tokens goes to the second, a character made of several
    tokens to the first of them."""
    found, at = [], 0
    for _, end in offsets:
        found.append(text[at:end])
        at = max(at, end)
    if found:
        found[-1] += text[at:]
    return found
