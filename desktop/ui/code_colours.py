"""Code in colours: pygments says what each piece is, the theme how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from PySide6.QtGui import QColor

LONGEST = 20
"""Letters of a language's name; what is longer is none."""
_LIGHT = {"Keyword": "#7a1fa2", "Name.Function": "#1a4fa0", "Name.Class": "#1a4fa0", "Literal.String": "#1b6e2b",
          "Literal.Number": "#9a3b00", "Comment": "#5c6370", "Name.Builtin": "#00616b", "Name.Tag": "#7a1fa2",
          "Name.Attribute": "#1a4fa0", "Operator.Word": "#7a1fa2", "Name.Decorator": "#00616b"}  # fmt: skip
_DARK = {"Keyword": "#d7a6f0", "Name.Function": "#8fbcff", "Name.Class": "#8fbcff", "Literal.String": "#97d59b",
         "Literal.Number": "#f2b384", "Comment": "#a9b1bd", "Name.Builtin": "#7fd6df", "Name.Tag": "#d7a6f0",
         "Name.Attribute": "#8fbcff", "Operator.Word": "#d7a6f0", "Name.Decorator": "#7fd6df"}  # fmt: skip


def coloured(code: str, language: str, dark: bool) -> Iterator[tuple[str, QColor | None]]:
    """The code in pieces, each with its colour, or None for that of the text."""
    lexer = _lexer(language.lower()) if language and len(language) <= LONGEST else None
    if lexer is None:
        yield code, None
        return
    for kind, text in lexer.get_tokens(code):
        yield text, _colour(kind, dark)


@lru_cache(maxsize=32)
def _lexer(language: str) -> Any:
    # Here and not above: nobody needs it before there is code.
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _colour(kind: Any, dark: bool) -> QColor | None:
    colours = _DARK if dark else _LIGHT
    parts = str(kind).removeprefix("Token.").split(".")
    for length in range(len(parts), 0, -1):
        if name := colours.get(".".join(parts[:length])):
            return QColor(name)
    return None
