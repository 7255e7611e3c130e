"""Both sides of a comparison as a case drives them: the program's engine, and the bare libraries."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from desktop.api import Chunk, GenerateRequest, LoadRequest, Sampling
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.governor import Governor
from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.home import Home
from desktop.library.settings import Settings

from .starter import ROOT

PROMPT = (
    "<|im_start|>user\nTell me a long story about an old sailor and the sea, with many details.<|im_end|>\n"
    "<|im_start|>assistant\n"
)
"""Its greedy answer by the starter model is longer than any case asks for."""


@contextmanager
def new_home() -> Iterator[Home]:
    """A home folder for logs and caches, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lora-deck-benchmark-", ignore_cleanup_errors=True) as folder:
        yield Home(Path(folder))


def loader_of(home: Home, name: str = "transformers", settings: Settings | None = None) -> tuple[Launch, LoaderRef]:
    """A loader as the program finds it, in the program's own interpreter unless the settings name another."""
    with Loaders(home, settings or Settings()) as loaders:
        found = loaders.find(name)
        if found.error:
            raise LookupError(found.error)
        return loaders.launch(found.ref), found.ref


@contextmanager
def engine(
    home: Home, governor: Governor | None = None, loader: str = "transformers", settings: Settings | None = None
) -> Iterator[EngineClient]:
    """A warmed engine of a loader."""
    launch, ref = loader_of(home, loader, settings)
    client = EngineClient(launch, ref, home.logs, governor)
    client.start()
    try:
        client.warm().result()
        yield client
    finally:
        client.close()


def load(client: EngineClient, path: Path, bits: int = 16) -> float:
    """Seconds from the wish to the loaded model."""
    started = perf_counter()
    client.load(LoadRequest(path=str(path), dtype="bfloat16", device="cpu", bits=bits)).result()
    return perf_counter() - started


def speed(client: EngineClient, count: int) -> float:
    """Tokens a second of a streamed greedy answer, from the wish to its end as the shell sees it.

    The prompt is read anew each time, as the other side does it.
    """
    request = GenerateRequest(
        prompt=PROMPT,
        add_special_tokens=False,
        sampling=Sampling(greedy=True),
        max_new_tokens=count,
        reuse_cache=False,
    )
    started = perf_counter()
    job = client.generate(request)
    tokens = sum(len(event.tokens) for event in job.events() if isinstance(event, Chunk))
    job.result()
    return _checked(tokens, count) / (perf_counter() - started)


class Bare:
    """The process of bare.py."""

    def __init__(self) -> None:
        """Started and warmed."""
        command = [sys.executable, "-m", "tests.benchmarks.bare"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, encoding="utf-8"
        )
        self.ask("warm")

    def ask(self, do: str, **arguments: Any) -> Any:
        """What it answers. Raises EOFError if it has died; it says why on standard error."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(f"the bare process ended while it should {do}")
        return json.loads(line)

    def speed(self, count: int) -> float:
        """Tokens a second of a greedy answer that comes in one piece."""
        answer = self.ask("generate", prompt=PROMPT, count=count)
        return _checked(len(answer["tokens"]), count) / float(answer["seconds"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _checked(tokens: int, count: int) -> int:
    # A short answer would be a comparison of two different things.
    if tokens != count:
        raise ValueError(f"the answer has {tokens} tokens where {count} were to be measured")
    return tokens
