"""The one table of budgets: what each benchmark must reach, and what is compared with it."""

from __future__ import annotations

from typing import Literal

import msgspec

Rule = Literal["ratio at least", "ratio at most", "value at most", "over baseline at most"]


class Budget(msgspec.Struct, frozen=True):
    """A bound on one benchmark."""

    rule: Rule
    """What of the result the bound is for: value / baseline, the value itself, or value - baseline."""
    bound: float | None
    """In the result's unit unless it is a ratio. None: measured for comparison, nothing is promised."""
    what: str

    def holds(self, value: float, baseline: float | None) -> bool | None:
        """Whether a result keeps to it; None where there is nothing to keep to."""
        if self.bound is None:
            return None
        if self.rule == "value at most":
            return value <= self.bound
        if baseline is None:
            raise ValueError(f"{self.what}: this budget needs a baseline")
        if self.rule == "over baseline at most":
            return value - baseline <= self.bound
        ratio = value / baseline
        return ratio >= self.bound if self.rule == "ratio at least" else ratio <= self.bound


DECODING = {1: 1.0, 2: 0.95, 4: 0.85, 8: 0.75}
"""Decoding with so many adapters over the bare base."""


def _adapters(kind: str, base: str) -> dict[str, Budget]:
    found = {}
    for count, bound in DECODING.items():
        found[f"decode.{kind}.adapters.{count}"] = Budget("ratio at least", bound, f"{count} of them; baseline: {base}")
        words = f"{count} of them; baseline: PEFT with the same adapters"
        found[f"decode.{kind}.adapters.{count}.peft"] = Budget("ratio at least", None, words)
    return found


GPTQ = 1.5
"""Decoding in 4 bits on our own GPTQ linear over the same model in bfloat16, with no adapter."""


def _gptq() -> dict[str, Budget]:
    found = {}
    for count in ("", ".1", ".2", ".4"):
        words = f"4 bits on our GPTQ linear{f', adapters: {count[1:]}' if count else ''}; baseline: "
        found[f"decode.gptq{count}"] = Budget("ratio at least", None if count else GPTQ, words + "our own bfloat16")
        found[f"decode.gptq{count}.bare"] = Budget("ratio at least", None, words + "bare generate in bfloat16")
        found[f"decode.gptq{count}.nf4"] = Budget("ratio at least", None, words + "nf4 of bitsandbytes")
        found[f"decode.gptq{count}.gptqmodel"] = Budget("ratio at least", None, words + "GPTQModel's kernels")
    return found


BUDGETS: dict[str, Budget] = {
    "startup.window": Budget("value at most", 0.5, "a new process to the visible window, 200 adapters"),
    "ui.stall.load": Budget("value at most", 33, "worst gap of a 4 ms GUI timer while loading"),
    "ui.stall.load.p99": Budget("value at most", 10, "99th percentile of those gaps while loading"),
    "ui.stall.generate": Budget("value at most", 33, "worst gap of a 4 ms GUI timer while generating"),
    "ui.stall.generate.p99": Budget("value at most", 10, "99th percentile of those gaps while generating"),
    "ui.stall.attach": Budget("value at most", 33, "worst gap of a 4 ms GUI timer while attaching"),
    "ui.stall.attach.p99": Budget("value at most", 10, "99th percentile of those gaps while attaching"),
    "ui.stall.many": Budget("value at most", 33, "worst gap with 16 adapters attached and 1,000 in the library"),
    "ui.stall.many.p99": Budget("value at most", 10, "99th percentile of those gaps"),
    "ui.stall.train": Budget("value at most", 33, "worst gap of a 4 ms GUI timer while training"),
    "engine.load": Budget("over baseline at most", 0.3, "Load on a warmed engine; baseline: the bare library"),
    "decode.stream": Budget("ratio at least", 1.0, "streamed greedy answer; baseline: bare generate, not streamed"),
    "decode.adapters.1": Budget("ratio at least", 1.0, "1 adapter r16 on all linears; baseline: the bare base"),
    "decode.adapters.2": Budget("ratio at least", 0.95, "2 adapters; baseline: the bare base"),
    "decode.adapters.4": Budget("ratio at least", 0.85, "4 adapters; baseline: the bare base"),
    "decode.adapters.8": Budget("ratio at least", 0.75, "8 adapters; baseline: the bare base"),
    "decode.adapters.1.peft": Budget("ratio at least", None, "1 adapter; baseline: PEFT with the same adapter"),
    "decode.adapters.2.peft": Budget("ratio at least", None, "2 adapters; baseline: PEFT with the same adapters"),
    "decode.adapters.4.peft": Budget("ratio at least", None, "4 adapters; baseline: PEFT with the same adapters"),
    "decode.adapters.8.peft": Budget("ratio at least", None, "8 adapters; baseline: PEFT with the same adapters"),
    **_adapters("8bit", "the bare 8-bit base"),
    **_adapters("4bit", "the bare nf4 base"),
    **_adapters("large", "the bare base of 1.1 billion parameters"),
    **_gptq(),
    "decode.first_token": Budget("ratio at most", 0.15, "turn 5 of a conversation; baseline: its whole prompt anew"),
    "decode.folded": Budget("ratio at least", 0.98, "2 adapters folded in; baseline: our own decoding of the base"),
    "decode.beside_training": Budget("ratio at least", 0.7, "decoding beside a training; baseline: decoding alone"),
    "decode.beside_training.train": Budget("ratio at least", 0.5, "training beside decoding; baseline: alone"),
    "train.speed": Budget("ratio at least", 1.8, "training; baseline: transformers' Trainer with PEFT, rows padded"),
    "train.speed.flattening": Budget("ratio at least", 1.2, "training; baseline: Trainer, rows laid end to end"),
    "train.memory": Budget("ratio at most", 0.6, "largest memory of a training; baseline: Trainer, rows padded"),
    "stack.attach": Budget("value at most", 30, "attach the first r16 adapter; baseline: PEFT"),
    "stack.attach.16th": Budget("value at most", 30, "attach the sixteenth; baseline: PEFT's sixteenth"),
    "stack.reweight": Budget("value at most", 2, "change a weight; baseline: PEFT's set_scale on every layer"),
    "stack.remove": Budget("value at most", 10, "remove the last adapter; baseline: PEFT's unload"),
    "download.speed": Budget("ratio at least", 0.9, "verified download (speed); baseline: bare snapshot_download's"),
    "library.place": Budget("value at most", 1.0, "visit the library's place: 1,000 adapters and 200 models are shown"),
    "library.place.memory": Budget("over baseline at most", 100, "memory of that window; baseline: an empty library"),
    "ui.stall.library": Budget("value at most", 33, "worst gap of a 4 ms GUI timer from its first visit on"),
    "ui.stall.library.p99": Budget("value at most", 10, "99th percentile of those gaps"),
    "library.list": Budget("value at most", 1.0, "list 1,000 adapters; baseline: reading their configurations"),
}
