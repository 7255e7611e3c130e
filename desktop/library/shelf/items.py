"""Models and adapters as one list, with what decides how they are grouped and whether they may be changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from desktop.library.adapter_notes import adapter_key
from desktop.library.adapters import AdapterEntry
from desktop.library.home import Home
from desktop.library.hub.bases import known_names, names_of_model
from desktop.library.model_card import read_front_matter
from desktop.library.models import ModelEntry
from desktop.library.places import printable
from desktop.library.runs.versions import loss_of, run_of

Kind = Literal["model", "adapter"]
_NUMBER = re.compile(r"(\d{1,18})")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One model or adapter."""

    kind: Kind
    name: str
    path: str
    form: str = ""
    """What it is, in words: "rsLoRA 16", "GGUF Q4_K_M"."""
    size: int = 0
    """Bytes of its weights."""
    bits: int | float | None = None
    """Bits of a weight of a model as stored."""
    base: str = ""
    """The base model an adapter names."""
    family: str = ""
    """What it is grouped under: the best known name of the base, an adapter's own or the model itself."""
    licence: str = ""
    """As its card has it."""
    problem: str = ""
    """Why it can't be used as it stands."""
    own: bool = True
    """Whether it lies in the home folder; what lies elsewhere is only read."""
    run: str = ""
    """The id of the run it is a checkpoint of."""
    loss: float | None = None
    """The smoothed loss of that run when it was written."""
    key: str = ""
    """What notes and marks are kept under; finding it out asks the disk."""
    order: tuple[tuple[int, str], ...] = ()
    """Sorts by name, checkpoint-90 before checkpoint-100."""
    words: str = ""
    """What it is found by, in small letters."""

    def __post_init__(self) -> None:
        """Made with the item, on whichever thread that is: the window only compares."""
        facts = (self.name, self.form, self.base, self.family, self.licence)
        msgspec.structs.force_setattr(self, "order", natural_order(self.name.casefold()))
        msgspec.structs.force_setattr(self, "words", " ".join(facts).casefold())


def natural_order(name: str) -> tuple[tuple[int, str], ...]:
    """So that numbers in names are compared as numbers."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in _NUMBER.split(name))


def make_items(models: Sequence[ModelEntry], adapters: Sequence[AdapterEntry], home: Home) -> list[Item]:
    """One list of both. Reads the beginning of each card and where a model was downloaded from."""
    found = [_model(entry, home.models) for entry in models]
    return found + [_adapter(entry, home) for entry in adapters]


def _model(entry: ModelEntry, root: Path) -> Item:
    path = Path(entry.path)
    return Item(
        kind="model",
        name=entry.name,
        path=entry.path,
        form=entry.format,
        size=entry.size,
        bits=entry.bits,
        family=next(iter(names_of_model(path)), entry.name),
        licence=_licence(path if path.suffix.lower() != ".gguf" else path.parent),
        problem=entry.problem,
        own=path.is_relative_to(root) and path != root,
        key=adapter_key(entry.path),
    )


def _adapter(entry: AdapterEntry, home: Home) -> Item:
    path, root = Path(entry.path), home.loras
    run = run_of(path, home)
    return Item(
        kind="adapter",
        name=entry.name,
        path=entry.path,
        form=f"{entry.kind} {entry.rank}" if entry.rank else entry.kind,
        size=entry.size,
        base=entry.base_model,
        family=_best_name(entry.base_model),
        licence=_licence(path),
        problem=entry.problem,
        own=bool(run) or (path.is_relative_to(root) and path != root),
        run=run,
        loss=loss_of(path) if run else None,
        key=adapter_key(entry.path),
    )


@lru_cache(maxsize=4096)
def _best_name(base: str) -> str:
    return known_names(base)[0] if base else ""


def _licence(folder: Path) -> str:
    try:
        facts = read_front_matter(folder)
    except OSError:
        return ""  # a card that can't be read is told where the card is shown
    return printable(", ".join(facts.get("license", ()))[:80])
