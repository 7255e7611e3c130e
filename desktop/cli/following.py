"""Follows a run that is going on: a line that redraws itself, or one event a line."""

from __future__ import annotations

import os
import signal
import time

from desktop.api import CheckpointSaved, Evaluated, Sampled, StepDone, StopAndKeep, TrainNote, TrainStarted
from desktop.engine.runs.control import send
from desktop.engine.runs.entries import Entry, ModelLoaded, Preparing
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from desktop.library.runs.history import Follower, History
from desktop.library.runs.state import RunState, state_of

from .output import ProgressLine, plain, put_json, say

_LOOK = 0.05
"""Seconds between two looks at the log."""
_END_GRACE = 10.0
"""Seconds a run has to end at once before it is killed."""


class Follow:
    """Shows a run until it ends. The first Ctrl-C stops it and keeps what it learnt, the second ends it at once."""

    def __init__(self, folder: RunFolder, *, json: bool) -> None:
        """Nothing is read yet; what happened before this moment is taken as known."""
        self._folder = folder
        self._json = json
        self._follower = Follower(folder)
        self._line = ProgressLine()
        self._interrupts = 0

    def skip(self) -> None:
        """What is in the log by now is not shown again."""
        self._follower.read()

    def run(self) -> RunState:
        """Show it; how it ended."""
        while True:
            try:
                alive = holder(self._folder.lock) is not None
                self._show(self._follower.read())
                if not alive:
                    return self._end()
                time.sleep(_LOOK)
            except KeyboardInterrupt:
                self._interrupted()

    def _end(self) -> RunState:
        # The one that watches over the engine writes its word a moment after the engine is gone.
        deadline = time.monotonic() + 2.0
        history = self._follower.history
        while history.ended is None and history.died is None and time.monotonic() < deadline:
            time.sleep(_LOOK)
            self._show(self._follower.read())
        self._line.clear()
        return state_of(self._folder, history)

    def _interrupted(self) -> None:
        self._interrupts += 1
        self._line.clear()
        if self._interrupts == 1:
            say("Stopping after this step and keeping what was learnt. Ctrl-C once more ends it at once.")
            send(self._folder, StopAndKeep())
            return
        say("Ending at once; what was learnt since the last checkpoint is lost.")
        _end_at_once(self._folder)

    def _show(self, entries: list[Entry]) -> None:
        for entry in entries:
            if self._json:
                put_json(entry)
            else:
                self._tell(entry, self._follower.history)

    def _tell(self, entry: Entry, history: History) -> None:
        match entry.event:
            case Preparing() as preparing:
                self._line.show(preparing.text, preparing.fraction)
            case ModelLoaded():
                self._line.clear()
            case TrainStarted() as started:
                self._line.clear()
                say(started_in_words(started))
                for note in started.notes:
                    say(plain(note))
            case StepDone() as step:
                self._line.show(step_in_words(step, history))
            case Evaluated() as evaluated:
                self._above(f"step {evaluated.step}: evaluation loss {evaluated.loss:.4f}")
            case Sampled() as sampled:
                self._above(f"step {sampled.step}, sample {sampled.sample + 1}: {plain(sampled.text)}")
            case CheckpointSaved(final=False) as saved:
                self._above(f"step {saved.step}: checkpoint saved")
            case TrainNote() as note:
                self._above(plain(note.text))

    def _above(self, text: str) -> None:
        self._line.clear()
        say(text)


def started_in_words(started: TrainStarted) -> str:
    """The run's size for people."""
    cut = f" ({started.rows_cut} cut)" if started.rows_cut else ""
    going_on = f", going on after step {started.first_step}" if started.first_step else ""
    return (
        f"{started.rows} rows{cut}, {started.steps} steps{going_on}, {started.trainable_parameters:,} numbers to learn "
        f"in {started.modules} modules"
    )


def step_in_words(step: StepDone, history: History) -> str:
    """One step for people."""
    speed, left = history.tokens_per_second, history.seconds_left
    parts = [
        f"step {step.step}/{history.total_steps}",
        f"loss {step.loss:.4f} (smoothed {step.smoothed_loss:.4f})",
        f"lr {step.learning_rate:.2e}",
        *([f"{speed:.0f} tokens/s"] if speed else []),
        *([f"{duration_in_words(left)} left"] if left is not None else []),
    ]
    return "  ".join(parts)


def how_to_resume(run_id: str) -> str:
    """The command, in a sentence."""
    quoted = f'"{run_id}"' if " " in run_id else run_id
    return f"Resume it with `lora-deck train --resume {plain(quoted)}`."


def say_end(folder: RunFolder, state: RunState) -> None:
    """How a run has ended, and how to go on with one that ended early."""
    say(plain(state.sentence))
    if state.resumable:
        say(how_to_resume(folder.id))


def duration_in_words(seconds: float) -> str:
    """Such as 45 s, 3 min or 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _end_at_once(folder: RunFolder) -> None:
    """Interrupt the engine, and kill it where that is not enough."""
    who = holder(folder.lock)
    if who is None or not who.pid:
        return
    try:
        os.kill(who.pid, signal.SIGINT)
        deadline = time.monotonic() + _END_GRACE
        while holder(folder.lock) is not None and time.monotonic() < deadline:
            time.sleep(_LOOK)
        if holder(folder.lock) == who:
            os.kill(who.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    except ProcessLookupError:
        pass  # it has just ended by itself
