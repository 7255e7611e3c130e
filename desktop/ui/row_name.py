"""The name of a row, by which it is dragged to another place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from . import theme


class RowName(theme.Elided):
    """Tells where the mouse drags it; what that means is the list's affair."""

    #: The mouse went down on it.
    pressed = Signal()
    #: It is dragged: where the mouse is on the screen.
    drag_moved = Signal(QPoint)
    #: It is not dragged any more: True where it was dropped, False where that was given up.
    drag_ended = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Without a name."""
        super().__init__("", parent)
        self._pressed_at: QPoint | None = None
        self._dragged = False
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def give_up(self) -> None:
        """Leave it where it was, if it is dragged."""
        self._end(dropped=False)

    def _begin(self) -> None:
        self._dragged = True
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        # Escape gives up, wherever the keyboard is.
        if (application := QApplication.instance()) is not None:
            application.installEventFilter(self)

    def _end(self, *, dropped: bool) -> None:
        self._pressed_at = None
        if not self._dragged:
            return
        self._dragged = False
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        if (application := QApplication.instance()) is not None:
            application.removeEventFilter(self)
        self.drag_ended.emit(dropped)

    def _elide(self) -> None:
        super()._elide()
        self.setToolTip("")  # the row's own says more, and the whole name first

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A drag may begin here."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed_at = event.position().toPoint()
        self.pressed.emit()
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """It begins when the mouse has gone far enough."""
        if self._pressed_at is None:
            return
        way = event.position().toPoint() - self._pressed_at
        if not self._dragged and way.manhattanLength() >= QApplication.startDragDistance():
            self._begin()
        if self._dragged:
            self.drag_moved.emit(event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Dropped."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._end(dropped=True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Escape, before anything else that listens to it."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            if event.type() is QEvent.Type.KeyPress:
                self.give_up()
            return True
        return super().eventFilter(watched, event)
