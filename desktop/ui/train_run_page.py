"""One run: what it does now, its curves, and what can be told to it while it goes on."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from desktop.api import SaveNow, StopAndKeep, StopAtLoss
from desktop.session.train_plans import RunLook

from . import theme
from .icons import Icons
from .train_curves import TrainCurves


class TrainRunPage(QWidget):
    """Shows the last RunLook it was given."""

    #: Tell the run something: its id, the TrainCommand.
    command_wanted = Signal(str, object)
    #: Put this adapter on the stack of the model that is prompted: its folder, a name, and the run's folder.
    attach_wanted = Signal(str, str, str)
    #: Go on with this run.
    resume_wanted = Signal(str)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """No run yet."""
        super().__init__(parent)
        self._look: RunLook | None = None
        self._title = theme.Elided()
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._state = theme.Note(self.tr("No run is shown. Start one, or choose one under Runs."))
        self._bar = QProgressBar()
        self._bar.setAccessibleName(self.tr("Progress of the run"))
        self._facts = QLabel()
        self._facts.setFont(theme.tabular(self._facts.font()))
        self._facts.setWordWrap(True)
        self._notes = theme.Note()
        self._save = self._button(icons, self.tr("Save now"), "mdi6.content-save-outline")
        self._save.setToolTip(self.tr("Write a checkpoint after the present step."))
        self._stop = self._button(icons, self.tr("Stop and keep"), "mdi6.stop")
        self._stop.setToolTip(self.tr("End after the present step; the adapter is written with what it has learnt."))
        self._attach = self._button(icons, self.tr("Attach newest checkpoint"), "mdi6.layers-plus")
        self._attach.setToolTip(
            self.tr("Put the newest checkpoint on the stack of the loaded model, in the place of an older one.")
        )
        self._resume = self._button(icons, self.tr("Resume"), "mdi6.play-outline")
        self._resume.setToolTip(self.tr("Go on from the newest checkpoint."))
        self._loss = QDoubleSpinBox()
        self._loss.setRange(0.0, 20.0)
        self._loss.setSingleStep(0.05)
        self._loss.setDecimals(3)
        self._loss.setSpecialValueText(self.tr("never"))
        self._loss.setAccessibleName(self.tr("Stop at loss"))
        self._loss.setToolTip(self.tr("The run ends when its smoothed loss is at most this."))
        self._set_loss = QPushButton(self.tr("Stop at this loss"))
        self.curves = TrainCurves(icons)
        self._build()
        self._save.clicked.connect(self._on_save)
        self._stop.clicked.connect(self._on_stop)
        self._attach.clicked.connect(self._on_attach)
        self._resume.clicked.connect(self._on_resume)
        self._set_loss.clicked.connect(self._on_loss_set)
        self._show_controls()

    def show_look(self, look: RunLook | None) -> None:
        """The run has news, or another one is shown."""
        if look is not None and (self._look is None or look.id != self._look.id):
            self._loss.setValue(look.stop_at_loss)
        self._look = look
        self.curves.show_look(look)
        self._show_controls()
        if look is None:
            self._title.say("")
            self._state.say(self.tr("No run is shown. Start one, or choose one under Runs."))
            return
        self._title.say(self.tr("{name} on {base}").format(name=look.name, base=look.base))
        self._state.say(look.state.sentence, error=look.state.phase in {"failed", "crashed"})
        self._bar.setMaximum(max(look.state.steps, 1) if look.state.steps else 0)
        self._bar.setValue(look.state.step)
        self._facts.setText(" · ".join(self._facts_of(look)))
        self._notes.say("\n".join(look.notes[-3:]))

    def look(self) -> RunLook | None:
        """The run that is shown, as it was last told."""
        return self._look

    def run_id(self) -> str:
        """The run that is shown; empty without one."""
        return self._look.id if self._look else ""

    def _button(self, icons: Icons, text: str, icon: str) -> QPushButton:
        button = QPushButton(text)
        icons.put(button, icon)
        return button

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        column.setSpacing(theme.GAP)
        for widget in (self._title, self._state, self._bar, self._facts):
            column.addWidget(widget)
        first, second = QHBoxLayout(), QHBoxLayout()
        for button in (self._save, self._stop, self._resume, self._attach):
            first.addWidget(button)
        first.addStretch(1)
        second.addWidget(self._loss)
        second.addWidget(self._set_loss)
        second.addStretch(1)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self._notes)
        column.addWidget(self.curves, 1)

    def _show_controls(self) -> None:
        look = self._look
        alive = look is not None and look.state.alive
        for widget in (self._save, self._stop, self._loss, self._set_loss):
            widget.setVisible(alive)
        self._bar.setVisible(alive)
        self._facts.setVisible(look is not None)
        self._attach.setVisible(look is not None and bool(look.newest_checkpoint or look.result))
        finished = look is not None and look.state.phase == "finished"
        self._attach.setText(self.tr("Attach the adapter") if finished else self.tr("Attach newest checkpoint"))
        self._resume.setVisible(look is not None and not alive and look.state.phase != "finished")
        self.curves.setVisible(look is not None)

    def _facts_of(self, look: RunLook) -> list[str]:
        parts = []
        if look.state.steps:
            parts.append(self.tr("step {step} of {steps}").format(step=look.state.step, steps=look.state.steps))
        if look.seconds_left is not None:
            parts.append(self.tr("{time} left").format(time=self._duration(look.seconds_left)))
        if look.tokens_per_second:
            parts.append(self.tr("{speed:.0f} tokens/s").format(speed=look.tokens_per_second))
        if look.evaluations:
            last = look.evaluations[-1]
            words = self.tr("evaluation loss {loss:.4f}, accuracy {share:.1%} at step {step}")
            parts.append(words.format(loss=last.loss, share=last.accuracy, step=last.step))
        if look.state.checkpoints:
            steps = ", ".join(str(step) for step in look.state.checkpoints)
            parts.append(self.tr("checkpoints {steps}").format(steps=steps))
        return parts

    def _duration(self, seconds: float) -> str:
        if seconds < 90:
            return self.tr("{count:.0f} s").format(count=seconds)
        minutes = round(seconds / 60)
        if minutes < 90:
            return self.tr("{count} min").format(count=minutes)
        return self.tr("{hours} h {minutes:02d} min").format(hours=minutes // 60, minutes=minutes % 60)

    @Slot()
    def _on_save(self) -> None:
        self.command_wanted.emit(self.run_id(), SaveNow())

    @Slot()
    def _on_stop(self) -> None:
        self.command_wanted.emit(self.run_id(), StopAndKeep())

    @Slot()
    def _on_loss_set(self) -> None:
        self.command_wanted.emit(self.run_id(), StopAtLoss(self._loss.value()))

    @Slot()
    def _on_attach(self) -> None:
        look = self._look
        if look is None:
            return
        if look.state.phase == "finished" and look.result:
            self.attach_wanted.emit(look.result, look.name, look.path)
        else:
            words = self.tr("{name}, step {step}")
            name = words.format(name=look.name, step=look.state.checkpoints[-1])
            self.attach_wanted.emit(look.newest_checkpoint, name, look.path)

    @Slot()
    def _on_resume(self) -> None:
        self.resume_wanted.emit(self.run_id())
