"""Chooses the next token with transformers' own logits processors, in the order `generate` uses them, and the kit's.

The order: repetition penalty, presence and frequency penalty, DRY, no-repeat n-gram, bans; then, unless greedy,
temperature, top-k, top-p, min-p, typical-p, XTC; then the draw.
"""

from __future__ import annotations

import secrets
from typing import Any

import torch

from desktop.api import LoaderError, Sampling

from .penalties import CountPenalties, Dry
from .xtc import Xtc

HONOURED = Sampling.__struct_fields__
"""Fields of `Sampling` that `Chooser` honours."""

ID = "id:"
"""Stands before a token's number among the banned texts."""


class Chooser:
    """Draws tokens for one answer."""

    def __init__(
        self,
        sampling: Sampling,
        prompt: torch.Tensor,
        room: int,
        tokenizer: Any = None,
        end_tokens: frozenset[int] = frozenset(),
    ) -> None:
        """`prompt` has shape (1, n), int64, on the model's device; at most `room` tokens will be drawn.

        `tokenizer`, one of transformers', is needed for DRY and for bans. Raises LoaderError for a ban that is none.
        """
        self._greedy = sampling.greedy
        self.seed: int | None = None
        self._generator: torch.Generator | None = None
        if not self._greedy:
            self.seed = sampling.seed if sampling.seed is not None else secrets.randbits(48)
            self._generator = torch.Generator(prompt.device)
            self._generator.manual_seed(self.seed % 2**63)
        self._length = prompt.shape[1]
        self._processors = _penalties(sampling, self._length, tokenizer)
        if not self._greedy:
            self._processors += _warpers(sampling)
            if sampling.xtc_probability > 0:
                assert self._generator is not None
                spared = end_tokens | line_breaks(tokenizer)
                self._processors.append(Xtc(sampling.xtc_probability, sampling.xtc_threshold, spared, self._generator))
        # One buffer for the whole answer: growing a tensor at each token would copy the prompt every time.
        self._seen = torch.cat([prompt, prompt.new_zeros(1, room)], dim=1) if self._processors else prompt

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token, shape (1, 1), from logits of shape (1, vocabulary) in any float type."""
        if self._processors:
            scores = logits.to(torch.float32, copy=True)
            seen = self._seen[:, : self._length]
            for processor in self._processors:
                scores = processor(seen, scores)
        else:
            scores = logits
        if self._greedy:
            token = scores.argmax(-1, keepdim=True)
        else:
            probabilities = scores.float().softmax(-1)
            token = torch.multinomial(probabilities, 1, generator=self._generator)
        if self._processors:
            self._seen[:, self._length] = token[:, 0]
        self._length += 1
        return token


def banned_ids(texts: tuple[str, ...], tokenizer: Any) -> list[list[int]]:
    """The runs of tokens that must not come: each text as it stands at a beginning and after a space.

    Raises LoaderError for a token that there is not.
    """
    size = len(tokenizer)
    runs: list[list[int]] = []
    for text in texts:
        number = text.removeprefix(ID).strip()
        if text.startswith(ID) and number.isdecimal():
            if int(number) >= size:
                raise LoaderError(
                    f"The token {int(number)} can't be banned: this model's are numbered 0 to {size - 1}."
                )
            runs.append([int(number)])
            continue
        for written in (text, f" {text}") if text else ():
            ids = list(tokenizer(written, add_special_tokens=False)["input_ids"])
            if ids and ids not in runs:
                runs.append(ids)
    return runs


def line_breaks(tokenizer: Any) -> frozenset[int]:
    """The token of a line break, where it is one."""
    ids = tokenizer("\n", add_special_tokens=False)["input_ids"] if tokenizer is not None else ()
    return frozenset(ids[-1:])


def _penalties(sampling: Sampling, prompt_length: int, tokenizer: Any) -> list[Any]:
    from transformers.generation import logits_process as processors

    chosen: list[Any] = []
    if sampling.repetition_penalty != 1:
        chosen.append(processors.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.presence_penalty or sampling.frequency_penalty:
        chosen.append(CountPenalties(sampling.presence_penalty, sampling.frequency_penalty, prompt_length))
    if sampling.dry_multiplier > 0:
        chosen.append(Dry(sampling, tokenizer))
    if sampling.no_repeat_ngram:
        chosen.append(processors.NoRepeatNGramLogitsProcessor(sampling.no_repeat_ngram))
    if sampling.banned_tokens and (runs := banned_ids(sampling.banned_tokens, tokenizer)):
        chosen.append(processors.NoBadWordsLogitsProcessor(runs))
    return chosen


def _warpers(sampling: Sampling) -> list[Any]:
    from transformers.generation import logits_process as processors

    chosen: list[Any] = []
    if sampling.temperature != 1:
        chosen.append(processors.TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_k:
        chosen.append(processors.TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        chosen.append(processors.TopPLogitsWarper(float(sampling.top_p)))
    if sampling.min_p > 0:
        chosen.append(processors.MinPLogitsWarper(float(sampling.min_p)))
    if sampling.typical_p < 1:
        chosen.append(processors.TypicalLogitsWarper(float(sampling.typical_p)))
    return chosen
