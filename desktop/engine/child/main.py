"""The main loop of an engine process: one job after the other, each ending in exactly one event."""

from __future__ import annotations

import importlib
import io
import os
import platform
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from desktop.api import Evaluation, LoaderError, Model, Progress
from desktop.engine.messages import (
    PROTOCOL,
    ApplyLora,
    Ask,
    Cancelled,
    CheckStack,
    ComputeLogits,
    CountTokens,
    Describe,
    Evaluate,
    Event,
    Export,
    Failed,
    Finished,
    Generate,
    Hello,
    Load,
    PlanTraining,
    Probe,
    Quantize,
    RemoveLora,
    Render,
    Rest,
    SetMode,
    SetStack,
    ShowRow,
    Step,
    Warm,
    encoder,
    event_decoder,
)
from desktop.engine.wire import WireError, write_frame

from .answering import JobCancelled, answer
from .cores import Cores
from .failures import failure_from, sendable
from .inbox import Inbox
from .plugins import Plugin, Plugins
from .resting import Resting
from .stack import Stack

_BETWEEN = (SetStack, ApplyLora, RemoveLora, CountTokens)
"""What can be done between two tokens, where the loader's models allow it."""


class Engine:
    """Holds one model at most and does what the shell asks."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        """The two pipes of the shell."""
        self._outgoing = outgoing
        self._plugins = Plugins()
        self._cores = Cores()
        self._model: Model | None = None
        self._stack: Stack | None = None
        self._in_between: tuple[type[Ask], ...] = ()
        """Kinds of jobs that are done between two tokens of an answer."""
        self._say(Hello(PROTOCOL, os.getpid(), platform.python_version()))
        self._inbox = Inbox(incoming)
        self._resting = Resting(self._inbox, lambda seconds: self._say(Rest(seconds > 0)))

    def serve(self) -> None:
        """Do jobs until the shell closes the pipe."""
        while (ask := self._inbox.next_job()) is not None:
            self._resting.begin()
            self._do(ask)
            self._inbox.forget(ask.job)
        if self._model is not None:
            self._model.close()

    def _do(self, ask: Ask) -> None:
        try:
            if self._inbox.is_cancelled(ask.job):
                raise JobCancelled
            self._cores.use(self._inbox.parts)
            result = msgspec.Raw(encoder.encode(self._result(ask)))
            ending: Event = Finished(ask.job, result)
        except JobCancelled:
            ending = Cancelled(ask.job)
        except KeyboardInterrupt:
            raise  # from outside; `run` ends the process
        except BaseException as error:  # a plugin that calls sys.exit() ends its job, not the engine
            ending = Failed(ask.job, failure_from(error))
        try:
            self._say(ending)
        except WireError as error:
            self._say(Failed(ask.job, failure_from(LoaderError(f"The result can't be sent: {error}. Ask for less."))))

    def _result(self, ask: Ask) -> Any:
        match ask:
            case Describe():
                return self._plugins.open(ask.loader).describe()
            case Probe():
                from pathlib import Path

                return self._plugins.open(ask.loader).probe(Path(ask.path))
            case Warm():
                return self._warm(ask)
            case Load():
                return self._load(ask)
            case SetStack():
                return self._the_stack().replace(ask.loras)
            case ApplyLora():
                return self._the_stack().apply(ask.lora)
            case RemoveLora():
                return self._the_stack().remove(ask.id)
            case Generate():
                return answer(ask, self._the_model(), self._the_stack(), self)
            case Render():
                return self._the_model().render(ask.messages)
            case CountTokens():
                return self._the_model().count_tokens(ask.text)
            case ComputeLogits():
                return self._the_model().logits(ask.request)
            case SetMode():
                return self._the_stack().set_mode(ask.mode)
            case CheckStack():
                return self._the_model().check_stack(ask.prompt)
            case Export():
                return self._the_model().export(ask.request, self._steps_of(ask, self.between))
            case PlanTraining():
                return self._the_model().plan_training(ask.request)
            case ShowRow():
                return self._the_model().show_row(ask.row, ask.settings)
            case Evaluate():
                return self._evaluate(ask)
            case Quantize():
                return self._the_model().quantize(ask.request, self._steps_of(ask, self._pause))
        raise LoaderError(f"This engine doesn't know how to {type(ask).__name__}. Update LoRA Deck.")

    def between(self, job: int) -> None:
        """What happens between two tokens: an engine in the background rests if it is time to, a cancellation ends
        the job, a new share of the cores is taken, and where the loader allows it the stack is changed under the
        running answer."""
        self._pause(job)
        while (ask := self._inbox.next_between(self._in_between)) is not None:
            self._do(ask)
            self._inbox.forget(ask.job)
            # Nobody knows what a model computes whose stack could neither be changed nor put back.
            self._the_stack().check()

    def say(self, event: Event) -> None:
        """Send one event that a plugin had a hand in; a bug there is told here, not by a shell that can't read it."""
        event_decoder().decode(encoder.encode(event))
        self._say(event)

    def _warm(self, ask: Warm) -> None:
        modules = self._plugins.open(ask.loader).describe().warm
        for number, name in enumerate(modules):
            if self._inbox.is_cancelled(ask.job):
                raise JobCancelled
            self._say(Step(ask.job, f"Importing {name}", number / len(modules)))
            importlib.import_module(name)

    def _load(self, ask: Load) -> Any:
        if self._model is not None:
            raise LoaderError("This engine holds a model already. Start another engine for a second one.")
        plugin: Plugin = self._plugins.open(ask.loader)

        def progress(step: str, fraction: float | None = None) -> None:
            self.say(Step(ask.job, sendable(step), fraction))
            if threading.current_thread() is threading.main_thread():
                self._cores.use(self._inbox.parts)

        model = plugin.load(ask.request, progress)
        if model is None:
            return None
        self._model, self._stack = model, Stack(plugin, model)
        self._in_between = _BETWEEN if _allows_live_changes(plugin) else ()
        return model.info

    def _pause(self, job: int) -> None:
        """What happens between two steps of a job under which the stack must stay what it is."""
        self._resting.rest(job)
        if self._inbox.is_cancelled(job):
            raise JobCancelled
        self._cores.use(self._inbox.parts)

    def _steps_of(self, ask: Ask, between: Callable[[int], None]) -> Progress:
        """Tells the shell what a job of several steps is at; between two of them the job can be cancelled."""

        def progress(step: str, fraction: float | None = None) -> None:
            self.say(Step(ask.job, sendable(step), fraction))
            between(ask.job)

        return progress

    def _evaluate(self, ask: Evaluate) -> Evaluation:
        shares = self._the_model().evaluate(ask.request)
        try:
            while True:
                self.say(Step(ask.job, "Evaluating", next(shares)))
                self.between(ask.job)
        except StopIteration as ending:
            if not isinstance(ending.value, Evaluation):
                raise TypeError(f"evaluate returned {type(ending.value).__name__} where Evaluation was due") from None
            return ending.value
        finally:
            shares.close()

    def _the_model(self) -> Model:
        self._the_stack().check()
        assert self._model is not None
        return self._model

    def _the_stack(self) -> Stack:
        if self._stack is None:
            raise LoaderError("No model is loaded in this engine. Load one first.")
        return self._stack

    def _say(self, event: Event) -> None:
        try:
            write_frame(self._outgoing, encoder.encode(event))
        except OSError:
            # The shell is gone; the inbox sees it too and ends the process.
            os._exit(0)


def _allows_live_changes(plugin: Plugin) -> bool:
    try:
        return plugin.describe().capabilities.live_changes
    except Exception:  # a describe that fails was told when the loader was listed; it promises nothing
        return False


def run(incoming: int, outgoing: int) -> None:
    """Serve the shell on two file descriptors until it closes them, then end the process."""
    reader = io.open(incoming, "rb", buffering=0)  # noqa: SIM115, UP020 - lives as long as the process
    writer = os.fdopen(outgoing, "wb")
    try:
        Engine(reader, writer).serve()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    # Not sys.exit(): a backend's atexit handlers and threads may hang, and there is nothing left to save.
    os._exit(0)
