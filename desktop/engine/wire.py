"""Frames on a pipe: four bytes of big-endian length, then one msgpack message."""

from __future__ import annotations

import struct
from typing import BinaryIO

MAX_FRAME = 64 * 1024 * 1024
"""Largest message in bytes. Logits of 256 positions over a vocabulary of 50,000 take 50 MB."""

_LENGTH = struct.Struct(">I")


class WireError(Exception):
    """The stream holds something that is no frame; nothing after it can be trusted."""


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message, or None at the end of the stream. Raises WireError for a broken or oversized frame."""
    head = _read_exactly(stream, _LENGTH.size)
    if not head:
        return None
    if len(head) < _LENGTH.size:
        raise WireError("the stream ended inside a frame")
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise WireError(f"a message of {length:,} bytes is over the limit of {MAX_FRAME:,}")
    body = _read_exactly(stream, length)
    if len(body) < length:
        raise WireError("the stream ended inside a frame")
    return body


def write_frame(stream: BinaryIO, body: bytes) -> None:
    """Write one message and flush. Raises WireError before writing anything if it is too large."""
    check_size(body)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def check_size(body: bytes) -> None:
    """Raises WireError if a message is too large for a frame."""
    if len(body) > MAX_FRAME:
        raise WireError(f"a message of {len(body):,} bytes is over the limit of {MAX_FRAME:,}")


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
