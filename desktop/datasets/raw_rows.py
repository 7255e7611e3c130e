"""Raw text: one record for each piece between two hard cuts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .decoding import Tally
from .json_values import decode_text
from .plan import RowError
from .records import Found

LONGEST_PIECE = 4 << 20
"""Bytes. A longer piece is divided at a line's end, so that no text needs more memory than a few of these."""


def rows_of_text(chunks: Iterable[bytes], hard_cut: str, min_block: int, tally: Tally) -> Iterator[Found]:
    """The pieces without the line breaks around them. `hard_cut` is empty for no cuts; `min_block` in characters."""
    line = 1
    for piece in _pieces(chunks, hard_cut.replace("\r", "").encode(), tally):
        stripped = piece.strip(b"\n")
        begin = line + piece.count(b"\n", 0, len(piece) - len(piece.lstrip(b"\n")))
        line += piece.count(b"\n")
        try:
            text = decode_text(stripped)
            if "\0" in text:
                raise RowError("NUL character", "The text holds a NUL character. Take it out.")
        except RowError as problem:
            yield Found(line=begin, problem=problem)
            continue
        length = len(text.strip())
        if length > min_block:
            yield Found(line=begin, value=text)
        else:
            tally.left_out += length > 0


def _pieces(chunks: Iterable[bytes], cut: bytes, tally: Tally) -> Iterator[bytes]:
    """The text in order; every piece but the last of its cut still has the cut's bytes at its end."""
    held = bytearray()
    for chunk in chunks:
        searched = max(len(held) - len(cut), 0)
        held += chunk.replace(b"\r", b"")
        while cut and (found := held.find(cut, searched)) >= 0:
            yield bytes(held[:found])
            # The cut itself goes, but its lines count.
            yield b"\n" * cut.count(b"\n")
            del held[: found + len(cut)]
            searched = 0
        while len(held) > LONGEST_PIECE:
            end = _good_end(held)
            yield bytes(held[:end])
            del held[:end]
            tally.divided += 1
    yield bytes(held)


def _good_end(held: bytearray) -> int:
    """Where a piece that is too long ends: after a line, else between two characters."""
    if (end := held.rfind(b"\n", LONGEST_PIECE // 2, LONGEST_PIECE)) >= 0:
        return end + 1
    end = LONGEST_PIECE
    while end > LONGEST_PIECE - 4 and held[end] & 0xC0 == 0x80:
        end -= 1
    return end
