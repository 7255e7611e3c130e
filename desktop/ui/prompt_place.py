"""The middle of the window: failures at the top, the answers, and the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

import msgspec
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from desktop.session.plans import Answer, Loaded, Problem, PromptPlan, Side, State
from desktop.session.saved import ANSWERS

from .answer_view import AnswerView
from .banner import Banner
from .icons import Icons
from .prompt_box import PromptBox
from .thin_splitter import ThinSplitter
from .welcome import Welcome


class PromptPlace(QWidget):
    """Keeps the history of answers and the one that is running."""

    #: The answer grew: tokens so far, tokens a second or None.
    answer_progressed = Signal(int, object)
    #: Something that is saved has changed.
    history_changed = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        """No answers yet."""
        super().__init__(parent)
        self.banner = Banner(icons)
        self.welcome = Welcome(icons)
        self.box = PromptBox(icons)
        self._view = AnswerView()
        self.reply_menu = self._view.reply_menu
        self._pages = QStackedWidget()
        self._pages.addWidget(self.welcome)
        self._pages.addWidget(self._view)
        self.split = ThinSplitter(Qt.Orientation.Vertical)
        self.split.addWidget(self._pages)
        self.split.addWidget(self.box)
        self.split.setStretchFactor(0, 1)
        self.split.setSizes([600, 150])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.split, 1)
        self._answers: list[Answer] = []
        self._running: Answer | None = None
        self._texts = ["", ""]
        self._tokens = 0
        self._first_token = 0.0

    def answers(self) -> tuple[Answer, ...]:
        """The history, with what has come of the running answer."""
        kept = [*self._answers, self._so_far()] if self._running else self._answers
        return tuple(answer for answer in kept[-ANSWERS:] if answer is not None)

    def last_plan(self) -> PromptPlan | None:
        """The plan of the last answer, to be answered again."""
        return self._answers[-1].plan if self._answers else None

    def show_history(self, answers: Sequence[Answer]) -> None:
        """The answers of the last session."""
        self._answers = list(answers)
        self._view.show_history(answers)
        self._show_page()

    def begin(self, plan: PromptPlan, model: str) -> None:
        """A prompt was sent."""
        self._running = Answer(plan=plan, model=model, template=plan.template)
        self._texts = ["", ""]
        self._tokens, self._first_token = 0, 0.0
        self.banner.hide()
        self._view.begin(plan)
        self._show_page()

    def grow(self, column: int, text: str, tokens: int) -> None:
        """A piece of the running answer came."""
        if self._running is None:
            return
        self._view.grow(column, text)
        self._texts[column] += text
        now = monotonic()
        self._first_token = self._first_token or now
        self._tokens += tokens
        seconds = now - self._first_token
        self.answer_progressed.emit(self._tokens, self._tokens / seconds if seconds > 0.5 else None)
        self.history_changed.emit()

    def end(self, answer: Answer) -> None:
        """The running answer ended."""
        self._running = None
        self._answers = [*self._answers, answer][-ANSWERS:]
        self._view.end(answer)
        self._show_page()
        self.history_changed.emit()

    def fail(self, problem: Problem, answer: Answer) -> None:
        """The running answer failed; what came of it is kept."""
        self.end(msgspec.structs.replace(answer, problem=problem.sentence))
        self.banner.show_problem(problem)

    def clear(self) -> None:
        """Forget the answers."""
        if self._running is None:
            self.show_history(())
            self.history_changed.emit()

    def show_state(self, state: State) -> None:
        """Offer what can be done now."""
        self.box.show_state(state)
        self.welcome.show_state(state)
        self.reply_menu.show_state(state)

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model was loaded, or is no more."""
        self.welcome.show_loaded(loaded)
        if loaded is not None:
            self.banner.hide()
            self.box.focus()
        else:
            self.box.show_count(None)

    def text(self, column: int = 0) -> str:
        """What a column of answers shows."""
        return self._view.text(column)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another theme: colours of finished text are part of the text."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._running is None and self._answers:
            self._view.show_history(self._answers)

    def _so_far(self) -> Answer | None:
        if self._running is None:
            return None
        with_stack = Side(text=self._texts[0], finish_reason="cancelled")
        base = Side(text=self._texts[1], finish_reason="cancelled") if self._running.plan.compare else None
        return msgspec.structs.replace(self._running, with_stack=with_stack, base=base)

    def _show_page(self) -> None:
        has_any = bool(self._answers) or self._running is not None
        self._pages.setCurrentWidget(self._view if has_any else self.welcome)
        self.box.show_has_answer(bool(self._answers))
