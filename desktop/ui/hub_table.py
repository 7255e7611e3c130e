"""What a search of the hub found, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.library.hub.events import Hit
from desktop.library.sizes import size_in_words

from . import theme

HIT_ROLE = int(Qt.ItemDataRole.UserRole)
_DISPLAY, _TOOLTIP = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.ToolTipRole)
COLUMNS = ("repo", "kind", "verdict", "size", "downloads", "licence", "base")
Index = QModelIndex | QPersistentModelIndex


class HubTable(QAbstractTableModel):
    """In the hub's order: the most downloaded first."""

    def __init__(self, parent: QObject | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self._hits: Sequence[Hit] = ()
        self._titles = {
            "repo": self.tr("Repository"), "kind": self.tr("Kind"), "verdict": self.tr("This base"),
            "size": self.tr("Size"), "downloads": self.tr("Downloads"), "licence": self.tr("Licence"),
            "base": self.tr("Made for"),
        }  # fmt: skip
        self._kinds = {"model": self.tr("model"), "adapter": self.tr("adapter")}
        self._verdicts = {"fits": self.tr("fits"), "misfit": self.tr("does not fit"), "unknown": self.tr("not sure")}

    def show_hits(self, hits: Sequence[Hit]) -> None:
        """A search ended."""
        self.beginResetModel()
        self._hits = hits
        self.endResetModel()

    def _text(self, hit: Hit, column: str) -> str:
        if column == "repo":
            text = hit.repo
        elif column == "kind":
            kind = self._kinds.get(hit.kind, hit.kind)
            text = self.tr("{kind}, gated").format(kind=kind) if hit.gated else kind
        elif column == "verdict":
            text = self._verdicts.get(hit.verdict, "")
        elif column == "size":
            text = size_in_words(hit.size) if hit.size else ""
        elif column == "downloads":
            text = f"{hit.downloads:,}"
        else:
            text = hit.license if column == "licence" else hit.base
        return " ".join(text.split())

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """What was found."""
        return 0 if parent.isValid() else len(self._hits)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """As in COLUMNS."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> str | None:  # noqa: N802
        """The titles."""
        wanted = orientation is Qt.Orientation.Horizontal and role == _DISPLAY
        return self._titles[COLUMNS[section]] if wanted else None

    def data(self, index: Index, role: int = 0) -> object:
        """The text of a cell, its tooltip, or the hit."""
        hit = self._hits[index.row()]
        if role == _DISPLAY:
            return self._text(hit, COLUMNS[index.column()])
        if role == _TOOLTIP:
            return theme.as_tooltip(hit.reason or self._text(hit, COLUMNS[index.column()]))
        return hit if role == HIT_ROLE else None
