"""Passes on how far transformers has come with a model's weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from desktop.api import Progress

INTERVAL = 0.1
"""Seconds between two reports; a model has hundreds of tensors and each may load in a millisecond."""


class _Bar:
    """Stands where transformers would draw a progress bar."""

    def __init__(self, items: Iterable[Any] | None, total: int | None, tell: Progress) -> None:
        self._items = items
        self._total = total or (len(items) if hasattr(items, "__len__") else 0)  # type: ignore[arg-type]
        self._tell = tell
        self._done = 0
        self._told = 0.0

    def __iter__(self) -> Iterator[Any]:
        for item in self._items or ():
            yield item
            self.update()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, count: int = 1) -> None:
        self._done += count
        if monotonic() - self._told >= INTERVAL:
            self._told = monotonic()
            self._tell("Loading weights", self._done / self._total if self._total else None)

    def close(self) -> None:
        """tqdm's way to end a bar."""

    def __getattr__(self, name: str) -> Any:
        # The rest of tqdm (set_description, set_postfix, refresh, ...) only draws.
        return lambda *_, **__: None


@contextmanager
def report_weights(progress: Progress) -> Iterator[None]:
    """Inside it, progress bars of transformers become reports; versions before the hook existed report the start."""
    from transformers.utils import logging

    progress("Loading weights", None)
    if not hasattr(logging, "set_tqdm_hook"):
        yield
        return

    def bar(_: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> _Bar:
        items = arguments[0] if arguments else options.get("iterable")
        return _Bar(items, options.get("total"), progress)

    previous = logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        logging.set_tqdm_hook(previous)
