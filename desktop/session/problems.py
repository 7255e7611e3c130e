"""From an exception of the program's own layers to a problem the window shows."""

from __future__ import annotations

import traceback

from desktop.api import LoaderError
from desktop.engine.jobs import EngineGone, JobFailed
from desktop.library.names import NameNotFound
from desktop.library.prompt_files import PromptFileError
from desktop.library.settings import SettingsError
from desktop.prompting.templates import TemplateError
from desktop.starter.fetch import StarterError

from .plans import Problem
from .translating import tr

IN_WORDS = (JobFailed, LoaderError, NameNotFound, PromptFileError, SettingsError, StarterError, TemplateError, OSError)
"""Exceptions whose message is for the user."""


def problem_from(error: Exception, *, can_retry: bool = False) -> Problem:
    """The sentence for the user; a loader's traceback stays folded."""
    if isinstance(error, EngineGone):
        return Problem(
            sentence=tr("The engine stopped: {reason}. Your text and your stack are kept.").format(reason=error.reason),
            detail=error.failure.detail,
            can_retry=True,
        )
    if isinstance(error, JobFailed):
        return Problem(sentence=str(error), detail=error.failure.detail, can_retry=can_retry)
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        words = tr("The system says: {reason}{where}.").format(reason=error.strerror or error, where=where)
        return Problem(sentence=words, can_retry=can_retry)
    first, _, rest = str(error).partition("\n")
    return Problem(sentence=first, detail=rest, can_retry=can_retry)


def bug_from(error: Exception) -> Problem:
    """For what nobody expected: named as what it is, with the traceback folded away."""
    words = tr("Something went wrong inside the program: {words}. Your text and your stack are kept.")
    return Problem(
        sentence=words.format(words=f"{type(error).__name__}: {error}"),
        detail="".join(traceback.format_exception(error)),
    )
