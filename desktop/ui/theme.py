"""Sizes, and the few colours the palette has no role for."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QFormLayout, QFrame, QLabel, QSizePolicy, QWidget

from .palettes import make_palette

GRID = 4
"""Pixels; every distance is a multiple of it."""
GAP = 2 * GRID
MARGIN = 3 * GRID
LABELS = 23 * GRID
"""Width of the labels at the left of a form; those that need more take more."""

THEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}


def use_theme(name: str) -> None:
    """Follow the system, or be light or dark whatever the system is."""
    hints = QGuiApplication.styleHints()
    hints.setColorScheme(THEMES[name])
    if name == "system" and hints.colorScheme() is not Qt.ColorScheme.Unknown:
        QApplication.setPalette(QPalette())
    elif hints.colorScheme() is not THEMES[name] or name == "system":
        # The platform has no theme to switch; a high-contrast one would have told its scheme.
        QApplication.setPalette(make_palette(dark=name == "dark"))
    else:
        QApplication.setPalette(QPalette())


def is_dark(palette: QPalette) -> bool:
    """Whether text is lighter than what it stands on."""
    return palette.windowText().color().lightness() > palette.window().color().lightness()


def error_colour(palette: QPalette) -> QColor:
    """Red that can be read on the window's colour: at least 4.5:1 on white and on near black."""
    return QColor("#ff9b94") if is_dark(palette) else QColor("#b3261e")


def muted_colour(palette: QPalette) -> QColor:
    """Text that steps back, still at 4.5:1: the window's text mixed with what it stands on."""
    text, ground = palette.windowText().color(), palette.window().color()
    share = 0.72

    def mix(a: int, b: int) -> int:
        return round(a * share + b * (1 - share))

    return QColor(mix(text.red(), ground.red()), mix(text.green(), ground.green()), mix(text.blue(), ground.blue()))


def tabular(font: QFont) -> QFont:
    """The font with figures of equal width, for numbers that are compared."""
    font = QFont(font)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def fixed_width_font() -> QFont:
    """For details and logs."""
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)


def standard_buttons(which: QDialogButtonBox.StandardButton, parent: QWidget | None = None) -> QDialogButtonBox:
    """Buttons of a dialog, without the style's own icons: they are drawn for light grounds, and ours have none."""
    box = QDialogButtonBox(which, parent)
    for button in box.buttons():
        button.setIcon(QIcon())
    return box


def fit_height(dialog: QWidget, *, shrink: bool = True) -> None:
    """Make a dialog as high as its sentences need at its width; without `shrink`, at least so high.

    Qt itself asks how high they were if they were narrow.
    """
    layout = dialog.layout()
    if layout is not None:
        layout.activate()
        wraps, width = layout.hasHeightForWidth(), dialog.width()
        needed = layout.totalHeightForWidth(width) if wraps else layout.totalSizeHint().height()
        dialog.setMinimumHeight(needed)
        if shrink:
            dialog.resize(width, needed)


def align_labels(form: QFormLayout) -> None:
    """Forms that stand under each other begin their fields at the same place."""
    for row in range(form.rowCount()):
        item = form.itemAt(row, QFormLayout.ItemRole.LabelRole)
        if item is not None and (label := item.widget()) is not None:
            # A label with a mnemonic asks for less height than its descenders take.
            label.setMinimumSize(LABELS, label.fontMetrics().height() + 2)


def heading(text: str) -> QLabel:
    """The title of a panel."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    font.setCapitalization(QFont.Capitalization.AllUppercase)
    font.setPointSizeF(font.pointSizeF() * 0.85)
    font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.6)
    label.setFont(font)
    return label


def as_tooltip(text: str) -> str:
    """A text for a tooltip, which Qt takes for HTML where it looks like it."""
    if "<" not in text:
        return text
    return f"<qt>{escape(text)}</qt>".replace("\n", "<br>")


def line() -> QFrame:
    """A thin line between two panels that stand one above the other."""
    drawn = QFrame()
    drawn.setFrameShape(QFrame.Shape.HLine)
    drawn.setFrameShadow(QFrame.Shadow.Plain)
    drawn.setForegroundRole(QPalette.ColorRole.Mid)
    return drawn


class Note(QLabel):
    """A sentence in plain text that wraps; never taken for HTML, whatever a stranger's file says."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        """Hidden while it is empty."""
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._error = False
        self.say(text)

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a sentence; red where it is an error."""
        self.setText(text)
        self.setVisible(bool(text))
        self._error = error
        self._colour()

    def _colour(self) -> None:
        # Not the parent's palette: as the theme changes, a child may hear of it before its parent has the new one.
        around = QGuiApplication.palette()
        colour = error_colour(around) if self._error else muted_colour(around)
        if self.palette().windowText().color() != colour:
            # This role alone, so that the others go on following the theme, and tell of its change.
            palette = QPalette()
            palette.setColor(QPalette.ColorRole.WindowText, colour)
            self.setPalette(palette)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_error"):
            self._colour()


class Elided(QLabel):
    """One line that is cut in the middle where there is no room, with the whole in the tooltip."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        """Plain text."""
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._whole = ""
        self._cut_for: tuple[str, int, QFont] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.say(text)

    def say(self, text: str) -> None:
        """Show this text."""
        self._whole = " ".join(text.split())
        self._elide()

    def whole(self) -> str:
        """The text, not cut."""
        return self._whole

    def _elide(self) -> None:
        font, width = self.font(), max(self.width(), 40)
        if self._cut_for == (self._whole, width, font):
            return
        self._cut_for = (self._whole, width, font)
        cut = QFontMetrics(font).elidedText(self._whole, Qt.TextElideMode.ElideMiddle, width)
        # Each of these makes the layouts around it think again.
        if cut != self.text():
            self.setText(cut)
        tooltip = as_tooltip(self._whole) if cut != self._whole else ""
        if tooltip != self.toolTip():
            self.setToolTip(tooltip)

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        """Cut anew."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._elide()
