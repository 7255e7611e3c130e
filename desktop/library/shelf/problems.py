"""Why something of the library can't be changed, and that only one changes it at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from desktop.library.home import Home
from desktop.library.home_lock import home_lock

PATIENCE = 2.0
"""Seconds for which another window is waited for."""


class ShelfError(Exception):
    """It can't be done; nothing was changed, and the message says why and what to do."""


@contextmanager
def one_at_a_time(home: Home) -> Iterator[None]:
    """Nobody else changes the library meanwhile, in no other window either. Raises ShelfError where somebody does."""
    try:
        with home_lock(home.root, "shelf", patience=PATIENCE):
            yield
    except TimeoutError as error:
        raise ShelfError("Another window is changing the library. Nothing was changed; try again.") from error
