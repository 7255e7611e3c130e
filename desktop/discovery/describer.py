"""Asks loader plugins what they are and what they can open, in a process of their own for each interpreter.

A plugin may do anything while it is imported: raise, hang, exit, crash. Nothing of that reaches the program, and
nothing of it stops the other plugins: a process that hangs or is gone is replaced by a fresh one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import LoaderInfo, Verdict
from desktop.engine.connection import Connection, new_number
from desktop.engine.jobs import EngineGone, Job, JobCancelled, JobFailed
from desktop.engine.messages import Ask, Describe, LoaderRef, Probe
from desktop.engine.process import Launch

from .words import one_line

DEADLINE = 20.0
"""Seconds one plugin has for one answer. A describe takes milliseconds; a probe may read headers off a slow disk."""


class Found(msgspec.Struct, frozen=True):
    """A registered loader: what it says of itself, or why it could not say."""

    ref: LoaderRef
    info: LoaderInfo | None
    """None where the plugin failed."""
    error: str = ""
    """Why it failed, in words on one line; empty where it did not."""
    detail: str = ""
    """The traceback, to be shown folded."""
    interpreter: str = ""
    """The Python it was asked in."""


class PluginError(Exception):
    """A plugin gave no answer; the message says why."""

    def __init__(self, message: str, detail: str = "", *, crashed: bool = False) -> None:
        """`crashed` means that the whole process ended, perhaps by the doing of a plugin asked before."""
        super().__init__(one_line(message))
        self.detail = detail
        self.crashed = crashed


class StartError(PluginError):
    """The interpreter itself can't be used; no plugin is to blame, and the next start may go well."""


class Describer(Connection):
    """One describer process. Its verbs wait; any thread may call them, one at a time is answered."""

    def __init__(self, launch: Launch, logs: Path, deadline: float | None = None) -> None:
        """Nothing is started before the first question. `deadline` is in seconds for one plugin and one answer."""
        super().__init__(launch, logs)
        self._deadline = DEADLINE if deadline is None else deadline
        self._turn = threading.Lock()
        self._closed = False
        self._asked: set[LoaderRef] = set()
        """Plugins the present process has loaded or tried to load."""
        self._unusable: StartError | None = None

    def describe(self, ref: LoaderRef) -> Found:
        """What a plugin says of itself. Raises StartError where no plugin can be asked in this interpreter."""
        try:
            info: LoaderInfo = self._ask_plugin(ref, lambda job: Describe(job=job, loader=ref), LoaderInfo)
        except StartError:
            raise
        except PluginError as failure:
            return Found(ref, None, str(failure), failure.detail, self.launch.python)
        return Found(ref, info, interpreter=self.launch.python)

    def probe(self, ref: LoaderRef, path: Path) -> Verdict:
        """A plugin's verdict about a model; a plugin that fails is one that can't open it."""
        try:
            verdict: Verdict = self._ask_plugin(ref, lambda job: Probe(job=job, loader=ref, path=str(path)), Verdict)
        except PluginError as failure:
            return Verdict(fits=False, reason=str(failure))
        return verdict

    def close(self) -> None:
        """End the process at once. A question that waits on another thread ends with JobCancelled."""
        # Killed, not asked to end: there is nothing to save, and a child that the plugin forked would keep the
        # pipe open and a friendly end waiting.
        self._closed = True
        self.kill()

    def _ask_plugin(self, ref: LoaderRef, ask: Callable[[int], Ask], answer: type[Any]) -> Any:
        with self._turn:
            alone = not self._asked - {ref}
            try:
                return self._ask_once(ref, ask, answer)
            except PluginError as failure:
                # A plugin asked before may have left a thread behind that ended the process just now.
                if alone or not failure.crashed:
                    raise
            return self._ask_once(ref, ask, answer)

    def _ask_once(self, ref: LoaderRef, ask: Callable[[int], Ask], answer: type[Any]) -> Any:
        self._ensure_started()
        self._asked.add(ref)
        job: Job[Any] = Job(new_number(), answer, self.cancel)
        self.ask(ask(job.number), job)
        try:
            return job.result(self._deadline)
        except TimeoutError:
            self.kill()
            raise PluginError(
                f"It gave no answer within {self._deadline:g} seconds and was stopped. "
                "Update or uninstall it; `lora-deck loaders --refresh` asks again."
            ) from None
        except EngineGone as gone:
            # What the dead process left behind, threads and pipes, is collected here.
            self.kill()
            raise PluginError(
                f"It ended the process it was loaded in ({gone.reason}). Update or uninstall it.", crashed=True
            ) from gone
        except JobFailed as failed:
            raise PluginError(failed.failure.message, failed.failure.detail) from failed
        except msgspec.ValidationError as error:
            raise PluginError(f"Its answer is no proper {answer.__name__}: {error}.") from error

    def _ensure_started(self) -> None:
        if self._unusable is not None:
            # Once is enough: an interpreter that says nothing for a minute would cost that minute for every plugin.
            raise StartError(str(self._unusable))
        if not self._closed and self.pid is None:
            self._asked.clear()
            try:
                self.start()
            except EngineGone as gone:
                self.kill()
                self._unusable = StartError(f"Its interpreter can't be used: {gone.reason}.")
        if self._closed:
            # Closed from another thread, perhaps while the process was being started.
            self.kill()
            raise JobCancelled
        if self._unusable is not None:
            raise self._unusable
