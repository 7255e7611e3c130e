"""When a run ends before its last step, and what was asked of it while it runs."""

from __future__ import annotations

from desktop.api import SaveNow, StopAndKeep, StopAtLoss, TrainCommand, TrainSettings
from desktop.api.training import EndReason

from .checkpoints import State

SMOOTHING = 0.9
"""Share of the past in the smoothed loss."""


class Stopping:
    """Follows the losses and the commands."""

    def __init__(self, settings: TrainSettings, state: State) -> None:
        """Goes on where `state` is, and keeps it up to date."""
        self._settings = settings
        self._state = state
        self._stop_at = settings.stop_at_loss
        self._stopped = False
        self.save = False
        """A checkpoint was asked for."""

    def take(self, command: TrainCommand | None) -> None:
        """Note what was asked."""
        if isinstance(command, SaveNow):
            self.save = True
        elif isinstance(command, StopAndKeep):
            self._stopped = True
        elif isinstance(command, StopAtLoss):
            self._stop_at = command.loss

    def smooth(self, loss: float) -> float:
        """The smoothed loss after one more step."""
        before = self._state.smoothed_loss
        smoothed = loss if before is None else SMOOTHING * before + (1 - SMOOTHING) * loss
        self._state.smoothed_loss = smoothed
        return smoothed

    def evaluated(self, loss: float) -> None:
        """Count evaluations that were no better than the best."""
        best = self._state.best_evaluation
        if best is None or loss < best:
            self._state.best_evaluation, self._state.evaluations_without_improvement = loss, 0
        else:
            self._state.evaluations_without_improvement += 1

    @property
    def reason(self) -> EndReason | None:
        """Why the run ends after this step, None where it goes on."""
        smoothed, patience = self._state.smoothed_loss, self._settings.patience
        if self._stopped:
            return "stopped"
        if self._stop_at and smoothed is not None and smoothed <= self._stop_at:
            return "loss"
        if patience and self._state.evaluations_without_improvement >= patience:
            return "patience"
        return "steps" if self._state.step >= self._state.total_steps else None
