"""A training run from its task to its result, written down event by event in the run's folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from pathlib import Path

import msgspec

from desktop.api import (
    CheckpointSaved,
    LoaderError,
    Model,
    TrainCommand,
    TrainEvent,
    TrainReport,
    TrainStarted,
)
from desktop.engine.runs.control import tell_rest
from desktop.engine.runs.entries import (
    Entry,
    HowEnded,
    Launched,
    ModelLoaded,
    Obeyed,
    Preparing,
    RunEnded,
    RunEvent,
)
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import append_line
from desktop.engine.runs.space import check_space
from desktop.engine.runs.task import RunTask

from .cores import Cores
from .failures import failure_from, sendable
from .plugins import Plugin, Plugins
from .publishing import publish
from .resting import Resting
from .stack import Stack
from .wishes import FolderWishes


class StoppedEarly(Exception):
    """The run was to stop before its first step."""


class Run:
    """One start of a run, in the process that does the work."""

    def __init__(self, folder: RunFolder, task: RunTask) -> None:
        """Nothing is loaded yet."""
        self._folder = folder
        self._task = task
        self._wishes = FolderWishes(folder, task.control_from)
        self._cores = Cores()
        self._resting = Resting(self._wishes, self._tell_rest)
        self._resting.begin()
        self._kept = 0

    def do(self) -> RunEnded:
        """Load, train, publish. Raises what the plugin's hooks raise, and StoppedEarly."""
        self._wishes.take_signals()
        model = self._load()
        try:
            report = self._train(model)
        finally:
            model.close()
        result, note = "", ""
        if self._task.result_to:
            result, note = publish(Path(report.folder), Path(self._task.result_to))
        how: HowEnded = "stopped" if report.reason == "stopped" else "finished"
        return RunEnded(how=how, message=note, report=report, result=result)

    def say(self, event: RunEvent) -> None:
        """Write one event down. Raises OSError where the disk is full."""
        append_line(self._folder.events, Entry(time.time(), event))

    def _load(self) -> Model:
        task = self._task
        plugin: Plugin = Plugins().open(task.loader)

        def progress(step: str, fraction: float | None = None) -> None:
            self.say(Preparing(text=sendable(step), fraction=fraction))
            if threading.current_thread() is not threading.main_thread():
                return
            self._between()
            if self._wishes.stop:
                raise StoppedEarly

        model = plugin.load(task.load, progress)
        if model is None:
            raise LoaderError(f"The loader {task.loader.name} says that {Path(task.load.path).name} is not its own.")
        if task.stack:
            progress("Attaching the stack")
            Stack(plugin, model).replace(task.stack)
        self.say(ModelLoaded(info=model.info))
        return model

    def _train(self, model: Model) -> TrainReport:
        if self._wishes.stop:
            raise StoppedEarly
        events = model.train(self._task.train)
        try:
            return self._follow(events)
        finally:
            events.close()

    def _follow(self, events: Generator[TrainEvent, TrainCommand | None, TrainReport]) -> TrainReport:
        command: TrainCommand | None = None
        try:
            event = next(events)
            while True:
                self._take(event)
                self._between()
                command = self._wishes.next_command()
                if command is not None:
                    self.say(Obeyed(command=str(msgspec.to_builtins(command)["type"])))
                event = events.send(command)
        except StopIteration as ending:
            if not isinstance(ending.value, TrainReport):
                raise TypeError(f"train returned {type(ending.value).__name__} where TrainReport was due") from None
            return ending.value

    def _take(self, event: TrainEvent) -> None:
        if isinstance(event, TrainStarted):
            check_space(self._folder, self._task.train.settings, event)
        if isinstance(event, CheckpointSaved) and not Path(event.folder).is_dir():
            # The log never says that something is saved which isn't.
            raise LoaderError(f"The checkpoint of step {event.step} is not there: {event.folder}.")
        self.say(event)

    def _between(self) -> None:
        self._wishes.look()
        self._resting.rest(0)
        self._cores.use(self._wishes.parts)

    def _tell_rest(self, seconds: float) -> None:
        tell_rest(self._folder, time.time() + seconds if seconds else 0.0)


def train(folder: RunFolder, token: str) -> None:
    """Do what the folder's task says; the log's last line then says how it ended.

    Raises only what leaves nothing to be written: the process then ends without a last word, and its watcher tells.
    """
    task = msgspec.json.decode(folder.task.read_bytes(), type=RunTask)
    run = Run(folder, task)
    run.say(Launched(pid=os.getpid(), token=token, resume_step=task.resume_step, version=task.version))
    try:
        ended = run.do()
    except StoppedEarly:
        ended = RunEnded(how="stopped", message="It was stopped before its first step; nothing was trained.")
    except KeyboardInterrupt:
        ended = RunEnded(how="stopped", message="It was ended at once; what it learned since is lost.")
    except BaseException as error:  # a plugin that calls sys.exit() ends its run in words
        failure = failure_from(error)
        ended = RunEnded(how="failed", message=failure.message, detail=failure.detail)
    run.say(ended)
