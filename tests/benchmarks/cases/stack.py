"""Putting adapters on, changing a weight and taking them off: milliseconds from the wish to its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from desktop.api import Lora
from desktop.engine.client import EngineClient
from desktop.engine.jobs import Job
from tests.benchmarks.adapters import make_adapters
from tests.benchmarks.results import Result, result
from tests.benchmarks.sides import Bare, engine, load, new_home
from tests.benchmarks.starter import starter_model

NAMES = ("stack.attach", "stack.attach.16th", "stack.reweight", "stack.remove")
ROUNDS = 5
FULL_ROUNDS = 2
"""Rounds that also go up to sixteen adapters, which takes a while."""
SIXTEEN = 16
Figures = dict[str, list[float]]


def run(names: Sequence[str]) -> Iterator[Result]:
    """Rank 16 on all linears. Our figures count the way through the engine process, PEFT's do not."""
    path = starter_model()
    ours: Figures = {name: [] for name in names}
    pefts: Figures = {name: [] for name in names}
    with new_home() as home, engine(home) as client, Bare() as peft:
        folders = make_adapters(home.loras, path, SIXTEEN if "stack.attach.16th" in names else 1)
        load(client, path)
        peft.ask("load", path=str(path))
        for number in range(ROUNDS + 1):
            attached = folders if 0 < number <= FULL_ROUNDS else folders[:1]
            our_round, peft_round = _ours(client, attached), _peft(peft, attached)
            # The first round warms both sides up.
            for name in set(names) & set(our_round) if number else ():
                ours[name].append(our_round[name] * 1000)
                pefts[name].append(peft_round[name] * 1000)
    for name in names:
        yield result(name, "ms", ours[name], pefts[name])


def _ours(client: EngineClient, folders: Sequence[Path]) -> dict[str, float]:
    rows = [Lora(id=f"row{number}", name=folder.name, path=str(folder)) for number, folder in enumerate(folders)]
    first = rows[0]
    changed = Lora(id=first.id, name=first.name, path=first.path, weight=0.5)
    found = {
        "stack.attach": _seconds(client, "apply_lora", first),
        "stack.reweight": _seconds(client, "apply_lora", changed),
        "stack.remove": _seconds(client, "remove_lora", first.id),
    }
    if len(rows) == SIXTEEN:
        for row in rows:
            found["stack.attach.16th"] = _seconds(client, "apply_lora", row)
        client.set_stack(()).result()
    return found


def _peft(peft: Bare, folders: Sequence[Path]) -> dict[str, float]:
    found = {
        "stack.attach": peft.ask("attach", name="row0", path=str(folders[0])),
        "stack.reweight": peft.ask("reweight", name="row0", weight=0.5),
        "stack.remove": peft.ask("detach"),
    }
    if len(folders) == SIXTEEN:
        for number, folder in enumerate(folders):
            found["stack.attach.16th"] = peft.ask("attach", name=f"row{number}", path=str(folder))
        peft.ask("detach")
    return found


def _seconds(client: EngineClient, verb: str, argument: Lora | str) -> float:
    started = perf_counter()
    job: Job[object] = getattr(client, verb)(argument)
    job.result()
    return perf_counter() - started
