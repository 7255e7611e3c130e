"""Follows one run's log and says what the run is now. Blocks on the disk; runs on a thread of the keeper."""

from __future__ import annotations

from desktop.api import TrainStarted
from desktop.engine.governor import Governor
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.sharing import RunSharer
from desktop.library.runs.history import Follower, checkpoint_path
from desktop.library.runs.run_file import RunFile, read_run_file
from desktop.library.runs.state import RunState, state_of

from .train_plans import Curves, RunLook


class RunWatch:
    """Reads only what has come since the last look."""

    def __init__(self, folder: RunFolder) -> None:
        """Nothing of the log is read yet. Raises RunError where there is no run."""
        self.folder = folder
        self._run: RunFile = read_run_file(folder.run_file)
        self._follower = Follower(folder)
        self._curves = Curves.empty()
        self._state: RunState | None = None
        self._sharer: RunSharer | None = None

    @property
    def alive(self) -> bool:
        """Whether an engine worked on it at the last look."""
        return self._state is not None and self._state.alive

    @property
    def launches(self) -> int:
        """How often it was taken up, as far as it was read."""
        return self._follower.history.launches

    @property
    def lacks_last_word(self) -> bool:
        """Whether its engine is gone and nobody has told how yet."""
        history = self._follower.history
        return not self.alive and bool(history.launches) and history.ended is None and history.died is None

    def share(self, governor: Governor) -> None:
        """Let it take its part of the cores as long as it lives; once."""
        if self._sharer is None:
            self._sharer = RunSharer(self.folder, governor)

    def close(self) -> None:
        """Leave it to itself."""
        if self._sharer is not None:
            self._sharer.close()
            self._sharer = None

    def read(self) -> bool:
        """Whether there is anything new. Raises OSError."""
        news = self._take()
        state = state_of(self.folder, self._follower.history)
        if not state.alive and self.alive:
            # The last word may have come after the log was read and before the lock was looked at.
            news |= self._take()
            state = state_of(self.folder, self._follower.history)
        changed, self._state = state != self._state, state
        return news or changed

    def look(self) -> RunLook:
        """Everything that is known after `read`."""
        history, state = self._follower.history, self._state
        assert state is not None
        ended = history.ended
        newest = state.checkpoints[-1] if state.checkpoints else None
        return RunLook(
            id=self.folder.id,
            path=str(self.folder.root),
            name=self._run.name,
            base=self._run.model.name,
            state=state,
            curves=self._curves.copy(),
            evaluations=tuple(history.evaluations),
            prompts=tuple(sample.prompt for sample in self._run.samples),
            samples=tuple(history.samples),
            notes=tuple(note.text for note in history.notes),
            tokens_per_second=history.tokens_per_second,
            seconds_left=history.seconds_left if state.alive else None,
            stop_at_loss=self._run.settings.stop_at_loss,
            newest_checkpoint=str(checkpoint_path(self.folder, newest)) if newest is not None else "",
            result=ended.result if ended else "",
            detail=ended.detail if ended else "",
        )

    def _take(self) -> bool:
        entries = self._follower.read()
        steps = self._follower.history.steps
        if any(isinstance(entry.event, TrainStarted) for entry in entries):
            # Steps that are done again take the place of those that were lost.
            self._curves = Curves.empty()
        self._curves.add(steps[len(self._curves.step) :])
        return bool(entries)
