"""Markdown as a fragment of a document in which nothing loads, runs or leads anywhere unasked."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QFont, QPalette, QTextBlock, QTextCharFormat, QTextCursor, QTextDocument, QTextFormat

from . import theme

SCHEMES = ("http", "https", "mailto")
"""Links that may be opened, after a question."""
FEATURES = (
    QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML  # HTML is text
)
HEADINGS = (1.35, 1.2, 1.1)
"""Sizes of headings, of the text's own."""


class SafeDocument(QTextDocument):
    """Has no resources, whatever the text asks for."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802
        """Nothing."""
        return None


def markdown_document(text: str, font: QFont, palette: QPalette) -> SafeDocument:
    """The text laid out; images and links to anything but the web are words."""
    document = SafeDocument()
    document.setUndoRedoEnabled(False)
    document.setDefaultFont(font)
    document.setMarkdown(text.replace("\0", "\N{REPLACEMENT CHARACTER}"), FEATURES)
    first = document.firstBlock()
    if not first.text() and first.next().isValid() and first.next().textList() is not None:
        QTextCursor(document).deleteChar()  # Qt puts an empty line above a list
    _tame(document)
    _dress(document, font, palette)
    return document


def _tame(document: SafeDocument) -> None:
    """Say in words what an image or a link would have led to."""
    found: list[tuple[int, int, str]] = []
    block = document.begin()
    while block.isValid():
        for position, length, words, form in _fragments(block):
            if form.isImageFormat():
                name = form.toImageFormat().name()
                alt = str(form.property(QTextFormat.Property.ImageAltText) or "")
                found.append((position, length, f"[{alt or 'image'}: {name}]"))
            elif form.isAnchor() and QUrl(form.anchorHref()).scheme().lower() not in SCHEMES:
                href = form.anchorHref()
                found.append((position, length, words if href in words else f"{words} ({href})"))
        block = block.next()
    cursor = QTextCursor(document)
    for position, length, words in reversed(found):
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(words.replace("\N{OBJECT REPLACEMENT CHARACTER}", ""), QTextCharFormat())


def _fragments(block: QTextBlock) -> list[tuple[int, int, str, QTextCharFormat]]:
    found = []
    iterator = block.begin()
    while not iterator.atEnd():
        fragment = iterator.fragment()
        found.append((fragment.position(), fragment.length(), fragment.text(), fragment.charFormat()))
        iterator += 1
    return found


def _dress(document: SafeDocument, font: QFont, palette: QPalette) -> None:
    """Qt's own sizes of headings shout, and its code has no ground."""
    code = QTextCharFormat()
    code.setFontFamilies(theme.fixed_width_font().families())
    code.setBackground(palette.alternateBase())
    link = QTextCharFormat()
    link.setForeground(palette.link())
    cursor = QTextCursor(document)
    block = document.begin()
    while block.isValid():
        level = block.blockFormat().headingLevel()
        _space(block, cursor)
        for position, length, _, form in _fragments(block):
            cursor.setPosition(position)
            cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
            if form.fontFixedPitch():
                cursor.mergeCharFormat(code)
            if form.isAnchor():
                link.setToolTip(form.anchorHref())
                cursor.mergeCharFormat(link)
            if level:
                size = QTextCharFormat()
                size.setFontPointSize(font.pointSizeF() * HEADINGS[min(level, len(HEADINGS)) - 1])
                size.setProperty(QTextFormat.Property.FontSizeAdjustment, 0)
                size.setFontWeight(QFont.Weight.DemiBold)
                cursor.mergeCharFormat(size)
        block = block.next()


def _space(block: QTextBlock, cursor: QTextCursor) -> None:
    """Even distances, on the window's grid."""
    cursor.setPosition(block.position())
    if cursor.currentTable() is not None:
        return
    form = block.blockFormat()
    form.setTopMargin(theme.GRID)
    form.setBottomMargin(0 if block.textList() is not None else theme.GRID)
    if level := form.intProperty(QTextFormat.Property.BlockQuoteLevel):
        form.setLeftMargin(level * 4 * theme.GRID)
    cursor.setBlockFormat(form)
