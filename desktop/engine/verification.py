"""The proof that adapters act and that the base comes back: attach, compare, take off, compare."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence

from desktop.api import Logits, LogitsRequest, Lora, StackCheck

from .client import EngineClient
from .jobs import JobFailed
from .proof import Proof

PROMPT = "The quick brown fox jumps over the lazy dog. Once upon a time, in a land far away, there lived"
PROBE = LogitsRequest(prompt="The capital of France is")
"""What the next token's logits are compared on after every change; short, because nobody asked for it."""
POSITIONS = 64
"""Logits of so many of the prompt's last positions are compared."""


def verify(engine: EngineClient, rows: Sequence[Lora], tell: Callable[[str, float], None]) -> list[Proof]:
    """Prove each of the rows alone and, where there are several, all together; the stack is then what it was.

    `tell` hears what is being done and how far it is. Raises JobFailed, for example where the loader gives no logits.
    """
    before, mode = engine.stack, engine.mode
    stacks = [(row,) for row in rows] + ([tuple(rows)] if len(rows) > 1 else [])
    try:
        if mode != "exact":
            engine.set_mode("exact").result()
        engine.set_stack(()).result()
        # Twice: an engine that packs its weights at the first pass (nf4) is only then what it will be.
        _logits(engine)
        base = _logits(engine)
        proofs = []
        for number, stack in enumerate(stacks):
            tell(f"Verifying {', '.join(row.name for row in stack)}", number / len(stacks))
            proofs.append(_prove(engine, stack, base))
        return proofs
    finally:
        engine.set_stack(before).result()
        if mode != "exact":
            engine.set_mode(mode).result()


def _prove(engine: EngineClient, stack: Sequence[Lora], base: Logits) -> Proof:
    receipts = engine.set_stack(stack).result()
    check, why = _check(engine, stack)
    moved = largest_difference(_logits(engine), base)
    engine.set_stack(()).result()
    return Proof(
        names=tuple(row.name for row in stack),
        receipts=tuple(receipts),
        check=check,
        why_unchecked=why,
        moved=moved,
        base_is_back=_logits(engine).data == base.data,
    )


def _check(engine: EngineClient, stack: Sequence[Lora]) -> tuple[StackCheck | None, str]:
    if not any(row.effective_weight for row in stack):
        return None, "No adapter acts."
    try:
        return engine.check_stack(PROMPT).result(), ""
    except JobFailed as error:
        if error.failure.kind != "unsupported":
            raise
        return None, error.failure.message


def _logits(engine: EngineClient) -> Logits:
    return engine.logits(LogitsRequest(prompt=PROMPT, last=POSITIONS)).result()


def largest_difference(one: Logits, other: Logits) -> float:
    """Of two logits of the same shape, in their units; NaN where one is not a number."""
    left, right = array("f", one.data), array("f", other.data)
    if len(left) != len(right):
        raise ValueError(f"logits of {len(left)} and of {len(right)} numbers can't be compared")
    if any(math.isnan(value) for value in left):
        return math.nan
    return max((abs(a - b) for a, b in zip(left, right, strict=True)), default=0.0)
