"""A failure, said where it can be seen and without stopping anything: the sentence, details folded, copy, try again."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from desktop.session.plans import Problem

from . import theme
from .icons import Icons


class Banner(QFrame):
    """Hidden while nothing is wrong."""

    #: Try the same again.
    retry_requested = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """Hidden."""
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAccessibleName(self.tr("Failure"))
        self._problem = Problem(sentence="")
        self._sentence = theme.Note(parent=self)
        self._retry = QPushButton(self.tr("Try again"))
        self._details = QPushButton(self.tr("Details"))
        self._details.setCheckable(True)
        self._copy = QPushButton(self.tr("Copy"))
        self._copy.setToolTip(self.tr("Copy the sentence and the details"))
        self._close = QPushButton(self.tr("Dismiss"))
        icons.put(self._retry, "mdi6.refresh")
        icons.put(self._copy, "mdi6.content-copy")
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setFont(theme.fixed_width_font())
        self._text.setAccessibleName(self.tr("Details of the failure"))
        self._text.setFixedHeight(140)
        self._text.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.MARGIN, theme.GAP, theme.MARGIN, theme.GAP)
        layout.addWidget(self._sentence)
        row = QHBoxLayout()
        for button in (self._retry, self._details, self._copy):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._close)
        layout.addLayout(row)
        layout.addWidget(self._text)
        self._retry.clicked.connect(self._on_retry)
        self._details.toggled.connect(self._text.setVisible)
        self._copy.clicked.connect(self._on_copy)
        self._close.clicked.connect(self.hide)
        self.hide()

    def show_problem(self, problem: Problem, retry: str = "") -> None:
        """Show a failure; `retry` is what the button says, where trying again makes sense."""
        self._problem = problem
        self._sentence.say(problem.sentence, error=True)
        self._retry.setText(retry or self.tr("Try again"))
        self._retry.setVisible(problem.can_retry)
        self._details.setVisible(bool(problem.detail))
        self._details.setChecked(False)
        self._text.setPlainText(problem.detail)
        self.show()

    def show_news(self, sentence: str) -> None:
        """Show what was done; nothing is wrong."""
        self.show_problem(Problem(sentence=sentence))
        self._sentence.say(sentence)

    def sentence(self) -> str:
        """What is shown; empty while it is hidden."""
        return self._problem.sentence if self.isVisible() else ""

    def _on_retry(self) -> None:
        self.hide()
        self.retry_requested.emit()

    def _on_copy(self) -> None:
        text = "\n\n".join(part for part in (self._problem.sentence, self._problem.detail) if part)
        QGuiApplication.clipboard().setText(text)
