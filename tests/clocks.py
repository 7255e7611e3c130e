"""Asserts that something waits for nothing, on a machine that may be slow or busy: how fast it is, benchmarks say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 20.0
"""Seconds that nothing takes which doesn't wait, however busy the machine is."""


@contextmanager
def at_once(limit: float = AT_ONCE) -> Iterator[None]:
    """What is done in here ends within `limit` seconds; where it wrongly waited, it would be for longer."""
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    assert took < limit, f"it waited for {took:.1f} s"
