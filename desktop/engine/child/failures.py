"""Turns an exception of a hook into a failure the shell can show."""

from __future__ import annotations

import errno
import traceback

from desktop.api import LoaderError, Unsupported
from desktop.engine.messages import Failure

from .stack import StackBroken


def failure_from(error: BaseException) -> Failure:
    """Words for the user, and the traceback for whoever mends it."""
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, Unsupported):
        return Failure(kind="unsupported", message=str(error), detail=detail)
    if isinstance(error, LoaderError):
        return Failure(kind="user", message=str(error), detail=detail)
    if isinstance(error, StackBroken):
        message = f"The stack could not be put back after a failure ({error}). Start the engine again."
        return Failure(kind="broken", message=message, detail=detail)
    if _is_out_of_memory(error):
        message = (
            "There is not enough memory for this. Close other programs, or choose fewer bits (8 or 4), a smaller "
            "model or a shorter prompt. Nothing was changed."
        )
        return Failure(kind="user", message=message, detail=detail)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = f" ({error.filename})" if error.filename else ""
        return Failure(kind="user", message=f"The disk is full{where}. Free some space and try again.", detail=detail)
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Failure(kind="bug", message=f"The loader failed unexpectedly: {words}", detail=detail)


def _is_out_of_memory(error: BaseException) -> bool:
    # torch raises RuntimeError for a failed allocation on the CPU; the engine can't import torch to ask for more.
    name = type(error).__name__
    return (
        isinstance(error, MemoryError)
        or name == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )
