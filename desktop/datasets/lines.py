"""Lines of a stream of bytes, none of which is held when it is longer than a row may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LONGEST_ROW = 4 << 20
"""Bytes. A longer row is named and left out unread, so that no file needs more memory than a few of these."""


def bounded_lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Number, from 1, and bytes of each line with its end; None for one that is longer than `LONGEST_ROW`."""
    number, held, too_long = 1, bytearray(), False
    for chunk in chunks:
        begin = 0
        while (end := chunk.find(b"\n", begin)) >= 0:
            if not too_long:
                held += chunk[begin : end + 1]
            yield number, None if too_long or len(held) > LONGEST_ROW else bytes(held)
            number, held, too_long, begin = number + 1, bytearray(), False, end + 1
        if not too_long:
            held += chunk[begin:]
        if len(held) > LONGEST_ROW:
            held, too_long = bytearray(), True
    if held or too_long:
        yield number, None if too_long else bytes(held)
