"""Under the prompt: which adapters its tags bring for this message, and which of them nobody knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from desktop.api import Lora
from desktop.library.adapters import AdapterEntry
from desktop.prompting.lora_tags import Tag, read_tags
from desktop.starter.install import ADAPTERS

from . import theme


class MessageAdapters(theme.Note):
    """Says nothing while the prompt has no tags."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Nothing is known of the library; until then every name may be right."""
        super().__init__(parent=parent)
        self._tags: tuple[Tag, ...] = ()
        self._library: set[str] | None = None
        self._stack: set[str] = set()

    def show_prompt(self, prompt: str) -> None:
        """The prompt is another one."""
        tags = read_tags(prompt).tags
        if tags != self._tags:
            self._tags = tags
            self._show()

    def know_library(self, adapters: Sequence[AdapterEntry]) -> None:
        """The library was listed."""
        self._library = {_composed(entry.name) for entry in adapters} | set(ADAPTERS)
        self._show()

    def know_stack(self, rows: Sequence[Lora]) -> None:
        """The stack is another one: a tag may name its rows too."""
        self._stack = {row.name for row in rows}
        self._show()

    def _show(self) -> None:
        known = ", ".join(f"{tag.name} {tag.weight:g}" for tag in self._tags if not self._is_unknown(tag))
        unknown = ", ".join(tag.name for tag in self._tags if self._is_unknown(tag))
        parts = []
        if known:
            parts.append(self.tr("For this message: {adapters}.").format(adapters=known))
        if unknown:
            parts.append(self.tr("There is no adapter of this name: {names}.").format(names=unknown))
        self.say(" ".join(parts), error=bool(unknown))

    def _is_unknown(self, tag: Tag) -> bool:
        if self._library is None or tag.name in self._stack:
            return False
        # A name is also found as the folder of a download, "user_name"; what else has a slash in it may be a path.
        names = {_composed(tag.name), _composed(re.sub(r"[/:]", "_", tag.name))}
        return not names & self._library and not re.search(r"[/\\~]", tag.name)


def _composed(name: str) -> str:
    """Composed and decomposed accents are one name, as `find_adapter` has it."""
    return unicodedata.normalize("NFC", name)
