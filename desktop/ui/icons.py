"""Icons in the palette's colours. qtawesome takes longer to import than the window to show, so they come after it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, QSize, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from . import theme

SIZES = (16, 20, 24, 32, 48)
"""Pixels, for screens of any density."""


class Icons(QObject):
    """Gives buttons their icons once they can be made, and again when the palette changes."""

    def __init__(self, window: QWidget) -> None:
        """Nothing is imported before `start`. The icons follow the palette of `window`."""
        super().__init__(window)
        self._window = window
        self._wanted: list[tuple[QAbstractButton, str]] = []
        self._drawn: dict[tuple[str, int, int], QIcon] = {}
        self._ready = False
        # A child of its own: it ends with the window, also where that is closed before it has come to importing.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._import)

    def start(self) -> None:
        """Import soon; call it when the window has been shown.

        Not on a thread of its own: qtpy, which qtawesome stands on, rewrites classes of Qt as it is imported, and the
        window uses them meanwhile (tried: it crashed now and then).
        """
        self._soon.start()

    def put(self, button: QAbstractButton, name: str) -> None:
        """Give a button an icon by qtawesome's name, in place of the one it may have."""
        had = self.name_of(button)
        if had == name:
            return
        if had:
            self._wanted = [(one, name if one is button else old) for one, old in self._wanted]
        else:
            self._wanted.append((button, name))
            button.destroyed.connect(self._on_destroyed)
        if self._ready:
            self._draw(button, name)

    def name_of(self, button: QAbstractButton) -> str:
        """The name of a button's icon; empty where it has none."""
        return next((name for one, name in self._wanted if one is button), "")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Draw anew when the theme changes."""
        if event.type() in {QEvent.Type.ApplicationPaletteChange, QEvent.Type.PaletteChange}:
            self._draw_all()
        return super().eventFilter(watched, event)

    def _import(self) -> None:
        import qtawesome  # noqa: F401 - it takes longer than the window takes to show

        self._ready = True
        self._draw_all()
        self._window.installEventFilter(self)

    def _on_destroyed(self, gone: Any) -> None:
        self._wanted = [(button, name) for button, name in self._wanted if button is not gone]

    def _draw_all(self) -> None:
        if self._ready:
            for button, name in self._wanted:
                self._draw(button, name)

    def _draw(self, button: QAbstractButton, name: str) -> None:
        import qtawesome

        # Not the button's own: it may not yet have been told that the theme has changed.
        palette = QApplication.palette(button)
        usable, greyed = palette.buttonText().color(), theme.muted_colour(palette)
        key = name, usable.rgba(), greyed.rgba()
        if key not in self._drawn:
            self._drawn[key] = _as_pixmaps(qtawesome.icon(name, color=usable, color_disabled=greyed))
        button.setIcon(self._drawn[key])


def _as_pixmaps(icon: QIcon) -> QIcon:
    """The same icon, drawn: qtawesome's own draws itself anew, in Python, whenever a button is painted."""
    drawn = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled):
        for size in SIZES:
            drawn.addPixmap(icon.pixmap(QSize(size, size), 1.0, mode), mode)
    return drawn
