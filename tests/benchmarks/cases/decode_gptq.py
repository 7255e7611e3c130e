"""Decoding in 4 bits on our own GPTQ linear, over the same model in bfloat16, each with as many adapters.

Beside it, over a bare `generate` of the same bfloat16 model without adapters, over the nf4 of bitsandbytes, and over
GPTQModel's kernels where `$GPTQMODEL_PYTHON` names an interpreter
that `lora-deck loaders setup autogptq --engine gptqmodel` has made. All but the bare
one go through the program's engine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from desktop.api import LoadRequest
from desktop.engine.client import EngineClient
from desktop.library.settings import Settings
from tests.benchmarks.adapters import make_adapters
from tests.benchmarks.cases.decode_adapters import rows
from tests.benchmarks.quantised import quantised_starter
from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import Bare, engine, new_home, speed
from tests.benchmarks.starter import starter_model

COUNTS = (0, 1, 2, 4)
OTHERS = ("bf16", "bare", "nf4", "gptqmodel")
ROUNDS, TOKENS = 3, 48
INTERPRETER = "GPTQMODEL_PYTHON"


def _name(count: int, other: str) -> str:
    """ "decode.gptq" is over bfloat16, "decode.gptq.2.nf4" over nf4 with two adapters on both sides."""
    return ".".join(["decode.gptq", *([str(count)] if count else []), *([other] if other != OTHERS[0] else [])])


NAMES = tuple(
    _name(count, other) for count in COUNTS for other in OTHERS[:3] + OTHERS[3:] * (INTERPRETER in os.environ)
)


def run(names: Sequence[str]) -> Iterator[Result]:
    """Every side is an engine of its own that stays loaded; they take turns."""
    counts = [count for count in COUNTS if {_name(count, other) for other in OTHERS} & set(names)]
    with new_home() as home, ExitStack() as stack, Bare() as bare:
        folders = make_adapters(home.loras, starter_model(), max(COUNTS))
        sides = {name: stack.enter_context(engine(home, **where)) for name, where in _engines().items()}
        for name, client in sides.items():
            client.load(_request(name)).result()
        bare.ask("load", path=str(starter_model()))
        for count in counts:
            for client in sides.values():
                client.set_stack(rows(folders[:count])).result()
            measured = {name: _measured(client) for name, client in sides.items()}
            measured["bare"] = lambda: bare.speed(TOKENS)
            ours, *others = by_turns(ROUNDS, *measured.values())
            for other, values in zip(list(measured)[1:], others, strict=True):
                if _name(count, other) in names:
                    yield result(_name(count, other), "tokens/s", ours, values)


def _engines() -> dict[str, dict[str, object]]:
    """How each side's engine is made; ours comes first."""
    found: dict[str, dict[str, object]] = {"ours": {"loader": "autogptq"}, "bf16": {}, "nf4": {}}
    if python := os.environ.get(INTERPRETER):
        found["gptqmodel"] = {"loader": "autogptq", "settings": Settings(interpreters={"autogptq": python})}
    return found


def _request(name: str) -> LoadRequest:
    if name in {"ours", "gptqmodel"}:
        return LoadRequest(path=str(quantised_starter()), dtype="bfloat16", device="cpu", settings={"engine": name})
    return LoadRequest(path=str(starter_model()), dtype="bfloat16", device="cpu", bits=4 if name == "nf4" else 16)


def _measured(client: EngineClient) -> Callable[[], float]:
    return lambda: speed(client, TOKENS)
