"""Why something of the library can't be changed."""

from __future__ import annotations


class ShelfError(Exception):
    """It can't be done; nothing was changed, and the message says why and what to do."""
