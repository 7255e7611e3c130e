"""Translation for what is no QObject and has no `tr` of its own."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def tr(text: str) -> str:
    """The text in the user's language, where there is a translation of it."""
    return QCoreApplication.translate("Session", text)
