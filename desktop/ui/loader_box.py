"""Which loader opens the chosen model: automatic, or one by name; those that can't are greyed, with their reason."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from desktop.discovery.choice import Choice, why_not

from . import theme
from .loader_words import choice_in_words, refusals_in_words, title_of


class LoaderBox(QComboBox):
    """Knows the loaders' verdicts about one model, and says them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing judged yet."""
        super().__init__(parent)
        self._choices: list[Choice] = []
        self.setAccessibleName(self.tr("Loader"))
        self.setToolTip(self.tr("The engine that opens the model; automatic takes the first that fits."))
        self.addItem(self.tr("Automatic"), "")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def wanted(self) -> str:
        """The name of the loader that was chosen by hand; "" for automatic."""
        return self.currentData() or ""

    def want(self, name: str) -> None:
        """Choose a loader by name, though nobody has been asked yet."""
        if name and self.findData(name) < 0:
            self.addItem(name, name)
        self.setCurrentIndex(max(self.findData(name), 0))

    def chosen(self) -> Choice | None:
        """The verdict of the loader that would be used."""
        wanted = self.wanted()
        fitting = [choice for choice in self._choices if choice.can_load]
        named = [choice for choice in self._choices if choice.found.ref.name == wanted]
        return next(iter(named if wanted else fitting), None)

    def is_refused(self) -> bool:
        """Whether all were asked and none opens the model."""
        return bool(self._choices) and self.chosen() is None

    def forget(self) -> None:
        """Another model was chosen: the verdicts were about the last one."""
        self._choices = []

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """Offer the loaders in their order; what was chosen by hand stays chosen. Emits nothing."""
        self._choices = list(choices)
        wanted = self.wanted()
        with QSignalBlocker(self):
            self.clear()
            first = next((choice for choice in choices if choice.can_load), None)
            automatic = self.tr("Automatic")
            self.addItem(f"{automatic}: {title_of(first)}" if first else automatic, "")
            for choice in choices:
                self._add(choice)
            self.setCurrentIndex(max(self.findData(wanted), 0))

    def words(self) -> str:
        """Who opens the model and why, or why none does; "" where there is nothing to say."""
        choice = self.chosen()
        if choice is not None:
            return choice_in_words(self._choices, choice, by_hand=bool(self.wanted()))
        return refusals_in_words(self._choices) if self._choices else ""

    def _add(self, choice: Choice) -> None:
        self.addItem(title_of(choice), choice.found.ref.name)
        row = self.count() - 1
        words = choice.verdict.reason if choice.can_load else why_not(choice)
        self.setItemData(row, theme.as_tooltip(words), Qt.ItemDataRole.ToolTipRole)
        self.model().item(row).setEnabled(choice.can_load)  # type: ignore[attr-defined]
