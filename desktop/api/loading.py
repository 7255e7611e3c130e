"""What is asked of a loader when a model is loaded, and what it tells of the model afterwards."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

DType = Literal["auto", "bfloat16", "float16", "float32"]
Bits = Literal[16, 8, 4]


class Progress(Protocol):
    """Tells the user how far a long job has come; called on the thread that runs the hook."""

    def __call__(self, step: str, fraction: float | None = None) -> None:
        """Say what is being done, and how much of it is done (0 to 1), or None where nobody can know."""


class LoadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One base model and how to hold it in memory."""

    path: str
    """Absolute path of a model folder or of a single file."""
    dtype: DType = "auto"
    """Type of the weights and of the arithmetic; "auto" picks from the checkpoint and the device."""
    bits: Bits = 16
    """16 leaves the weights as they are; 8 and 4 quantise them while loading."""
    device: str = "auto"
    """"auto", "cpu", or a torch device such as "cuda:0" or "mps"."""
    memory_limits: dict[str, int] = {}
    """Most bytes to use on each device, by the device's name ("cpu", "cuda:0"); empty means no limit."""
    trust_remote_code: bool = False
    """Whether Python files inside the model folder may be executed. Asked for per model."""
    convert_to: str | None = None
    """Where a format that must be converted first is written (see `Verdict.conversion`)."""
    settings: dict[str, Any] = {}
    """Values for the loader's own settings, checked against `LoaderInfo.settings`."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded."""

    path: str
    """Where the weights were read from (the converted folder, where there was a conversion)."""
    architecture: str = ""
    dtype: str = ""
    """Arithmetic type, for example "bfloat16"."""
    bits: int = 16
    device: str = ""
    context_length: int = 0
    """Longest sequence in tokens the model was made for; 0 if unknown."""
    vocabulary_size: int = 0
    parameters: int = 0
    memory_bytes: int = 0
    """Bytes the weights take, mapped files included."""
    has_template: bool = False
    """Whether the model brings its own chat template."""
    notes: tuple[str, ...] = ()
    """Things the user should know, one sentence each (for example why a type was chosen)."""
    versions: dict[str, str] = {}
    """Versions of the libraries that do the arithmetic, by distribution name."""
