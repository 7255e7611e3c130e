"""What the Evaluation page wants measured, from the form, the stack and the run that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import Lora
from desktop.library.names import make_row_id
from desktop.session.plans import State
from desktop.session.train_plans import MeasurePlan, RunLook

from .stack_panel import StackPanel
from .train_place import TrainPlace


class TrainMeasuring(QObject):
    """Stands between the page and whoever measures."""

    #: Measure this: MeasurePlan.
    measure_wanted = Signal(object)

    def __init__(self, place: TrainPlace, stack: StackPanel, parent: QObject) -> None:
        """Belongs to the desk, and comes with the place."""
        super().__init__(parent)
        self._place = place
        self._stack = stack
        self._state = State.EMPTY
        place.evaluation.measure_wanted.connect(self._on_measure_wanted)

    @Slot(object)
    def show_state(self, state: State) -> None:
        """What the session is doing."""
        self._state = state
        self._place.evaluation.show_state(state)

    @Slot(str)
    def _on_measure_wanted(self, file: str) -> None:
        page, form = self._place.evaluation, self._place.form
        problem = form.settings.problem()
        stacks = self._stacks()
        if self._state is not State.READY:
            page.say(self.tr("Load a model first, and wait until it is idle."))
        elif problem or not stacks:
            page.say(problem or self.tr("Tick what is to be measured."))
        else:
            data = msgspec.structs.replace(form.data.plan(), sources=(file,), holdout=0.0, evaluation=())
            page.begin()
            self.measure_wanted.emit(MeasurePlan(data=data, settings=form.settings.settings(), stacks=stacks))

    def _stacks(self) -> tuple[tuple[str, tuple[Lora, ...]], ...]:
        page, look = self._place.evaluation, self._place.run.look()
        found: list[tuple[str, tuple[Lora, ...]]] = [(self.tr("base"), ())] if page.base.isChecked() else []
        rows = self._stack.rows()
        if page.each.isChecked():
            found += [(f"{row.name} = {row.weight:g}", (msgspec.structs.replace(row, enabled=True),)) for row in rows]
        acting = tuple(row for row in self._stack.effective_rows() if row.effective_weight)
        if page.stack.isChecked() and acting:
            found.append((self.tr("the stack"), acting))
        if page.checkpoints.isChecked() and look is not None:
            found += self._checkpoints(look)
        return tuple(found)

    def _checkpoints(self, look: RunLook) -> Sequence[tuple[str, tuple[Lora, ...]]]:
        made = []
        for step in look.state.checkpoints:
            path = Path(look.path) / "checkpoints" / f"step-{step}"
            name = self.tr("{name}, step {step}").format(name=look.name, step=step)
            made.append((name, (Lora(id=make_row_id(path), name=name, path=str(path)),)))
        return made
