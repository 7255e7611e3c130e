"""Frames: what goes in comes out, and nothing else is taken for a frame."""

from __future__ import annotations

import io
import os
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.engine import wire
from desktop.engine.wire import MAX_FRAME, WireError, check_size, read_frame, write_frame


class Dribble(io.RawIOBase):
    """A stream that gives its bytes a few at a time, as a pipe may."""

    def __init__(self, data, sizes):
        self.data, self.sizes = data, list(sizes)

    def read(self, size=-1):
        size = min(size, self.sizes.pop() if self.sizes else 1)
        part, self.data = self.data[:size], self.data[size:]
        return part


@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(1, 50), max_size=30))
def test_frames_come_out_as_they_went_in(bodies, sizes):
    stream = io.BytesIO()
    for body in bodies:
        write_frame(stream, body)
    reader = Dribble(stream.getvalue(), sizes)
    assert [read_frame(reader) for _ in bodies] == bodies
    assert read_frame(reader) is None


def test_a_frame_is_a_big_endian_length_and_the_body():
    stream = io.BytesIO()
    write_frame(stream, b"abc")
    assert stream.getvalue() == b"\x00\x00\x00\x03abc"


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_stream_that_ends_inside_a_frame_is_an_error(cut):
    stream = io.BytesIO()
    write_frame(stream, b"abcd")
    with pytest.raises(WireError, match="ended inside a frame"):
        read_frame(io.BytesIO(stream.getvalue()[:cut]))


def test_an_oversized_frame_is_refused_before_its_body_is_read():
    stream = io.BytesIO(struct.pack(">I", MAX_FRAME + 1) + b"x" * 100)
    with pytest.raises(WireError, match="over the limit"):
        read_frame(stream)
    assert stream.tell() == 4


def test_garbage_such_as_text_is_refused():
    with pytest.raises(WireError):
        read_frame(io.BytesIO(b"Traceback (most recent call last):\n"))


def test_a_message_that_is_too_large_leaves_the_stream_untouched(monkeypatch):
    monkeypatch.setattr(wire, "MAX_FRAME", 10)
    stream = io.BytesIO()
    write_frame(stream, b"x" * 10)
    check_size(b"x" * 10)
    with pytest.raises(WireError, match="11 bytes is over the limit of 10"):
        write_frame(stream, b"x" * 11)
    with pytest.raises(WireError):
        check_size(b"x" * 11)
    assert stream.getvalue() == b"\x00\x00\x00\x0a" + b"x" * 10


def test_a_frame_larger_than_the_pipe_goes_through_it():
    incoming, outgoing = os.pipe()
    body = os.urandom(1_000_000)
    with os.fdopen(incoming, "rb", buffering=0) as reader, os.fdopen(outgoing, "wb") as writer:
        thread = threading.Thread(target=write_frame, args=(writer, body))
        thread.start()
        assert read_frame(reader) == body
        thread.join()
