"""What is known of the chosen model, in words: as it is loaded, or what it would take, and what its context costs."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from desktop.library.memory import MemoryFacts
from desktop.library.sizes import size_in_words
from desktop.session.plans import Loaded


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("ModelFacts", text)


def loaded_in_words(loaded: Loaded) -> str:
    """Loader, bits, type, device and memory of the model as it is loaded, and what the loader remarks of it."""
    info = loaded.info
    bits = tr("{bits}-bit").format(bits=info.bits) if info.bits != 16 else ""
    parts = [loaded.loader_title, bits, info.dtype, info.device, size_in_words(info.memory_bytes)]
    return "\n".join([" · ".join(part for part in parts if part), *info.notes])


def estimate_in_words(stored: int, bits: int) -> str:
    """What the weights would take, from their bytes as stored; "" where those are unknown."""
    if not stored:
        return ""
    needs = stored if bits == 16 else stored * bits / 16
    return tr("about {memory} of memory for the weights").format(memory=size_in_words(needs))


def context_in_words(facts: MemoryFacts) -> str:
    """What the KV cache costs; "" where the configuration doesn't tell."""
    if not facts.context_length:
        return ""
    return tr("context {tokens:,} tokens; KV cache {each} a token, {full} when full").format(
        tokens=facts.context_length,
        each=size_in_words(facts.kv_bytes_a_token),
        full=size_in_words(facts.kv_bytes_a_token * facts.context_length),
    )
