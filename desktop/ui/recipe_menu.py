"""The menu of recipes: save the present stack, template and sampling as one; load, import, export."""

from __future__ import annotations

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow


class RecipeMenu:
    """Its actions, by what they do."""

    def __init__(self, window: QMainWindow) -> None:
        """Adds the menu at the end of the window's menu bar."""
        tr = window.tr
        menu = window.menuBar().addMenu(tr("&Recipes"))
        self.save = QAction(tr("&Save the present stack..."), window)
        self.load = QAction(tr("&Load..."), window)
        self.take_in = QAction(tr("&Import..."), window)
        self.give_out = QAction(tr("&Export..."), window)
        self.save.setShortcut(QKeySequence("Ctrl+Shift+S"))
        self.load.setShortcut(QKeySequence("Ctrl+Shift+O"))
        menu.addActions([self.save, self.load])
        menu.addSeparator()
        menu.addActions([self.take_in, self.give_out])
