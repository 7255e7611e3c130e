"""What the middle of the window can be about: one place at a time, each built when it is first visited."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QWidget

from . import theme

Build = Callable[[], tuple[QWidget, QWidget | None]]
"""Makes a place: what stands in the middle, and what stands at the right of it or None."""


class Places(QWidget):
    """The bar of places. The middle and the right side stand elsewhere in the window: `middle` and `side`."""

    #: Another place is shown: its name.
    place_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        """No place yet; the bar is hidden while there is only one."""
        super().__init__(parent)
        self.middle = QStackedWidget()
        self.side = QStackedWidget()
        self._builds: dict[str, Build] = {}
        self._built: dict[str, tuple[QWidget, QWidget | None]] = {}
        self._side_wanted = True
        self._without_side: set[str] = set()
        self._bar = QTabBar()
        self._bar.setAccessibleName(self.tr("Places"))
        self._bar.setDrawBase(False)
        self._bar.setExpanding(False)
        self._bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GAP, theme.GRID, theme.GAP, 0)
        row.addWidget(self._bar)
        row.addStretch(1)
        self.hide()
        self._bar.currentChanged.connect(self._on_tab_changed)

    def add(self, name: str, title: str, build: Build) -> None:
        """One more place, at the end of the bar. The first one is shown at once."""
        self._builds[name] = build
        tab = self._bar.addTab(title)
        self._bar.setTabData(tab, name)
        self._bar.setTabToolTip(tab, f"Ctrl+{tab + 1}")
        key = QShortcut(QKeySequence(f"Ctrl+{tab + 1}"), self)
        key.setObjectName(name)
        key.activated.connect(self._on_key)
        self.setVisible(self._bar.count() > 1)
        if tab == 0:
            self._show(name)

    def current(self) -> str:
        """The name of the place that is shown."""
        return str(self._bar.tabData(self._bar.currentIndex()) or "")

    def show_place(self, name: str) -> None:
        """Go there; a name that is none of them changes nothing."""
        names = list(self._builds)
        if name in names:
            self._bar.setCurrentIndex(names.index(name))

    @Slot(bool)
    def show_side(self, wanted: bool) -> None:
        """Fold the right side away, or have it back where the place has one."""
        self._side_wanted = wanted
        self._show(self.current())

    def show_side_of(self, name: str, has: bool) -> None:
        """A place has something to tell at the right now, or nothing."""
        if has:
            self._without_side.discard(name)
        else:
            self._without_side.add(name)
        if name == self.current():
            self._show(name)

    def _show(self, name: str) -> None:
        if name not in self._built:
            middle, side = self._built[name] = self._builds[name]()
            self.middle.addWidget(middle)
            if side is not None and self.side.indexOf(side) < 0:
                self.side.addWidget(side)
        middle, side = self._built[name]
        self.middle.setCurrentWidget(middle)
        if side is not None:
            self.side.setCurrentWidget(side)
        self.side.setVisible(self._side_wanted and side is not None and name not in self._without_side)

    @Slot()
    def _on_key(self) -> None:
        self.show_place(self.sender().objectName())

    @Slot(int)
    def _on_tab_changed(self, tab: int) -> None:
        name = str(self._bar.tabData(tab) or "")
        if name:  # a tab that is being added has none yet
            self._show(name)
            self.place_changed.emit(name)
