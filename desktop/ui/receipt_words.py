"""A receipt and what the user wrote down, as the lines of a tooltip."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from desktop.api import AttachReceipt
from desktop.library.adapter_notes import AdapterNote
from desktop.library.sizes import size_in_words

LONGEST = 400
"""Characters of a note that are shown; the dialog has the whole."""
NAMED = 3
"""Unused tensors that are named."""


def receipt_words(name: str, receipt: AttachReceipt | None, note: AdapterNote) -> str:
    """Everything that is known, a fact a line, the name first."""
    lines = [name, *(_attached(receipt) if receipt else ())]
    if note.weight is not None:
        lines.append(_tr("starts at weight {weight:.2f}").format(weight=note.weight))
    if note.trigger:
        lines.append(_tr("trigger: {words}").format(words=_cut(note.trigger)))
    if note.notes:
        lines.append(_cut(note.notes))
    return "\n".join(lines)


def _attached(receipt: AttachReceipt) -> list[str]:
    matched = _tr("{matched} of {targeted} modules matched")
    lines = [
        _tr("{kind}, rank {rank}, alpha {alpha:g}").format(kind=receipt.kind, rank=receipt.rank, alpha=receipt.alpha),
        matched.format(matched=receipt.modules_matched, targeted=receipt.modules_targeted),
    ]
    if unused := receipt.tensors_unused:
        named = ", ".join([*unused[:NAMED], *(["…"] if len(unused) > NAMED else [])])
        lines.append(_tr("{count} tensors unused: {names}").format(count=len(unused), names=named))
    size = size_in_words(receipt.bytes)
    lines.append(_tr("{size}, attached in {time:.0f} ms").format(size=size, time=receipt.milliseconds))
    return [*lines, *receipt.notes]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _tr(text: str) -> str:
    return QCoreApplication.translate("StackRow", text)
