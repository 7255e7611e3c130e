"""Opens a Hugging Face model folder as it should have been written, and says in words what is wrong with one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transformers

from desktop.api import LoaderError
from desktop.api.checkpoints import read_json

from .folder_repair import make_view, repaired_files


@contextmanager
def usable_folder(path: Path, folder: Path, files: Sequence[Path]) -> Iterator[Path]:
    """The folder itself, or a folder of links where something must be read differently from how it stands."""
    repaired = repaired_files(folder)
    if path.is_dir() and not repaired:
        yield folder
        return
    # Mapped weights outlive the links: what is mapped is the user's file itself.
    with tempfile.TemporaryDirectory(prefix="lora-deck-", ignore_cleanup_errors=True) as view:
        make_view(folder, files, repaired, Path(view))
        yield Path(view)


def load_tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    """The tokenizer of a model folder. Raises LoaderError in words."""
    try:
        return transformers.AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=trust_remote_code, local_files_only=True
        )
    except Exception as error:  # anything from a missing file to a Rust panic message
        raise LoaderError(
            f"The model's tokenizer can't be read: {first_line(error)}. Its folder needs tokenizer.json or "
            "tokenizer.model; download the model again."
        ) from error


def loading_error_in_words(error: Exception, folder: Path) -> Exception:
    """What to raise in place of what transformers raised while it made the model of `folder`."""
    text = str(error)
    config = read_json(folder / "config.json")
    kind = config.get("model_type")
    if "trust_remote_code" in text and config.get("auto_map"):
        return LoaderError(
            f"This model ({kind}) brings Python code of its own. Read that code, and if you trust it, load the model "
            "with --trust-remote-code."
        )
    if isinstance(error, KeyError | ValueError) and (
        "does not recognize this architecture" in text or text == repr(kind)
    ):
        return LoaderError(
            f"transformers {transformers.__version__} doesn't know the architecture {kind!r}. Update transformers, or "
            "choose another model."
        )
    if "Unrecognized configuration class" in text:
        return LoaderError(f"{kind} is not a model that writes text token by token, so it can't be prompted here.")
    if "can't allocate memory" in text or type(error).__name__ == "OutOfMemoryError":
        return error
    return LoaderError(f"The model can't be loaded: {first_line(error)}")


def dtype_argument() -> str:
    """The name transformers gives the argument for a model's type."""
    # transformers 4.56 gave it its short name.
    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    return "dtype" if (major, minor) >= (4, 56) else "torch_dtype"


def first_line(error: Exception) -> str:
    """The first line of what an exception says, without its full stop."""
    return str(error).strip().split("\n")[0].strip().rstrip(".") or type(error).__name__
