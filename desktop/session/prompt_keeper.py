"""Keeps templates and presets, and finds out which template fits, off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import Lora, Sampling
from desktop.library.automatic_template import choose_automatically
from desktop.library.home import Home
from desktop.library.presets import delete_preset, save_preset
from desktop.library.prompt_files import PromptFileError
from desktop.library.textgen.prompting import all_presets, all_templates
from desktop.library.user_templates import delete_template, save_template

from .lane import Lane


class PromptKeeper(QObject):
    """The verbs return at once; the signals come from the keeper's thread."""

    #: The user's own templates: list of Template.
    templates_listed = Signal(list)
    #: All presets: list of Preset.
    presets_listed = Signal(list)
    #: The template that fits: Automatic.
    automatic_found = Signal(object)
    #: Something can't be done: a sentence.
    refused = Signal(str)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(parent)
        self._home = home
        self._lane = Lane("prompts", self)
        self.lanes = (self._lane,)

    @Slot()
    def list_all(self) -> None:
        """Read templates and presets."""
        self._do(self._list_templates)
        self._do(self._list_presets)

    def find_automatic(self, rows: Sequence[Lora], model: str, has_template: bool) -> None:
        """Find the template that fits these rows on the model at a path."""
        stack = tuple(rows)
        self._do(lambda: self.automatic_found.emit(choose_automatically(stack, model, has_template)))

    def save_template(self, name: str, source: str) -> None:
        """Keep a template, in the place of one of that name."""
        self._do(lambda: save_template(self._home.templates, name, source), self._list_templates)

    def delete_template(self, name: str) -> None:
        """Delete one of the user's templates."""
        self._do(lambda: delete_template(self._home.templates, name), self._list_templates)

    def save_preset(self, name: str, sampling: Sampling) -> None:
        """Keep a preset, in the place of one of that name."""
        self._do(lambda: save_preset(self._home.presets, name, sampling), self._list_presets)

    def delete_preset(self, name: str) -> None:
        """Delete one of the user's presets."""
        self._do(lambda: delete_preset(self._home.presets, name), self._list_presets)

    def shut_down(self) -> None:
        """End the thread; waits for it."""
        self._lane.shut_down()

    def _list_templates(self) -> None:
        self.templates_listed.emit(list(all_templates(self._home)))

    def _list_presets(self) -> None:
        self.presets_listed.emit(list(all_presets(self._home)))

    def _do(self, *work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                for step in work:
                    step()
            except PromptFileError as error:
                self.refused.emit(str(error))

        self._lane.submit(run)
