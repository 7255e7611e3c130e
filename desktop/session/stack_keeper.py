"""Brings an engine's stack to what the window last asked for, on a lane of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from desktop.api import AttachReceipt, Lora
from desktop.engine.client import EngineClient
from desktop.engine.jobs import EngineGone, JobCancelled, JobFailed

from .lane import Lane
from .plans import Problem, StackReport
from .problems import problem_from

Rows = tuple[Lora, ...]


class StackKeeper:
    """Knows the stack that is wanted. Changes that come faster than the engine takes them become one."""

    def __init__(self, lane: Lane, report: Callable[[StackReport], None], lost: Callable[[EngineGone], None]) -> None:
        """`lane` runs nothing that waits for an answer; `report` and `lost` are called on it."""
        self._lane = lane
        self._report = report
        self._lost = lost
        self._lock = threading.Lock()
        self._pending = False
        self._client: EngineClient | None = None
        self.wanted: Rows = ()
        """The stack as the window has it."""
        self.held = threading.Lock()
        """Whoever holds it has the stack for himself; changes wait."""

    def use(self, client: EngineClient | None) -> None:
        """From now on this engine's stack is meant; None while no model is loaded."""
        self._client = client

    def want(self, rows: Sequence[Lora]) -> None:
        """Make these rows the stack, soon. Never waits."""
        with self._lock:
            self.wanted = tuple(rows)
            if self._pending:
                return
            self._pending = True
        self._lane.submit(self._change)

    def _change(self) -> None:
        with self.held:
            with self._lock:
                rows, client = self.wanted, self._client
                self._pending = False
            if client is None:
                return
            try:
                self._report(apply_rows(client, rows))
            except EngineGone as gone:
                self._lost(gone)
            except JobCancelled:
                pass  # the engine was ended on request; what comes next brings its own stack


def apply_rows(client: EngineClient, rows: Rows) -> StackReport:
    """Make the rows the stack; where that fails, as many of them as can be attached. Raises EngineGone, JobCancelled.

    The rows that fit must not suffer for the one that doesn't, say after a start with an adapter deleted meanwhile.
    """
    try:
        return StackReport(rows=rows, receipts=tuple(client.set_stack(rows).result()))
    except EngineGone:
        raise
    except JobFailed as failed:
        if len(rows) < 2:
            return StackReport(rows=client.stack, problems={row.id: problem_from(failed) for row in rows})
    return _one_by_one(client, rows)


def _one_by_one(client: EngineClient, rows: Rows) -> StackReport:
    kept: Rows = ()
    receipts: Sequence[AttachReceipt] = ()
    problems: dict[str, Problem] = {}
    for row in rows:
        try:
            receipts = client.set_stack((*kept, row)).result()
            kept = (*kept, row)
        except EngineGone:
            raise
        except JobFailed as failed:
            problems[row.id] = problem_from(failed)
    if not kept:
        client.set_stack(()).result()
    return StackReport(rows=kept, receipts=tuple(receipts), problems=problems)
