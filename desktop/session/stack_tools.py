"""What is done with the whole stack besides changing it: folding it, proving it, writing it to disk, probing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from desktop.api import ExportRequest, Logits, Mode
from desktop.engine.client import EngineClient
from desktop.engine.jobs import EngineGone, Job, JobCancelled, JobFailed
from desktop.engine.messages import Step
from desktop.engine.verification import PROBE, largest_difference, verify

from .lane import Lane
from .plans import Proved
from .problems import IN_WORDS, bug_from, problem_from
from .stack_keeper import StackKeeper

T = TypeVar("T")
QUIET = 600
"""Milliseconds without a change before the stack's effect is measured: a slider that is dragged makes many."""


class StackTools(QObject):
    """Works on the engine's main lane, one thing after the other; the verbs never wait."""

    #: What is being done, and the fraction of it that is done or None.
    progressed = Signal(str, object)
    #: The stack is computed in another mode: the Mode.
    mode_changed = Signal(str)
    #: The stack was proved: Proved.
    proved = Signal(object)
    #: The stack was written: ExportReport.
    exported = Signal(object)
    #: It could not be done: Problem. Nothing has changed.
    failed = Signal(object)
    #: It was cancelled. Nothing has changed.
    cancelled = Signal()
    #: How far the stack moves the logits of the next token, at most; NaN where one is not a number.
    moved = Signal(float)
    #: What was wanted is over, whatever came of it.
    ended = Signal()

    def __init__(
        self,
        lane: Lane,
        stack: StackKeeper,
        client: Callable[[], EngineClient | None],
        lost: Callable[[EngineGone], None],
        files_changed: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        """`client` is the engine with a model, where there is one; `files_changed` says why its files are others."""
        super().__init__(parent)
        self._lane = lane
        self._stack = stack
        self._client = client
        self._lost = lost
        self._files_changed = files_changed
        self._job: Job[Any] | None = None
        self._stopped = False
        self._quiet = QTimer(self, singleShot=True, interval=QUIET)
        self._quiet.timeout.connect(self.probe)
        self._base: tuple[EngineClient, Logits] | None = None

    def set_mode(self, mode: Mode) -> None:
        """Fold the stack into the weights, or compute it exactly again."""
        self.work(lambda client: self._set_mode(client, mode))

    def prove(self) -> None:
        """Prove each adapter of the stack and all of them together."""
        self.work(self._prove)

    def export(self, request: ExportRequest) -> None:
        """Write the stack to disk."""
        self.work(lambda client: self._export(client, request))

    def stop(self) -> bool:
        """End it at the next point where it can end. False if that was asked before: then only the engine can end."""
        before, self._stopped = self._stopped, True
        if (job := self._job) is not None:
            job.cancel()
        return not before

    def take_base(self) -> None:
        """Compute the base's next-token logits; on the engine's lane, by whoever holds the stack while it is empty."""
        self._base = None
        if (client := self._client()) is None:
            return
        try:
            self._base = (client, client.logits(PROBE).result())
        except (JobFailed, JobCancelled):
            pass  # the loader gives no logits, or the engine is gone, which is told elsewhere

    @Slot()
    def probe_soon(self) -> None:
        """The stack was changed: measure what it does, when no other change follows at once."""
        self._quiet.start()

    @Slot()
    def probe(self) -> None:
        """Compare the next token's logits with the base's, when the engine is free; nothing is told if it can't."""
        self._lane.submit(self._probe)

    def work(self, work: Callable[[EngineClient], None]) -> None:
        """Do something with the engine while nobody else changes the stack; what comes of it is told as ever."""
        self._stopped = False
        self._lane.submit(lambda: self._run(work))

    def follow(self, job: Job[T], words: str = "") -> T:
        """Wait for a job on the lane, telling how far it is under these words or its own; `stop` cancels it."""
        self._job = job
        if self._stopped:
            job.cancel()
        try:
            for event in job.events():
                if isinstance(event, Step):
                    self.progressed.emit(words or event.step, event.fraction)
            return job.result()
        finally:
            self._job = None

    @property
    def stopped(self) -> bool:
        """Whether the end of it was asked for."""
        return self._stopped

    def _run(self, work: Callable[[EngineClient], None]) -> None:
        client = self._client()
        try:
            if client is not None:
                with self._stack.held:
                    work(client)
        except JobCancelled:
            self.cancelled.emit()
        except EngineGone as gone:
            self.failed.emit(problem_from(gone))
            self._lost(gone)
        except IN_WORDS as error:
            self.failed.emit(problem_from(error))
        except Exception as error:  # a bug; without a word the window would wait for ever
            self.failed.emit(bug_from(error))
        finally:
            self.ended.emit()

    def _set_mode(self, client: EngineClient, mode: Mode) -> None:
        words = self.tr("Folding the stack into the weights") if mode == "folded" else self.tr("Unfolding the stack")
        self.progressed.emit(words, None)
        try:
            client.set_mode(mode).result()
        finally:
            self.mode_changed.emit(client.mode)

    def _prove(self, client: EngineClient) -> None:
        def tell(step: str, fraction: float) -> None:
            if self._stopped:
                raise JobCancelled
            self.progressed.emit(step, fraction)

        proofs = verify(client, client.stack, tell)
        self.proved.emit(Proved(tuple(proofs), self._files_changed()))

    def _export(self, client: EngineClient, request: ExportRequest) -> None:
        self.exported.emit(self.follow(client.export(request)))

    def _probe(self) -> None:
        client = self._client()
        if client is None or self._base is None or self._base[0] is not client:
            return
        try:
            with self._stack.held:
                found = client.logits(PROBE).result()
        except (JobFailed, JobCancelled):
            return  # the engine is gone, which is told elsewhere
        self.moved.emit(largest_difference(found, self._base[1]))
