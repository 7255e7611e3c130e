"""Where everything lies in a run's folder."""

from __future__ import annotations

from pathlib import Path


class RunFolder:
    """Names the files of one run. Nothing is made on disk."""

    def __init__(self, root: Path) -> None:
        """`root` is `runs/<id>`."""
        self.root = root

    @property
    def id(self) -> str:
        """The run's id: the folder's name."""
        return self.root.name

    @property
    def run_file(self) -> Path:
        """Everything that decides the run, for people and for the next run: TOML."""
        return self.root / "run.toml"

    @property
    def task(self) -> Path:
        """What the engine does at its next start: `RunTask` as JSON."""
        return self.root / "task.json"

    @property
    def rows(self) -> Path:
        """The training rows: JSON lines of `TrainingRow`."""
        return self.root / "rows.jsonl"

    @property
    def evaluation(self) -> Path:
        """The held-out rows; missing where there are none."""
        return self.root / "evaluation.jsonl"

    @property
    def events(self) -> Path:
        """Everything that has happened: JSON lines of `Entry`, only ever appended to."""
        return self.root / "events.jsonl"

    @property
    def control(self) -> Path:
        """Commands to the run: JSON lines of `TrainCommand`, appended by whoever watches it."""
        return self.root / "control.jsonl"

    @property
    def share(self) -> Path:
        """The share of the cores that a shell allots the run."""
        return self.root / "share.json"

    @property
    def resting(self) -> Path:
        """Until when the run leaves its cores to others."""
        return self.root / "resting.json"

    @property
    def lock(self) -> Path:
        """Held by the engine as long as it lives."""
        return self.root / "lock"

    @property
    def log(self) -> Path:
        """What the engine's process prints."""
        return self.root / "engine.log"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints: `step-N`, a folder each."""
        return self.root / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The result, as PEFT reads it."""
        return self.root / "adapter"
