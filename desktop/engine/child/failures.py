"""Turns an exception of a hook into a failure the shell can show."""

from __future__ import annotations

import errno
import traceback

from desktop.api import LoaderError, Unsupported
from desktop.engine.messages import Failure, FailureKind

from .stack import StackBroken


def failure_from(error: BaseException) -> Failure:
    """Words for the user, and the traceback for whoever mends it."""
    kind, message = _told(error)
    return Failure(kind=kind, message=sendable(message), detail=sendable("".join(traceback.format_exception(error))))


def sendable(text: str) -> str:
    """The text without lone surrogates, which a file name that is no UTF-8 has and which no message can hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _told(error: BaseException) -> tuple[FailureKind, str]:
    words = _words(error)
    if isinstance(error, Unsupported):
        return "unsupported", words
    if isinstance(error, LoaderError):
        return "user", words
    if isinstance(error, StackBroken):
        return "broken", f"The stack could not be put back after a failure ({words}). Start the engine again."
    if _is_out_of_memory(error):
        return "user", (
            "There is not enough memory for this. Close other programs, or choose fewer bits (8 or 4), a smaller "
            "model or a shorter prompt. Nothing was changed."
        )
    if _is_disk_full(error):
        name = getattr(error, "filename", None)
        where = f" ({name})" if name else ""
        return "user", f"The disk is full{where}. Free some space and try again."
    name = type(error).__name__
    return "bug", f"The loader failed unexpectedly: {name}{': ' if words else ''}{words}"


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a bug in an exception must not end the engine
        return ""


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOSPC
    # safetensors writes in Rust, and the system's error is a part of its text: 28 is ENOSPC, 112 Windows' own number.
    words = _words(error) if type(error).__name__ == "SafetensorError" else ""
    return "(os error 28)" in words or "(os error 112)" in words


def _is_out_of_memory(error: BaseException) -> bool:
    # torch raises RuntimeError for a failed allocation on the CPU; the engine can't import torch to ask for more.
    name = type(error).__name__
    return (
        isinstance(error, MemoryError)
        or name == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in _words(error))
    )
