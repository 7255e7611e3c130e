"""The answers, the newest at the end; with the base's own beside them while the two are compared."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.api import Lora
from desktop.session.plans import Answer, PromptPlan, Side

from .answer_column import AnswerColumn
from .reply_menu import ReplyMenu
from .thin_splitter import ThinSplitter


class AnswerView(QWidget):
    """Shows answers as they come, and those of earlier sessions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._columns = (AnswerColumn(self.tr("With adapters")), AnswerColumn(self.tr("Base alone")))
        split = ThinSplitter(Qt.Orientation.Horizontal)
        for column in self._columns:
            split.addWidget(column)
        self._split = split
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)
        self.reply_menu = ReplyMenu(self)
        self._columns[0].menu_wanted.connect(self.reply_menu.open_for)
        self._show_columns(False)

    def begin(self, plan: PromptPlan) -> None:
        """A prompt was sent."""
        self._show_columns(plan.compare)
        self._columns[0].write_prompt(plan.prompt)
        if plan.compare:
            self._columns[1].clear()
            self._columns[1].write_prompt(plan.prompt)

    def grow(self, column: int, text: str) -> None:
        """A piece of an answer came."""
        self._columns[column].write_answer(text)

    def end(self, answer: Answer) -> None:
        """The answer ended."""
        self._columns[0].write_note(self._in_words(answer, answer.with_stack, answer.stack), error=False)
        if answer.id:
            self._columns[0].mark_reply(answer.id, answer.plan.prompt)
        if answer.base is not None:
            self._columns[1].write_note(self._in_words(answer, answer.base, ()))
        if answer.problem:
            self._columns[0].write_note(answer.problem, error=True)
        if answer.note:
            self._columns[0].write_note(answer.note)

    def show_history(self, answers: Sequence[Answer]) -> None:
        """The answers of the last session."""
        for column in self._columns:
            column.clear()
        for answer in answers:
            self.begin(answer.plan)
            self.grow(0, answer.with_stack.text)
            if answer.base is not None:
                self.grow(1, answer.base.text)
            self.end(answer)

    def text(self, column: int = 0) -> str:
        """Everything in a column."""
        return self._columns[column].text()

    def _show_columns(self, both: bool) -> None:
        for column in self._columns:
            column.show_title(both)
        if both and self._columns[1].isHidden():
            half = max(self.width() // 2, 1)
            self._split.setSizes([half, half])
        self._columns[1].setVisible(both)

    def _in_words(self, answer: Answer, side: Side, stack: Sequence[Lora]) -> str:
        acting = [f"{row.name} {row.weight:g}" for row in stack if row.enabled and row.weight]
        with_what = " + ".join([answer.model, *acting])
        parts = [with_what, self.tr("{count} tokens").format(count=side.tokens)]
        if side.tokens_per_second:
            parts.append(self.tr("{speed:.1f} tokens/s").format(speed=side.tokens_per_second))
        if answer.seed is not None:
            parts.append(self.tr("seed {seed}").format(seed=answer.seed))
        if side.segments:
            tokens = ", ".join(f"{segment.first_token:,}" for segment in side.segments[1:])
            parts.append(self.tr("the stack changed after {tokens} tokens").format(tokens=tokens))
        ends = {
            "length": self.tr("cut at the longest answer"),
            "context": self.tr("the context is full"),
            "cancelled": self.tr("stopped"),
        }
        if side.finish_reason in ends:
            parts.append(ends[side.finish_reason])
        return " · ".join(parts)
