"""Discovery and engines for fixtures that live longer than one test, through real entry points all the same."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

import pytest

from desktop.api import GenerateRequest, LogitsRequest, Sampling
from desktop.discovery import entry_points
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.library.home import Home
from desktop.library.settings import Settings
from tests.metadata import write_metadata

ROOT = Path(__file__).resolve().parents[2]
THIRD_PARTY = ROOT / "tests" / "third_party"

PATIENCE = 120.0
"""Seconds without a word from an engine after which something is wrong, on a slow and busy machine."""


def install_own_loaders(folder: Path) -> tuple[Path, ...]:
    """Entry points of the program's own loaders, as an installation writes them; the folders that hold them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    write_metadata(folder, project["entry-points"]["lora_deck.loaders"], "lora-deck", "0")
    return ROOT / "plugins", folder


@contextmanager
def plugins_of(*folders: Path) -> Iterator[None]:
    """The plugins in these folders are registered, and nobody else's."""
    with pytest.MonkeyPatch.context() as patch:
        places = [str(folder) for folder in folders]
        patch.setattr(entry_points, "distributions", partial(distributions, path=places))
        for place in places:
            patch.syspath_prepend(place)
            patch.setenv("PYTHONPATH", place, prepend=os.pathsep)
        # With a second thread a tiny model waits for it most of the time, a hundred times as long on a busy machine.
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@contextmanager
def engine_of(loader: str, home: Home) -> Iterator[EngineClient]:
    """A started engine of a registered loader."""
    with Loaders(home, Settings()) as loaders:
        found = loaders.find(loader)
        assert not found.error, found.error
        engine = EngineClient(loaders.launch(found.ref), found.ref, home.logs)
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def answer(engine: EngineClient, prompt: str, tokens: int, **request) -> tuple[str, tuple[int, ...]]:
    """The greedy answer to a prompt as it stands: its text and its tokens."""
    wanted = GenerateRequest(prompt=prompt, sampling=Sampling(greedy=True), max_new_tokens=tokens, **request)
    chunks = list(engine.generate(wanted).events(PATIENCE))
    return "".join(chunk.text for chunk in chunks), tuple(token for chunk in chunks for token in chunk.tokens)


def logits(engine: EngineClient, prompt: str, **request) -> bytes:
    """The logits of every position of a prompt, to the bit."""
    return engine.logits(LogitsRequest(prompt=prompt, last=10_000, **request)).result(PATIENCE).data
