"""A model card as Markdown: no HTML, no picture, nothing fetched; a link opens the browser when it is clicked."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QTextDocument
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from . import theme

_FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
SAFE = ("https", "http")
"""What a link may open with; not files of this machine, and no program."""


class CardView(QTextBrowser):
    """Shows a stranger's text and does nothing that it says."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Empty."""
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setAccessibleName(self.tr("Model card"))
        self.setPlaceholderText(self.tr("There is no card (README.md) in the folder."))
        self.document().setDocumentMargin(theme.MARGIN)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self.highlighted.connect(self._on_highlighted)

    def show_card(self, text: str) -> None:
        """Show this Markdown from its beginning."""
        self.setToolTip("")
        self.document().setMarkdown(text, _FEATURES)
        self.verticalScrollBar().setValue(0)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802
        """Qt asks here for pictures and style sheets, and reads files of this machine by itself: nothing is given."""
        del kind, name

    def _on_anchor_clicked(self, url: QUrl) -> None:
        if url.scheme().lower() in SAFE:
            QDesktopServices.openUrl(url)

    def _on_highlighted(self, url: QUrl) -> None:
        # Where a link leads is seen before it is clicked.
        self.setToolTip(theme.as_tooltip(url.toString()))
