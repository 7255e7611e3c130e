"""Decoding while a training runs in a process of its own, both under one governor; each against itself alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread

from desktop.api import Chunk, GenerateRequest, LoadRequest
from desktop.engine.client import EngineClient
from desktop.engine.governor import Governor
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.home import Home
from tests.benchmarks import trainer
from tests.benchmarks.results import Result, result
from tests.benchmarks.sides import engine, load, new_home, speed
from tests.benchmarks.starter import starter_model

DECODE, TRAIN = NAMES = ("decode.beside_training", "decode.beside_training.train")
ROUNDS = 5
TOKENS = 96
SETTLE = 2
"""Steps before anything is measured: the first ones allocate memory."""
STEPS = 5
SECONDS = 5.0
"""A rate is taken over so many steps and so long, at least: processors differ a hundredfold."""


class Training:
    """A job that trains, with the steps it has done."""

    def __init__(self, client: EngineClient) -> None:
        """Trains from now on."""
        self._job = client.generate(GenerateRequest(prompt=""))
        self._steps: list[tuple[float, int]] = []
        self._reader = Thread(target=self._read, name="training-steps")
        self._reader.start()

    @property
    def done(self) -> int:
        """Steps so far."""
        return len(self._steps)

    def settle(self) -> None:
        """Wait for the first steps. Raises what the training raised where it ends."""
        while self.done < SETTLE:
            self._wait()

    def measured(self, begin: int) -> bool:
        """Whether enough has been done since step `begin` to take a rate."""
        steps = self._steps[begin:]
        return len(steps) > STEPS and steps[-1][0] - steps[0][0] >= SECONDS

    def rate(self, begin: int) -> float:
        """Tokens a second since step `begin`, from the end of one step to the end of the last; waits for enough."""
        while not self.measured(begin):
            self._wait()
        steps = self._steps[begin:]
        return sum(tokens for _, tokens in steps[1:]) / (steps[-1][0] - steps[0][0])

    def _wait(self) -> None:
        if not self._reader.is_alive():
            self._job.result()
            raise EOFError("the training has ended by itself")
        time.sleep(0.01)

    def stop(self) -> None:
        """End it at its next step."""
        self._job.cancel()
        self._reader.join()

    def _read(self) -> None:
        for event in self._job.events():
            if isinstance(event, Chunk):
                step = json.loads(event.text)
                self._steps.append((step["at"], step["tokens"]))


def run(names: Sequence[str]) -> Iterator[Result]:
    """By turns: decode alone, train alone, both."""
    path = starter_model()
    governor = Governor()
    decode: tuple[list[float], list[float]] = ([], [])
    train: tuple[list[float], list[float]] = ([], [])
    with new_home() as home, engine(home, governor) as client:
        load(client, path)
        other = _trainer(home, governor, path)
        try:
            speed(client, TOKENS)
            for _ in range(ROUNDS):
                decode[1].append(speed(client, TOKENS))
                training = Training(other)
                training.settle()
                train[1].append(training.rate(SETTLE))
                begin = training.done
                while not training.measured(begin):
                    decode[0].append(speed(client, TOKENS))
                train[0].append(training.rate(begin))
                training.stop()
        finally:
            other.kill()
    if DECODE in names:
        yield result(DECODE, "tokens/s", *decode)
    if TRAIN in names:
        yield result(TRAIN, "tokens/s", *train)


def _trainer(home: Home, governor: Governor, path: Path) -> EngineClient:
    name = "benchmark_trainer"
    client = EngineClient(
        Launch(sys.executable, {name: trainer.__file__}), LoaderRef(name, name), home.logs, governor, background=True
    )
    client.start()
    client.load(LoadRequest(path=str(path))).result()
    return client
