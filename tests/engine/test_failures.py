"""What a failure of a hook is called, and that no failure is beyond words."""

from __future__ import annotations

import errno

import pytest

from desktop.api import LoaderError, Unsupported
from desktop.engine.child.failures import failure_from
from desktop.engine.child.stack import StackBroken
from desktop.engine.messages import encoder


class OutOfMemoryError(RuntimeError):
    """As torch's, which the engine can't import."""


class SpeechlessError(Exception):
    """Its words fail it."""

    def __str__(self):
        raise ValueError("no words")


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return failure_from(caught)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (LoaderError("Choose 8 bits."), "user", "Choose 8 bits."),
        (Unsupported("No logits."), "unsupported", "No logits."),
        (MemoryError(), "user", "not enough memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "user", "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "user", "not enough memory"),
        (RuntimeError("shapes differ"), "bug", "RuntimeError: shapes differ"),
        (OSError(errno.ENOSPC, "No space left on device", "/m/x"), "user", "The disk is full (/m/x)"),
        (OSError(errno.ENOSPC, "No space left on device"), "user", "The disk is full. Free"),
        (OSError(errno.EACCES, "Permission denied", "/m/x"), "bug", "PermissionError"),
        (SystemExit("enough"), "bug", "SystemExit: enough"),
        (StackBroken("a; and b"), "broken", "Start the engine again."),
        (KeyError(), "bug", "unexpectedly: KeyError"),
        (SpeechlessError(), "bug", "unexpectedly: SpeechlessError"),
        (LoaderError("no file \udcff.bin"), "user", "no file \\udcff.bin"),
    ],
)
def test_kinds_and_words(error, kind, words):
    failure = raised(error)
    assert failure.kind == kind
    assert words in failure.message
    assert "Traceback" in failure.detail
    assert "in raised" in failure.detail
    encoder.encode(failure)
