"""From token ids to text as they come: whole characters only, and nothing that may turn out to be a stop text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CONTEXT = 6
"""Tokens of the prompt that are decoded along, so that a tokenizer that strips a leading space strips the prompt's."""


class TextStream:
    """Turns an answer's tokens into text. Joined together the pieces equal the tokenizer's own decoding."""

    def __init__(self, tokenizer: Any, prompt: Sequence[int]) -> None:
        """`tokenizer` is one of transformers'; `prompt` the tokens before the answer."""
        self._tokenizer = tokenizer
        self._ids = list(prompt[-CONTEXT:])
        self._begin = 0
        self._read = len(self._ids)

    def push(self, token: int) -> str:
        """The text that is certain now; "" while a character is incomplete."""
        self._ids.append(token)
        return self._text(final=False)

    def finish(self) -> str:
        """What is left: the bytes of an incomplete character as a replacement character."""
        return self._text(final=True)

    def _text(self, *, final: bool) -> str:
        before = self._decode(self._ids[self._begin : self._read])
        after = self._decode(self._ids[self._begin :])
        # A replacement character at the end is a character whose other bytes are in the tokens to come.
        if not final and (after.endswith("\ufffd") or len(after) <= len(before)):
            return ""
        self._begin, self._read = self._read, len(self._ids)
        return after[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class StopTexts:
    """Holds text back as long as it may be the beginning of a stop text."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Empty stop texts are ignored."""
        self._stops = [stop for stop in stops if stop]
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """The text that may be shown, and whether a stop text was met; what follows it is dropped."""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            shown, self._held = self._held[: min(found)], ""
            return shown, True
        keep = max((self._overlap(stop) for stop in self._stops), default=0)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown, False

    def finish(self) -> str:
        """What was held back and is no stop text after all."""
        held, self._held = self._held, ""
        return held

    def _overlap(self, stop: str) -> int:
        longest = min(len(stop) - 1, len(self._held))
        return next((size for size in range(longest, 0, -1) if self._held.endswith(stop[:size])), 0)
