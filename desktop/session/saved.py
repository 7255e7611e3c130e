"""What comes back after a restart or a kill: one JSON file in the home folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from desktop.api import Lora, Sampling
from desktop.library.atomic import remove_halves, set_aside, write_atomically

from .plans import Answer, LoadPlan
from .train_draft import TrainDraft
from .translating import tr

FILE = "session.json"


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """The window as it was left."""

    layout: dict[str, str] = {}
    """Sizes and places of window and panels, base64 of what Qt makes of them, by the part's name."""
    theme: Literal["system", "light", "dark"] = "system"
    place: str = "prompt"
    """The place that was shown, by its name."""
    details_shown: bool = True
    plan: LoadPlan | None = None
    """The model that was chosen last."""
    was_loaded: bool = False
    """Whether it was loaded, so that it is loaded again. False while loading: what ended the program must not recur."""
    rows: tuple[Lora, ...] = ()
    prompt: str = ""
    input: str = ""
    system: str = ""
    template: str = ""
    sampling: Sampling = Sampling()
    max_new_tokens: int = 512
    stop: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    """Of programs before there were conversations; they become one."""
    conversation: str = ""
    """The id of the conversation in sight; it has a file of its own."""
    notebook: str = ""
    shows_notebook: bool = False
    zoom: int = 0
    """Steps by which texts are larger than usual."""
    hints_dismissed: tuple[str, ...] = ()
    changes_wait: bool = False
    """Whether changes of the stack wait for the next answer, or act on the running one."""
    train: TrainDraft | None = None
    """The form of a run; None where it was never seen."""


def read_saved(root: Path) -> tuple[Saved, str]:
    """What was saved in a home folder, and what went wrong in words; the defaults where there is nothing to read.

    A file that can't be read is moved aside, never overwritten.
    """
    path = root / FILE
    remove_halves(path)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Saved), ""
    except FileNotFoundError:
        return Saved(), ""
    except OSError as error:
        words = tr("The last session could not be read ({reason}: {file}).")
        return Saved(), words.format(reason=error.strerror, file=path)
    except ValueError:
        return Saved(), _put_aside(path)


def _put_aside(path: Path) -> str:
    """Move a damaged file to a name that is free; what came of it, in words."""
    try:
        aside = set_aside(path)
    except OSError as error:
        words = tr("The last session is damaged and could not be moved aside ({reason}: {file}).")
        return words.format(reason=error.strerror, file=path)
    return tr("The last session could not be read. It was kept as {file}.").format(file=aside)


def write_saved(root: Path, saved: Saved) -> None:
    """Write atomically. Raises OSError; the file is then as before."""
    write_atomically(root / FILE, msgspec.json.encode(saved))
