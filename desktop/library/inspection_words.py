"""An inspection as people read it: short values by the name of the fact, the same in the window and on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .inspection import Inspection
from .sizes import size_in_words
from .training_facts import Training

_MOST = 4
"""Names of a list that could be any length."""


def in_words(found: Inspection) -> dict[str, str]:
    """What is known, in one order; what is not known is left out."""
    card = found.card
    ranks = found.ranks or ((found.rank,) if found.rank else ())
    facts = {
        "kind": found.kind,
        "rank": _with_pattern(_listed(map(str, ranks)), found.rank_pattern),
        "alpha": _with_pattern(f"{found.alpha:g}" if found.alpha else "", found.alpha_pattern),
        "scaling": _listed(f"{scaling:.4g}" for scaling in found.scalings),
        "targets": _listed(found.target_modules),
        "modules": _counted(found.modules),
        "layers": _layers(found.layers),
        "base": found.base_model,
        "parameters": f"{found.parameters:,}" if found.parameters else "",
        "dtype": _dtypes(found.dtypes),
        "file": f"{found.file} {size_in_words(found.size)}" if found.size else "",
        "hash": found.content_hash,
        "peft": found.peft_version,
        "settings": _pairs(found.settings),
        "training": _training(found.training) if found.training else "",
        "arguments": _pairs(found.training.arguments) if found.training else "",
        "licence": card.license if card else "",
        "datasets": _listed(card.datasets) if card else "",
        "card base": _listed(name for name in card.base_model if name != found.base_model) if card else "",
        "unused": _unused(found.unused),
    }
    return {name: value for name, value in facts.items() if value}


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _with_pattern(value: str, pattern: Mapping[str, float]) -> str:
    rows = [f"{name} {number:g}" for name, number in list(pattern.items())[:_MOST]]
    more = ["..."] if len(pattern) > _MOST else []
    return f"{value} ({', '.join(rows + more)})" if rows else value


def _counted(modules: Mapping[str, int]) -> str:
    if not modules:
        return ""
    return f"{sum(modules.values())}: " + ", ".join(f"{kind} {count}" for kind, count in modules.items())


def _layers(layers: Sequence[int]) -> str:
    """How many, and which: "30: 0-29", "4: 0-1, 8-9"."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][1] + 1:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer])
    which = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return f"{len(layers)}: {which}" if layers else ""


def _dtypes(dtypes: Mapping[str, int]) -> str:
    if len(dtypes) == 1:
        return next(iter(dtypes))
    return ", ".join(f"{dtype} {count}" for dtype, count in dtypes.items())


def _training(training: Training) -> str:
    of = f" of {training.planned_steps:,}" if training.planned_steps else ""
    parts = (
        f"{training.steps:,}{of} steps" if training.steps else "",
        f"{training.epochs:.4g} epochs" if training.epochs else "",
        "" if training.loss is None else f"loss {training.loss:.4g}",
        "" if training.evaluation_loss is None else f"evaluation loss {training.evaluation_loss:.4g}",
    )
    return ", ".join(part for part in parts if part)


def _unused(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > _MOST else ""
    return f"{len(names)}: {', '.join(names[:_MOST])}{more}"
