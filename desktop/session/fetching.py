"""Gets the starter model and its adapter, in a way that can be cancelled at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from desktop.api import ModelInfo
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.jobs import Job, JobCancelled
from desktop.engine.messages import Step
from desktop.library.home import Home
from desktop.starter.install import ADAPTERS, install_adapter, install_named
from desktop.starter.making import make_starter

POLL = 0.2
"""Seconds until a cancellation is noticed."""


def fetch_starter(
    home: Home, loaders: Loaders, tell: Callable[[str, float | None], None], stopped: threading.Event
) -> tuple[Path, Path]:
    """The starter model's folder and its adapter's. Raises JobCancelled once `stopped` is set."""

    def progress(step: str, fraction: float | None = None) -> None:
        if stopped.is_set():
            raise JobCancelled
        tell(step, fraction)

    def follow(engine: EngineClient, job: Job[ModelInfo | None]) -> None:
        ended = False
        while not ended:
            try:
                for event in job.events(POLL):
                    if isinstance(event, Step):
                        progress(event.step, event.fraction)
                ended = True
            except TimeoutError:
                pass
            if stopped.is_set():
                engine.kill()
                raise JobCancelled
        job.result()

    install_named(home.loras, ADAPTERS)
    adapter = install_adapter(home.loras)
    return make_starter(home, loaders, progress, follow), adapter
