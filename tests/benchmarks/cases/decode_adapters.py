"""Decoding with adapters at work, over the bare base without any; and beside it, over PEFT with the same adapters.

The same table for the starter model in bfloat16, for it in 8 and 4 bits, and for a random model of a Llama's shape with
1.1 billion parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from desktop.api import Lora
from tests.benchmarks.adapters import make_adapters
from tests.benchmarks.large import large_model
from tests.benchmarks.results import Result, by_turns, result
from tests.benchmarks.sides import Bare, engine, load, new_home, speed
from tests.benchmarks.starter import starter_model

COUNTS = (1, 2, 4, 8)


class Table(msgspec.Struct, frozen=True):
    """One base, as it is held."""

    prefix: str
    model: Callable[[], Path]
    bits: int
    rounds: int
    tokens: int


TABLES = (
    Table("decode.adapters", starter_model, 16, 3, 64),
    Table("decode.8bit.adapters", starter_model, 8, 3, 32),
    Table("decode.4bit.adapters", starter_model, 4, 3, 32),
    Table("decode.large.adapters", large_model, 16, 2, 12),
)
NAMES = tuple(f"{table.prefix}.{count}{kind}" for table in TABLES for count in COUNTS for kind in ("", ".peft"))


def run(names: Sequence[str]) -> Iterator[Result]:
    """Each table with processes of its own; rank 16 on all linears."""
    for table in TABLES:
        counts = [count for count in COUNTS if {f"{table.prefix}.{count}", f"{table.prefix}.{count}.peft"} & set(names)]
        if counts:
            yield from _run(table, counts)


def _run(table: Table, counts: Sequence[int]) -> Iterator[Result]:
    path = table.model()
    with new_home() as home:
        folders = make_adapters(home.loras, path, max(counts))
        with engine(home) as client, Bare() as base, Bare() as peft:
            load(client, path, table.bits)
            for other in (base, peft):
                other.ask("load", path=str(path), bits=table.bits)
            for count in counts:
                client.set_stack(rows(folders[:count])).result()
                for number, folder in enumerate(folders[:count]):
                    peft.ask("attach", name=f"row{number}", path=str(folder))
                values, bases, pefts = by_turns(
                    table.rounds,
                    lambda: speed(client, table.tokens),
                    lambda: base.speed(table.tokens),
                    lambda: peft.speed(table.tokens),
                )
                peft.ask("detach")
                yield result(f"{table.prefix}.{count}", "tokens/s", values, bases)
                yield result(f"{table.prefix}.{count}.peft", "tokens/s", values, pefts)


def rows(folders: Sequence[Path]) -> list[Lora]:
    """A stack of them."""
    return [Lora(id=f"row{number}", name=one.name, path=str(one)) for number, one in enumerate(folders)]
