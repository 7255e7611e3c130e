"""Runs one case in an engine of its own and holds what it computes against the reference."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np

from desktop.api import GenerateRequest, LoadRequest, LogitsRequest, Lora, Sampling
from desktop.engine.client import EngineClient
from desktop.engine.jobs import JobFailed
from desktop.library.home import Home
from tests.contract.opening import engine_of

from .cases import Case
from .machine import used_memory

PROMPT = "The capital of France is Paris. The quick brown fox jumps over the dog " * 4
TOKENS = 64
PATIENCE = 900.0
"""Seconds: the first import of an ExLlama compiles CUDA code."""


class Row(msgspec.Struct, kw_only=True):
    """One line of the table; what was not reached stays None."""

    name: str
    state: str = "ok"
    """"ok", or what is wrong, or why it was skipped."""
    load_seconds: float | None = None
    base_error: float | None = None
    """Largest difference of the base's logits from the reference's, as a share of the largest."""
    stack_error: float | None = None
    """The same with two weighted adapters."""
    formula: str = ""
    """What `check_stack` says, where the loader has it."""
    removal: str = ""
    """"exact": equal to the last bit; "spread": no further off than two passes of the base are from each other."""
    tokens_a_second: float | None = None
    with_two_adapters: float | None = None
    megabytes: float | None = None
    """Memory of the card that loading and answering took."""


class Computed(msgspec.Struct, frozen=True):
    """What one model computes alone, and with the two adapters."""

    base: np.ndarray
    stack: np.ndarray


def rows_of(shelf: Path) -> list[Lora]:
    """The stack that is put on every base."""
    weights = {"small": 0.7, "large": -0.3}
    return [Lora(id=f"ad_{n}", name=n, path=str(shelf / "loras" / n), weight=w) for n, w in weights.items()]


def reference(spec: dict[str, object], shelf: Path, home: Home, device: str) -> Computed:
    """What is to be computed."""
    with engine_of(str(spec["loader"]), home) as engine:
        load(engine, shelf / str(spec["model"]), dict(spec["request"]), device)
        base = logits(engine)
        engine.set_stack(rows_of(shelf)).result(PATIENCE)
        return Computed(base, logits(engine))


def check(case: Case, expected: Computed, shelf: Path, home: Home, device: str) -> Row:
    """One case, whatever happens in it."""
    row = Row(name=case.name)
    try:
        with engine_of(case.loader, home) as engine:
            _check(case, row, engine, expected, shelf, device)
    except JobFailed as failed:
        row.state = f"failed: {failed.failure.message}"
    except (AssertionError, OSError, RuntimeError) as error:
        row.state = f"failed: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return row


def _check(case: Case, row: Row, engine: EngineClient, expected: Computed, shelf: Path, device: str) -> None:
    before, begun = used_memory(), time.perf_counter()
    info = load(engine, shelf / case.model, dict(case.request), device)
    row.load_seconds = time.perf_counter() - begun
    assert info.device.split(":")[0] == device.split(":")[0], f"it was loaded on {info.device}"
    logits(engine)  # some kernels pack their weights anew in the first pass
    base = logits(engine)
    again = logits(engine)
    spread = float(np.abs(base - again).max())
    row.tokens_a_second = speed(engine)
    receipts = engine.set_stack(rows_of(shelf)).result(PATIENCE)
    assert all(receipt.modules_matched == receipt.modules_targeted for receipt in receipts), "modules are missing"
    stack = logits(engine)
    assert np.abs(stack - base).max() > 10 * spread + 1e-3, "the adapters change nothing"
    row.with_two_adapters = speed(engine)
    row.formula = formula(engine)
    for lora in rows_of(shelf):
        engine.remove_lora(lora.id).result(PATIENCE)
    row.removal = removed(base, logits(engine), spread)
    row.megabytes = (used_memory() - before) / 2**20
    if case.near:
        row.base_error, row.stack_error = share(base, expected.base), share(stack, expected.stack)
    judge(case, row, spread, case.near * (8 if info.dtype == "bfloat16" else 1))


def judge(case: Case, row: Row, spread: float, near: float) -> None:
    """Say what is wrong, if anything is."""
    wrong = []
    for what, error in (("base", row.base_error), ("stack", row.stack_error)):
        if error is not None and not error <= near:
            wrong.append(f"the {what} is {error:.3g} off")
    if row.removal != "exact" and (case.exact or row.removal != "spread"):
        wrong.append(f"removal: {row.removal} (spread of the base {spread:.3g})")
    if row.formula not in {"holds", "not offered"}:
        wrong.append(row.formula)
    if wrong:
        row.state = "wrong: " + "; ".join(wrong)


def load(engine: EngineClient, path: Path, request: dict[str, object], device: str):
    """Load, and say what was loaded."""
    return engine.load(LoadRequest(path=str(path), device=device, **request)).result(PATIENCE)


def logits(engine: EngineClient) -> np.ndarray:
    """Of every position of the prompt."""
    told = engine.logits(LogitsRequest(prompt=PROMPT, last=10_000)).result(PATIENCE)
    return np.frombuffer(told.data, "<f4").reshape(told.positions, told.vocabulary).copy()


def speed(engine: EngineClient) -> float:
    """Tokens a second after the first, which reads the prompt."""
    wanted = GenerateRequest(prompt=PROMPT, sampling=Sampling(greedy=True), max_new_tokens=TOKENS)
    times = [time.perf_counter() for chunk in engine.generate(wanted).events(PATIENCE) if chunk.tokens]
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def formula(engine: EngineClient) -> str:
    """Whether every module adds what the formula says in float64."""
    try:
        told = engine.check_stack(PROMPT).result(PATIENCE)
    except JobFailed as failed:
        return "not offered" if failed.failure.kind == "unsupported" else failed.failure.message
    return "holds" if told.holds else f"{told.worst_module} is {told.worst_error:.3g} off the formula"


def removed(base: np.ndarray, after: np.ndarray, spread: float) -> str:
    """How the base came back."""
    if np.array_equal(base, after):
        return "exact"
    off = float(np.abs(base - after).max())
    return "spread" if off <= 2 * spread else f"{off:.3g} off"


def share(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, as a share of the largest number."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())
