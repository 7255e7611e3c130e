"""Reads the tensors of a .bin without executing what it pickles, and refuses one that grows when it is read."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import torch

from desktop.api import LoaderError

_ZIP = b"PK\x03\x04"
_OLD = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""How the files begin that torch wrote before 1.6, without an archive."""
_PICKLE, _PICKLE_A_TENSOR = 100_000, 2_000
"""Bytes a pickle may have, at once and for each tensor; names of three hundred letters are half of that."""


def read_pickled(path: Path, what: str = "adapter", *, mapped: bool = False) -> dict[str, torch.Tensor]:
    """The tensors by name, on the CPU, each with its numbers in the file; mapped, if wanted and an archive.

    `what` the file belongs to, an adapter or a model, is for the words of the LoaderError.
    """
    try:
        archive = _refuse_bombs(path, what)
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and archive)
    except pickle.UnpicklingError as error:
        raise LoaderError(
            f"{path} holds more than tensors, which could run code, or it is damaged; it was not opened. "
            f"Get the {what} as .safetensors."
        ) from error
    except LoaderError:
        raise
    except Exception as error:  # torch's reader meets damage with whatever exception its next line happens to raise
        words = str(error).partition("\n")[0] or type(error).__name__
        raise LoaderError(f"{path} can't be read ({words}). Download the {what} again.") from error
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise LoaderError(f"{path} holds something else than tensors. Don't use this {what}.")
    if not all(_is_plain(value) for value in loaded.values()):
        raise LoaderError(f"{path} holds tensors without their numbers. Download the {what} again.")
    # A name that is no valid Unicode could not be told to anybody.
    return {str(key).encode("utf-8", "replace").decode(): value.detach() for key, value in loaded.items()}


def _refuse_bombs(path: Path, what: str) -> bool:
    """Whether it is an archive. torch stores what it writes as it is; one that is smaller than its content was made by
    somebody else."""
    with path.open("rb") as file:
        start = file.read(len(_OLD))
    if not start.startswith(_ZIP):
        if start != _OLD:
            raise LoaderError(f"{path} is no file of torch's. Download the {what} again.")
        return False
    with zipfile.ZipFile(path) as archive:
        rows = archive.infolist()
    if sum(row.file_size for row in rows) > path.stat().st_size:
        raise LoaderError(f"{path} would grow when it is read. Don't use this {what}.")
    if any(row.filename.endswith(".pkl") and row.file_size > _PICKLE + _PICKLE_A_TENSOR * len(rows) for row in rows):
        raise LoaderError(f"{path} lists more than it holds. Don't use this {what}.")
    return True


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether it is dense and no view that repeats a few numbers: a small file can claim any size otherwise."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
