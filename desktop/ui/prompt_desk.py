"""Templates and presets in the window: what the details and the editor ask for, and what the keeper finds."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMainWindow

from desktop.api import Lora
from desktop.session.plans import Loaded
from desktop.session.prompt_keeper import PromptKeeper

from .details_panel import DetailsPanel
from .template_editor import TemplateEditor


class PromptDesk(QObject):
    """Stands between the panels and the keeper of templates and presets."""

    #: It can't be done: a sentence.
    refused = Signal(str)

    def __init__(self, window: QMainWindow, keeper: PromptKeeper, details: DetailsPanel) -> None:
        """Nothing is asked of the keeper before `begin`."""
        super().__init__(window)
        self._keeper = keeper
        self._details = details
        self._rows: tuple[Lora, ...] = ()
        self._loaded: Loaded | None = None
        self.editor = TemplateEditor(window)
        self._connect()

    def begin(self, rows: Sequence[Lora]) -> None:
        """Read what is there."""
        self._rows = tuple(rows)
        self._keeper.list_all()

    @Slot(object)
    def know_rows(self, rows: Sequence[Lora]) -> None:
        """The stack is another one."""
        self._rows = tuple(rows)
        self._find()

    def show_loaded(self, loaded: Loaded | None) -> None:
        """A model was loaded, or is no more."""
        self._loaded = loaded
        self._details.show_automatic(None)
        self._find()

    def _connect(self) -> None:
        keeper, details, editor = self._keeper, self._details, self.editor
        keeper.templates_listed.connect(details.show_templates)
        keeper.templates_listed.connect(editor.show_templates)
        keeper.presets_listed.connect(details.presets.show_presets)
        keeper.automatic_found.connect(details.show_automatic)
        keeper.refused.connect(self.refused)
        details.editing_requested.connect(editor.open_at)
        details.presets.save_requested.connect(self._on_preset_wanted)
        details.presets.delete_requested.connect(keeper.delete_preset)
        editor.save_requested.connect(keeper.save_template)
        editor.delete_requested.connect(keeper.delete_template)

    def _find(self) -> None:
        if self._loaded is not None:
            info = self._loaded.info
            self._keeper.find_automatic(self._rows, info.path, info.has_template)

    @Slot(str)
    def _on_preset_wanted(self, name: str) -> None:
        self._keeper.save_preset(name, self._details.sampling())
