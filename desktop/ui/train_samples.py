"""Answers of the sample prompts while a run learns: a row a prompt, a column a step, side by side."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QVBoxLayout, QWidget

from desktop.session.train_plans import RunLook

from . import theme
from .train_table import TextTable, make_view

PROMPT_WIDTH, WIDTH = 150, 210
"""Pixels of the first column, and of one with answers."""


class TrainSamples(QWidget):
    """Shows the samples of the last RunLook it was given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """No run yet."""
        super().__init__(parent)
        self._shown: tuple[str, int] = ("", 0)
        self._none = theme.Note()
        self._table = TextTable((self.tr("Prompt"),))
        self._view = make_view(self._table, self.tr("Sample answers by step"), 0)
        self._view.setWordWrap(True)
        self._view.setShowGrid(True)
        self._view.setTextElideMode(Qt.TextElideMode.ElideNone)
        self._view.setHorizontalScrollMode(self._view.ScrollMode.ScrollPerPixel)
        self._view.setVerticalScrollMode(self._view.ScrollMode.ScrollPerPixel)
        header = self._view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        column.addWidget(self._none)
        column.addWidget(self._view, 1)
        self.show_look(None)

    def show_look(self, look: RunLook | None) -> None:
        """The run has news, or another one is shown."""
        if look is None or not look.samples:
            self._shown = ("", 0)
            self._view.hide()
            without = look is not None and not look.prompts
            self._none.say(
                self.tr("This run has no sample prompts. Write some into the form before you start one.")
                if without
                else self.tr("The answers of the sample prompts come here, at step 0 and while the run learns.")
            )
            return
        if self._shown == (look.id, len(look.samples)):
            return
        self._shown = (look.id, len(look.samples))
        self._none.say("")
        self._view.show()
        steps = sorted({sample.step for sample in look.samples})
        texts = {(sample.sample, sample.step): sample.text.strip() for sample in look.samples}
        before = self._table.columnCount()
        self._table.show_titles((self.tr("Prompt"), *(self.tr("Step {step}").format(step=step) for step in steps)))
        self._table.show_rows(
            [(prompt, *(texts.get((number, step), "") for step in steps)) for number, prompt in enumerate(look.prompts)]
        )
        for section in range(self._table.columnCount()):
            if self._table.columnCount() > before:
                self._view.setColumnWidth(section, WIDTH if section else PROMPT_WIDTH)
        self._view.resizeRowsToContents()
        if self._table.columnCount() > before > 1:
            bar = self._view.horizontalScrollBar()
            bar.setValue(bar.maximum())
