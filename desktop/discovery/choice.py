"""Which loader opens a model. Pure functions over what the loaders said.

The order is fixed, so that the same model is opened by the same loader every time:

1. the loader the user asked for by name, and then no other;
2. the loader the settings prefer, where it can open the model;
3. loaders that can run here, before those that can't;
4. loaders that say the model fits, before those that refuse it;
5. loaders made for this very format (`native`), before those that open it too;
6. by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from desktop.api import Verdict
from desktop.engine.messages import LoaderRef

from .describer import Found
from .words import one_line

Reason = Literal["only", "preferred", "native", "name"]
"""Which rule of the order put a loader first."""


class Choice(msgspec.Struct, frozen=True):
    """A loader and its verdict about one model."""

    found: Found
    verdict: Verdict

    @property
    def runs_here(self) -> bool:
        """Whether the loader can load anything on this machine."""
        return self.found.info is not None and self.found.info.available

    @property
    def can_load(self) -> bool:
        """Whether it is worth trying: the loader runs here and says that the model fits."""
        return self.runs_here and self.verdict.fits


def ordered(choices: Iterable[Choice], wanted: str | None = None, preferred: str = "") -> list[Choice]:
    """The choices in the order above; with `wanted` that loader alone."""
    considered = [choice for choice in choices if not wanted or choice.found.ref.name == wanted]

    def key(choice: Choice) -> tuple[bool, bool, bool, bool, str]:
        name, verdict = choice.found.ref.name, choice.verdict
        return (
            not (choice.can_load and name == preferred),
            not choice.runs_here,
            not verdict.fits,
            not verdict.native,
            name,
        )

    return sorted(considered, key=key)


def why_chosen(choices: Sequence[Choice]) -> Reason:
    """Which rule of the order made the first choice the first, where nobody asked for a loader by name."""
    first, *others = [choice for choice in choices if choice.can_load]
    if not others:
        return "only"
    if ordered([first, *others])[0] is not first:
        return "preferred"
    return "native" if first.verdict.native and not any(choice.verdict.native for choice in others) else "name"


def failed_choice(found: Found) -> Choice:
    """The choice that a plugin which could not even describe itself comes to."""
    return Choice(found, Verdict(fits=False, reason=found.error))


def unknown_loader(wanted: str, names: Sequence[str]) -> Found:
    """Stands for a loader that was asked for and isn't registered, so that it is refused in words like any other."""
    there_are = ", ".join(one_line(name) for name in names) or "none"
    return Found(LoaderRef(wanted, ""), None, f"There is no loader of this name. Loaders here: {there_are}.")


def with_bits(choices: Sequence[Choice], bits: int) -> list[Choice]:
    """The choices, with a refusal in place of the verdict where a loader can't hold the weights in so many bits.

    16 stands for the weights as they are, which every loader can.
    """
    return [_refused(choice, bits) if bits != 16 and _lacks(choice, bits) else choice for choice in choices]


def _lacks(choice: Choice, bits: int) -> bool:
    info = choice.found.info
    return choice.verdict.fits and info is not None and bits not in info.capabilities.bits


def _refused(choice: Choice, bits: int) -> Choice:
    words = f"It opens this model but does not quantise to {bits} bits while loading. Load it as it is stored."
    return Choice(choice.found, Verdict(fits=False, reason=words))


def nobody_fits(path: Path, choices: Sequence[Choice]) -> str:
    """What to tell the user when no loader can open a model: a sentence for each loader, and what to do."""
    if not choices:
        return (
            f"No loader is installed, so {one_line(path.name)} can't be opened. Install LoRA Deck itself again "
            "(pip install --force-reinstall --no-deps lora-deck), or a loader plugin."
        )
    lines = [f"No loader can open {one_line(path.name)}."]
    lines += [f"  {one_line(choice.found.ref.name)}: {why_not(choice)}" for choice in choices]
    return "\n".join([*lines, _hint(choices)])


def why_not(choice: Choice) -> str:
    """Why one loader can't open the model, on one line."""
    info = choice.found.info
    if info is None:
        return one_line(choice.found.error)
    if info.available or not choice.verdict.fits:
        return one_line(choice.verdict.reason) or "It doesn't open this model and doesn't say why."
    reason = one_line(info.reason) or "it doesn't say why."
    return f"It could open it but can't run here: {reason}"


def _hint(choices: Sequence[Choice]) -> str:
    for choice in choices:
        info = choice.found.info
        if info is not None and choice.verdict.fits and not info.available and info.requirements:
            name = one_line(choice.found.ref.name)
            return f"`lora-deck loaders setup {name}` makes an interpreter of its own for {name}."
    if len(choices) == 1:
        return "Another loader may open it; `lora-deck loaders` lists them."
    return "`lora-deck loaders` lists what each loader opens; a loader plugin can add more formats."
