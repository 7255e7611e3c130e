"""Every shortcut of the window, as the menus have them, and the keys of the panels."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QMainWindow,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from . import theme
from .lists import set_rows


class ShortcutsDialog(QDialog):
    """Not modal: it can stay beside the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self.resize(460, 560)
        self._list = QTreeWidget()
        self._list.setAccessibleName(self.tr("Keyboard shortcuts"))
        self._list.setHeaderLabels([self.tr("What it does"), self.tr("Keys")])
        self._list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._list.setTabKeyNavigation(False)
        set_rows(self._list)
        buttons = theme.standard_buttons(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
        layout.addWidget(self._list, 1)
        layout.addWidget(buttons)

    def show_actions(self, window: QMainWindow) -> None:
        """List what the window's menus have now."""
        self._list.clear()
        for top in window.menuBar().actions():
            menu = top.menu()
            found = [one for one in menu.actions() if one.shortcuts()] if isinstance(menu, QMenu) else []
            if found:
                group = self._group(_bare(top.text()))
                for action in found:
                    keys = (keys.toString(QKeySequence.SequenceFormat.NativeText) for keys in action.shortcuts())
                    group.addChild(QTreeWidgetItem([_bare(action.text()), ", ".join(keys)]))
        self._show_panels()
        self._list.expandAll()
        self._fit()

    def _fit(self) -> None:
        """Wide enough for the longest keys; a stretched column would not tell how wide its words are."""
        header = self._list.header()
        header.setStretchLastSection(False)
        self._list.resizeColumnToContents(0)
        self._list.resizeColumnToContents(1)
        bar = self._list.verticalScrollBar().sizeHint().width()
        width = header.length() + bar + 2 * (theme.MARGIN + self._list.frameWidth())
        header.setStretchLastSection(True)
        self.resize(max(self.width(), width), self.height())

    def _show_panels(self) -> None:
        panels = self._group(self.tr("In the panels"))
        for words, keys in (
            (self.tr("Weight of an adapter by 0.05"), self.tr("Left, Right")),
            (self.tr("Menu of a message: Tab to its button"), self.tr("Space")),
            (self.tr("Rename a conversation in the list"), self.tr("F2")),
            (self.tr("Move a conversation to the trash"), self.tr("Delete")),
            (self.tr("Undo in the prompt and the notebook"), self.tr("Ctrl+Z")),
        ):
            panels.addChild(QTreeWidgetItem([words, keys]))

    def _group(self, title: str) -> QTreeWidgetItem:
        group = QTreeWidgetItem([title])
        group.setFlags(Qt.ItemFlag.ItemIsEnabled)
        font = group.font(0)
        font.setBold(True)
        group.setFont(0, font)
        self._list.addTopLevelItem(group)
        return group


def _bare(text: str) -> str:
    return text.replace("&", "")
