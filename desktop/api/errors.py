"""What a loader raises when something can't be done and the user should know what to do next."""

from __future__ import annotations


class LoaderError(Exception):
    """A failure told in words: what happened, what was kept, what to do next.

    The message is shown to the user as it stands. Any other exception that leaves a hook counts as a bug
    of the loader and is shown with its traceback folded away.
    """


class Unsupported(LoaderError):
    """The loader can't do what was asked; `LoaderInfo.capabilities` should have said so beforehand."""
