"""What a run's log amounts to: its curves, its checkpoints and how it ended. Fed entry by entry, so it can follow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from desktop.api import CheckpointSaved, Evaluated, Sampled, StepDone, TrainNote, TrainStarted
from desktop.engine.runs.entries import Died, Entry, Launched, ModelLoaded, Preparing, RunEnded
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lines import Tail

_SPEED_STEPS = 20
"""Steps over which speed is measured."""


class History:
    """Everything a watcher shows. Steps that a resumed run has done again are there once, as last done."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._token = ""
        self.launches = 0
        self.launched_at = 0.0
        """When it was first taken up: seconds since 1970; 0.0 where it never was."""
        self.last_at = 0.0
        """When the last thing happened."""
        self.preparing: Preparing | None = None
        self.loaded: ModelLoaded | None = None
        self.started: TrainStarted | None = None
        """Of the last start; None until its first step is near."""
        self.steps: list[StepDone] = []
        self.evaluations: list[Evaluated] = []
        self.samples: list[Sampled] = []
        self.notes: list[TrainNote] = []
        self.saved: dict[int, CheckpointSaved] = {}
        """Checkpoints that were written, by step; those since removed included."""
        self.ended: RunEnded | None = None
        """The last word of the last start."""
        self.died: Died | None = None
        """Set where the last start ended without one and its watcher knows how."""

    @property
    def step(self) -> int:
        """The last step that was done."""
        if self.steps:
            return self.steps[-1].step
        return self.started.first_step if self.started else 0

    @property
    def total_steps(self) -> int:
        """Steps of the whole run; 0 where that is not known yet."""
        return self.started.steps if self.started else 0

    @property
    def tokens_per_second(self) -> float | None:
        """Over the last steps; None before the first."""
        last = self.steps[-_SPEED_STEPS:]
        seconds = sum(step.seconds for step in last)
        return sum(step.tokens for step in last) / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Until the last step, at the speed of the last ones; None where nobody can know."""
        last = self.steps[-_SPEED_STEPS:]
        if not last or not self.total_steps:
            return None
        return (self.total_steps - self.step) * sum(step.seconds for step in last) / len(last)

    def feed(self, entries: Iterable[Entry]) -> None:
        """Take what has come since."""
        for entry in entries:
            self.last_at = entry.time
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        match entry.event:
            case Launched() as launched:
                self._token = launched.token
                self.launches += 1
                self.launched_at = self.launched_at or entry.time
                self.started = self.ended = self.died = self.preparing = None
            case Preparing() as preparing:
                self.preparing = preparing
            case ModelLoaded() as loaded:
                self.loaded = loaded
            case TrainStarted() as started:
                self.started = started
                self._forget_after(started.first_step)
            case StepDone() as step:
                self.steps.append(step)
            case Evaluated() as evaluated:
                self.evaluations.append(evaluated)
            case Sampled() as sampled:
                self.samples.append(sampled)
            case CheckpointSaved(final=False) as saved:
                self.saved[saved.step] = saved
            case TrainNote() as note:
                self.notes.append(note)
            case RunEnded() as ended:
                self.ended = ended
            case Died() as died if died.token == self._token:
                self.died = died

    def _forget_after(self, step: int) -> None:
        """What came after the checkpoint that a run goes on from is done again."""
        self.steps = [done for done in self.steps if done.step <= step]
        self.evaluations = [done for done in self.evaluations if done.step <= step]
        # The answers of step 0 are given at the beginning of a run only.
        self.samples = [done for done in self.samples if done.step <= step and step]
        self.notes = [note for note in self.notes if note.step <= step]


class Follower:
    """Reads a run's log as it grows."""

    def __init__(self, folder: RunFolder) -> None:
        """Nothing is read yet."""
        self._tail = Tail[Entry](folder.events, Entry)
        self.history = History()

    def read(self) -> list[Entry]:
        """What has come since the last call; the history has it too. Raises OSError."""
        entries = self._tail.read()
        self.history.feed(entries)
        return entries


def read_history(folder: RunFolder) -> History:
    """The whole log. Raises OSError."""
    follower = Follower(folder)
    follower.read()
    return follower.history


def checkpoints_of(folder: RunFolder, history: History) -> list[int]:
    """Steps of the checkpoints that are complete and still there, rising.

    Both the log and the disk must know one: the log names it only once it is whole.
    """
    return sorted(step for step in history.saved if checkpoint_path(folder, step).is_dir())


def checkpoint_path(folder: RunFolder, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return folder.checkpoints / f"step-{step}"
