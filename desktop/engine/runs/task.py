"""What a detached engine is to do, handed over in a file."""

from __future__ import annotations

import msgspec

from desktop.api import LoadRequest, Lora, TrainRequest
from desktop.engine.messages import LoaderRef


class RunTask(msgspec.Struct, frozen=True, kw_only=True):
    """One start of a run: the model, the stack it is trained on top of, and the training."""

    loader: LoaderRef
    load: LoadRequest
    stack: tuple[Lora, ...] = ()
    train: TrainRequest
    resume_step: int = 0
    """Step of the checkpoint in `train.resume_from`."""
    control_from: int = 0
    """Offset in the control file from which commands are meant for this start."""
    result_to: str = ""
    """Folder the finished adapter is copied to, which must not exist; empty for none."""
    version: str = ""
    """Version of the program that made it."""
