"""Brings an engine's stack to what the window last asked for, on a lane of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from desktop.api import AttachReceipt, Lora
from desktop.engine.client import EngineClient
from desktop.engine.jobs import EngineGone, JobCancelled, JobFailed
from desktop.prompting.lora_tags import lay_over

from .lane import Lane
from .plans import Problem, StackReport
from .problems import problem_from

Rows = tuple[Lora, ...]


class StackKeeper:
    """Knows the stack that is wanted. Changes that come faster than the engine takes them become one.

    While an answer runs, what its message brings lies over the stack, and changes wait for its end if the user says so.
    """

    def __init__(self, lane: Lane, report: Callable[[StackReport], None], lost: Callable[[EngineGone], None]) -> None:
        """`lane` runs nothing that waits for an answer; `report` and `lost` are called on it."""
        self._lane = lane
        self._report = report
        self._lost = lost
        self._lock = threading.Lock()
        self._pending = False
        self._client: EngineClient | None = None
        self._answering = False
        self._changes_wait = False
        self._later: Rows | None = None
        """What is wanted once the answer has ended."""
        self._brought: Rows = ()
        """What the message that is being answered brings."""
        self._covered: tuple[Rows, Rows] = ((), ())
        """What was attached before that, and what was wanted."""
        self.wanted: Rows = ()
        """The stack as the window has it, but for changes that wait."""
        self.held = threading.Lock()
        """Whoever holds it has the stack for himself; changes wait."""

    def use(self, client: EngineClient | None) -> None:
        """From now on this engine's stack is meant; None while no model is loaded."""
        self._client = client

    @property
    def waits(self) -> bool:
        """Whether a change waits for the end of the answer."""
        return self._later is not None

    def want(self, rows: Sequence[Lora]) -> None:
        """Make these rows the stack, soon or after the answer. Never waits."""
        with self._lock:
            if self._answering and self._changes_wait:
                self._later = tuple(rows) if tuple(rows) != self.wanted else None
            else:
                self._want(tuple(rows))

    def let_changes_wait(self, wait: bool) -> None:
        """Whether changes wait for the end of a running answer; those that wait already are made if they shall not."""
        with self._lock:
            self._changes_wait = wait
            if not wait:
                self._want_later()

    def begin_answer(self) -> None:
        """An answer was asked for: it is made with the stack of this moment. Never waits."""
        with self._lock:
            self._answering = True

    @contextmanager
    def until_answered(self, client: EngineClient) -> Iterator[None]:
        """However an answer ends, what its message brought is taken off then, and what waited is wanted."""
        try:
            yield
        finally:
            try:
                self._uncover(client)
            finally:
                self.end_answer()

    def end_answer(self) -> None:
        """The answer has ended. Never waits."""
        with self._lock:
            self._answering = False
            self._want_later()

    def cover(self, client: EngineClient, brought: Rows) -> Rows:
        """Bring the stack up to date and lay over it what a message brings; what is attached then.

        Raises EngineGone, JobCancelled and, where a row that is brought can't be attached, JobFailed.
        """
        with self.held:
            wanted = self._catch_up(client)
            under = client.stack
            if brought:
                client.set_stack(lay_over(under, brought)).result()
                self._brought, self._covered = brought, (under, wanted)
            return client.stack

    def _want(self, rows: Rows) -> None:
        self.wanted = rows
        if not self._pending:
            self._pending = True
            self._lane.submit(self._change)

    def _want_later(self) -> None:
        if self._later is not None:
            self._want(self._later)
            self._later = None

    def _catch_up(self, client: EngineClient) -> Rows:
        with self._lock:
            wanted, pending, self._pending = self.wanted, self._pending, False
        if pending:
            self._report(apply_rows(client, wanted))
        return wanted

    def _uncover(self, client: EngineClient) -> None:
        with self.held:
            brought, self._brought = self._brought, ()
            if not brought or client.pid is None:
                return
            under, meant = self._covered
            with self._lock:
                wanted, self._pending = self.wanted, False
            try:
                if wanted is meant:
                    client.set_stack(under).result()
                else:
                    self._report(apply_rows(client, wanted))
            except (EngineGone, JobCancelled):
                pass  # an engine that is gone holds no stack; its loss is told elsewhere, the answer is whole

    def _change(self) -> None:
        with self.held:
            with self._lock:
                rows, client, pending = self.wanted, self._client, self._pending
                self._pending = False
            if client is None or not pending:
                return
            try:
                self._report(apply_rows(client, lay_over(rows, self._brought)))
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
