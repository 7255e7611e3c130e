"""Decoding with adapters at work, over the bare base without any; and beside it, over PEFT with the same adapters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from desktop.api import Lora
from tests.benchmarks.adapters import make_adapters
from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import Bare, engine, load, new_home, speed
from tests.benchmarks.starter import starter_model

COUNTS = (1, 2, 4, 8)
NAMES = tuple(f"decode.adapters.{count}{kind}" for count in COUNTS for kind in ("", ".peft"))
ROUNDS = 3
TOKENS = 64


def run(names: Sequence[str]) -> Iterator[Result]:
    """Each count with an engine that has just attached it; rank 16 on all linears."""
    path = starter_model()
    counts = [count for count in COUNTS if any(name.split(".")[2] == str(count) for name in names)]
    with new_home() as home:
        folders = make_adapters(home.loras, path, max(counts))
        with engine(home) as client, Bare() as base, Bare() as peft:
            load(client, path)
            for other in (base, peft):
                other.ask("load", path=str(path))
            for count in counts:
                client.set_stack(rows(folders[:count])).result()
                for number, folder in enumerate(folders[:count]):
                    peft.ask("attach", name=f"row{number}", path=str(folder))
                values, bases, pefts = by_turns(
                    ROUNDS, lambda: speed(client, TOKENS), lambda: base.speed(TOKENS), lambda: peft.speed(TOKENS)
                )
                peft.ask("detach")
                yield result(f"decode.adapters.{count}", "tokens/s", values, bases)
                yield result(f"decode.adapters.{count}.peft", "tokens/s", values, pefts)


def rows(folders: Sequence[Path]) -> list[Lora]:
    """A stack of them."""
    return [Lora(id=f"row{number}", name=one.name, path=str(one)) for number, one in enumerate(folders)]
