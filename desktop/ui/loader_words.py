"""Who opens the chosen model, why this loader and not another, and why none does, in words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from desktop.api import Conversion
from desktop.discovery.choice import Choice, Reason, why_chosen, why_not
from desktop.library.sizes import size_in_words


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("LoaderWords", text)


def title_of(choice: Choice) -> str:
    """The name people read."""
    return choice.found.info.title if choice.found.info else choice.found.ref.name


def choice_in_words(choices: Sequence[Choice], chosen: Choice, *, by_hand: bool) -> str:
    """What is to be known before this loader opens the model: why it and no other, and what has to be made first.

    `by_hand`: the user named it for this model.
    """
    if not chosen.can_load:
        return why_not(chosen)
    cost = chosen.verdict.conversion
    lines = [_chosen(choices, chosen, by_hand=by_hand), _conversion(cost) if cost else ""]
    return "\n".join(filter(None, lines))


def refusals_in_words(choices: Sequence[Choice]) -> str:
    """A line that no loader opens the model, and one from each loader that says why."""
    lines = [f"{title_of(choice)}: {why_not(choice)}" for choice in choices]
    return "\n".join([tr("No loader here can open it."), *lines])


def _chosen(choices: Sequence[Choice], chosen: Choice, *, by_hand: bool) -> str:
    """Why this loader opens a model that others could open as well; "" where there are no others."""
    others = [choice for choice in choices if choice.verdict.fits and choice is not chosen]
    able = [title_of(choice) for choice in others if choice.can_load]
    unable = [title_of(choice) for choice in others if not choice.can_load]
    if not able and not unable:
        return ""
    sentences = [tr("You chose {loader}.") if by_hand else _reasons()[why_chosen(choices)]]
    if able:
        sentences.append(tr("{others} could open it too."))
    if unable:
        sentences.append(tr("{unable} could, but can't run here."))
    words = " ".join(sentences)
    return words.format(loader=title_of(chosen), others=_listed(able), unable=_listed(unable))


def _conversion(cost: Conversion) -> str:
    """What has to be made of the file before it is loaded, and what that costs."""
    return tr("{source}: converted once to {target}, {disk} on the disk, about {seconds} s").format(
        source=cost.source,
        target=cost.target,
        disk=size_in_words(cost.disk_bytes),
        seconds=round(cost.seconds),
    )


def _reasons() -> dict[Reason, str]:
    return {
        "only": tr("{loader} opens it: no other can here."),
        "preferred": tr("{loader} opens it: your settings prefer it."),
        "native": tr("{loader} opens it: it is made for this format."),
        "name": tr("{loader} opens it: it is the first by name of those that suit it equally well."),
    }


def _listed(titles: Sequence[str]) -> str:
    *before, last = titles or [""]
    return tr("{before} and {last}").format(before=", ".join(before), last=last) if before else last
