"""Colours of curves and of tokens, made from the palette so that they can be told apart on light and on dark."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

from . import theme

_ON_LIGHT = ("#1f6fb2", "#b3541e", "#2e7d4f", "#8e3a80", "#8a6d00", "#a32a3a", "#00717d", "#555a66")
_ON_DARK = ("#6db3f2", "#f0a36b", "#7fd1a0", "#d795cb", "#e0c35a", "#f28b94", "#5fd0dc", "#b8bcc8")


def series_colour(palette: QPalette, number: int) -> QColor:
    """The colour of one of several curves; they begin anew after the last."""
    colours = _ON_DARK if theme.is_dark(palette) else _ON_LIGHT
    return QColor(colours[number % len(colours)])


def blended(over: QColor, under: QColor, share: float) -> QColor:
    """A colour laid over another with that opacity."""
    return QColor(
        round(over.red() * share + under.red() * (1 - share)),
        round(over.green() * share + under.green() * (1 - share)),
        round(over.blue() * share + under.blue() * (1 - share)),
    )


def token_colour(palette: QPalette, *, trained: bool, odd: bool) -> QColor:
    """What a token stands on; neighbours differ a little, so that each can be seen."""
    base = palette.base().color()
    if trained:
        return blended(palette.highlight().color(), base, 0.42 if odd else 0.26)
    return blended(palette.text().color(), base, 0.09 if odd else 0.02)
