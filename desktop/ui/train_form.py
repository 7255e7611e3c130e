"""The form of a run: data, base, adapter, learning, samples; and the one button that starts it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.api import GenerateRequest, Lora, Sampling, TrainSettings
from desktop.datasets import DataPlan
from desktop.library.runs.run_file import Base, RunFile, StackRow
from desktop.session.train_draft import TrainDraft, part_of

from . import theme
from .icons import Icons
from .train_base_form import TrainBaseForm
from .train_data_form import TrainDataForm
from .train_settings_form import TrainSettingsForm

SAMPLE_TOKENS = 64
"""Longest answer of a sample prompt, in tokens."""
SAMPLE_EVERY = 50
"""Steps between two answers of a sample prompt, where the settings say nothing."""


class TrainForm(QWidget):
    """Says what is wanted; nothing is read or started here."""

    #: The user wants the run to start.
    start_requested = Signal()
    #: The user wants to know what the run would be.
    plan_requested = Signal()
    #: The data is another.
    data_edited = Signal()
    #: Something else of the run is another.
    run_edited = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Everything at its default."""
        super().__init__(parent)
        self.data = TrainDataForm()
        self.base = TrainBaseForm()
        self.settings = TrainSettingsForm()
        self._samples = QPlainTextEdit()
        self._samples.setPlaceholderText(self.tr("Prompts, one a line: answered at step 0 and while it learns"))
        self._samples.setAccessibleName(self.tr("Sample prompts"))
        self._samples.setTabChangesFocus(True)
        self._samples.setFixedHeight(72)
        self._start = QPushButton(self.tr("Start training"))
        self._start.setToolTip(self.tr("Start the run in a process of its own (Ctrl+Enter)"))
        self._start.setDefault(True)
        icons.put(self._start, "mdi6.play")
        self._plan = QPushButton(self.tr("Estimate"))
        self._plan.setToolTip(self.tr("Work out steps, lengths, numbers to learn and memory; nothing is started."))
        icons.put(self._plan, "mdi6.calculator")
        self._note = theme.Note()
        self._build()
        self.data.edited.connect(self.data_edited)
        for part in (self.base, self.settings):
            part.edited.connect(self.run_edited)
        self._samples.textChanged.connect(self.run_edited)
        self._start.clicked.connect(self.start_requested)
        self._plan.clicked.connect(self.plan_requested)

    def run(self, stack: Sequence[Lora]) -> RunFile | None:
        """The run that is wished for, on top of these rows if that is ticked; None where a part is missing."""
        base = self.base.base()
        if self.problem() or base is None:
            return None
        samples = tuple(line.strip() for line in self._samples.toPlainText().splitlines() if line.strip())
        rows = stack if self.base.on_stack() else ()
        return RunFile(
            name=self.base.output(),
            continue_from=self.base.start(),
            model=base,
            stack=tuple(StackRow(name=row.name, path=row.path, weight=row.weight, enabled=row.enabled) for row in rows),
            data=self.data.plan(),
            settings=self._settings(bool(samples)),
            samples=tuple(
                GenerateRequest(prompt=text, sampling=Sampling(greedy=True), max_new_tokens=SAMPLE_TOKENS)
                for text in samples
            ),
        )

    def problem(self) -> str:
        """What is missing, in words; empty where nothing is."""
        if not self.data.plan().sources:
            return self.tr("Choose the data to train on.")
        if self.base.base() is None:
            return self.tr("Choose a base model; the one that is loaded is taken by itself.")
        if not self.base.output():
            return self.tr("Give the new adapter a name.")
        return self.settings.problem()

    def show_run(self, run: RunFile) -> None:
        """Show an earlier run's parameters; the new adapter needs a name of its own."""
        self.data.show_plan(run.data)
        self.base.show_base(Base(name=run.model.name, path=run.model.path, bits=run.model.bits), run.continue_from)
        self.settings.show_settings(run.settings)
        self._samples.setPlainText("\n".join(" ".join(sample.prompt.split()) for sample in run.samples))

    def draft(self) -> TrainDraft:
        """What stands in the form, whether a run could be made of it or not."""
        return self.base.fill(
            TrainDraft(
                data=msgspec.to_builtins(self.data.plan()),
                settings=self.settings.values(),
                samples=self._samples.toPlainText(),
            )
        )

    def show_draft(self, draft: TrainDraft) -> None:
        """Show what was left when the window was closed or ended."""
        if (plan := part_of(draft.data, DataPlan)) is not None:
            self.data.show_plan(plan)
        self.base.show_draft(draft)
        self.settings.show_values(draft.settings)
        self._samples.setPlainText(draft.samples)

    def show_starting(self, starting: bool) -> None:
        """A run is being made; a second click starts no second one."""
        self._start.setEnabled(not starting)
        if starting:
            self._note.say(self.tr("Checking the data and starting the engine"))

    def say(self, words: str, *, error: bool = False) -> None:
        """A sentence above the button."""
        self._note.say(words, error=error)

    def _settings(self, sampled: bool) -> TrainSettings:
        settings = self.settings.settings()
        if not sampled or settings.sample_every:
            return settings
        return msgspec.structs.replace(settings, sample_every=SAMPLE_EVERY)

    def _build(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        column.setSpacing(theme.GAP)
        parts = {
            self.tr("Data"): self.data,
            self.tr("Adapter and base"): self.base,
            self.tr("Learning"): self.settings,
            self.tr("Samples"): self._samples,
        }
        for title, widget in parts.items():
            column.addWidget(theme.heading(title))
            column.addWidget(widget)
            column.addSpacing(theme.GAP)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GAP)
        buttons.addWidget(self._plan)
        buttons.addWidget(self._start, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(theme.MARGIN, theme.GAP, theme.MARGIN, theme.GAP)
        foot.addWidget(self._note)
        foot.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(theme.line())
        layout.addLayout(foot)

    @Slot()
    def request_start(self) -> None:
        """The same as a click on the button."""
        if self._start.isEnabled():
            self.start_requested.emit()
