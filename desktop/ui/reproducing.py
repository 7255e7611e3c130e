"""Makes a reply again: the stack first, the answer when it is attached, and then the tokens are compared."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from desktop.library.recipe_matching import compared_in_words
from desktop.session.plans import Answer, StackReport
from desktop.session.recipe_plans import Reproduction


class Reproducer(QObject):
    """Waits for what it asked for; one reply at a time."""

    #: Make these rows the stack: tuple of Lora.
    rows_wanted = Signal(object)
    #: Compute the stack in this mode.
    mode_wanted = Signal(str)
    #: Answer this: the plan, and the plan as the panels show it.
    answer_wanted = Signal(object, object)
    #: The reply can't be made again: a sentence.
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Idle."""
        super().__init__(parent)
        self._wanted: Reproduction | None = None
        self._asked = False
        self._mode = "exact"
        self._waits_for_mode = False

    @Slot(str)
    def know_mode(self, mode: str) -> None:
        """The stack is computed in this mode now; a model that was just loaded computes exactly."""
        self._mode = mode

    @Slot(object)
    def take(self, wanted: Reproduction) -> None:
        """A reply is to be made again."""
        self._wanted, self._asked = wanted, False
        self.rows_wanted.emit(wanted.rows)

    @Slot(object)
    def take_report(self, report: StackReport) -> None:
        """The stack is another one: perhaps the one that was waited for."""
        wanted = self._wanted
        if wanted is None or self._asked:
            return
        if report.problems:
            self.drop()
            reason = next(iter(report.problems.values())).sentence
            self.refused.emit(self.tr("The reply can't be reproduced with this stack: {reason}").format(reason=reason))
        elif report.rows == wanted.rows and not self._waits_for_mode:
            if wanted.mode == self._mode:
                self._ask(wanted)
            else:
                self._waits_for_mode = True
                self.mode_wanted.emit(wanted.mode)

    @Slot()
    def take_end(self) -> None:
        """What was done with the whole stack is over: perhaps the mode was changed, perhaps that was refused."""
        wanted = self._wanted
        if wanted is None or not self._waits_for_mode:
            return
        self._waits_for_mode = False
        if wanted.mode == self._mode:
            self._ask(wanted)
        else:
            self.drop()

    def judge(self, answer: Answer) -> Answer:
        """The answer, with a note of whether the same tokens came where it was to be a reply again."""
        wanted = self._wanted
        if wanted is None or not self._asked or answer.plan != wanted.plan:
            return answer
        self.drop()
        note = "\n".join((compared_in_words(answer.with_stack.token_ids, wanted.tokens), *wanted.told))
        return msgspec.structs.replace(answer, note=note)

    @Slot()
    def drop(self) -> None:
        """What was waited for will not come."""
        self._wanted, self._asked, self._waits_for_mode = None, False, False

    def _ask(self, wanted: Reproduction) -> None:
        self._asked = True
        self.answer_wanted.emit(wanted.plan, wanted.shown)
