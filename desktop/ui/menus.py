"""The window's menus: every verb with its shortcut, for those who look for it and for screen readers."""

from __future__ import annotations

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from . import theme
from .recipe_menu import RecipeMenu


class Menus:
    """The actions of the menu bar, by what they do."""

    def __init__(self, window: QMainWindow) -> None:
        """Adds them to the window's menu bar."""
        tr = window.tr
        bar = window.menuBar()
        model = bar.addMenu(tr("&Model"))
        self.load = _add(window, model, tr("&Load"), "Ctrl+O")
        self.unload = _add(window, model, tr("&Unload"), "")
        self.quantize = _add(window, model, tr("Quanti&se..."), "")
        self.refresh = _add(window, model, tr("Read the library a&gain"), "F5")
        self.textgen = _add(window, model, tr("Use a text-generation-webui &folder..."), "")
        model.addSeparator()
        self.quit = _add(window, model, tr("&Quit"), "Ctrl+Q")
        self.adapters = adapters = bar.addMenu(tr("&Adapters"))
        self.add_adapter = _add(window, adapters, tr("Add from the &library..."), "Ctrl+L")
        self.add_folder = _add(window, adapters, tr("Add from a &folder..."), "Ctrl+Shift+L")
        adapters.addSeparator()
        self.changes = QActionGroup(window)
        self.changes_at_once = _add(window, adapters, tr("Changes act at &once"), "")
        self.changes_at_once.setToolTip(tr("On the next token of a running answer, where the loader can do that."))
        self.changes_wait = _add(window, adapters, tr("Changes &wait for the next answer"), "")
        self.changes_wait.setToolTip(tr("A running answer keeps the stack it began with."))
        for action in (self.changes_at_once, self.changes_wait):
            action.setCheckable(True)
            self.changes.addAction(action)
        adapters.setToolTipsVisible(True)
        answer = bar.addMenu(tr("A&nswer"))
        self.send = _add(window, answer, tr("&Send"), "Ctrl+Return")
        self.send.setShortcuts([QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")])
        self.compare = _add(window, answer, tr("&Compare with base"), "Ctrl+Shift+Return")
        self.regenerate = _add(window, answer, tr("&Regenerate"), "Ctrl+R")
        self.go_on = _add(window, answer, tr("C&ontinue the last reply"), "Alt+Return")
        self.previous = _add(window, answer, tr("&Previous version"), "Alt+Left")
        self.next = _add(window, answer, tr("&Next version"), "Alt+Right")
        self.stop = _add(window, answer, tr("S&top"), "Esc")
        self.start_with = _add(window, answer, tr("Start the reply &with..."), "Ctrl+Shift+W")
        self.start_with.setCheckable(True)
        answer.addSeparator()
        self.clear = _add(window, answer, tr("New con&versation"), "Ctrl+N")
        self.search = _add(window, answer, tr("Search conversations"), "Ctrl+Shift+F")
        self.notebook = _add(window, answer, tr("Chat or noteboo&k"), "Ctrl+Shift+N")
        self.recipes = RecipeMenu(window)
        view = bar.addMenu(tr("&View"))
        self.details = _add(window, view, tr("&Details at the right"), "Ctrl+D")
        self.details.setCheckable(True)
        self.details.setChecked(True)
        self.larger = _add(window, view, tr("&Larger text"), "Ctrl++")
        self.larger.setShortcuts([QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")])
        self.smaller = _add(window, view, tr("&Smaller text"), "Ctrl+-")
        self.usual = _add(window, view, tr("&Usual size of text"), "Ctrl+0")
        themes = view.addMenu(tr("&Theme"))
        self.themes = QActionGroup(window)
        titles = {"system": tr("As the &system"), "light": tr("&Light"), "dark": tr("&Dark")}
        for name in theme.THEMES:
            action = _add(window, themes, titles[name], "")
            action.setCheckable(True)
            action.setData(name)
            self.themes.addAction(action)
        help_menu = bar.addMenu(tr("&Help"))
        self.shortcuts = _add(window, help_menu, tr("&Keyboard shortcuts"), "F1")
        self.loaders = _add(window, help_menu, tr("&Loaders and devices"), "Shift+F1")
        self.about = _add(window, help_menu, tr("&About LoRA Deck"), "")

    def show_changes(self, wait: bool) -> None:
        """Tick when changes of the stack act."""
        (self.changes_wait if wait else self.changes_at_once).setChecked(True)

    def show_theme(self, name: str) -> None:
        """Tick the theme in use."""
        for action in self.themes.actions():
            action.setChecked(action.data() == name)


def _add(window: QMainWindow, menu: QMenu, text: str, shortcut: str) -> QAction:
    action = QAction(text, window)
    if shortcut:
        action.setShortcut(QKeySequence(shortcut))
    menu.addAction(action)
    return action
