"""Whether what an adapter's configuration says makes sense: every field that is used, before anything is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desktop.api import LoaderError

LARGEST = 1e30
"""An alpha beyond this would leave float32, in which the factors are multiplied."""
_FLAGS = ("use_rslora", "use_dora", "fan_in_fan_out")
_SHOWN = 120


def refuse_nonsense(config: Mapping[str, Any], name: str) -> None:
    """Raise LoaderError where the rank, the alpha or another field is not what PEFT writes."""
    rank, alpha = config.get("r", 8), config.get("lora_alpha", 8)
    if not is_rank(rank) or not is_alpha(alpha):
        raise LoaderError(
            f"The adapter_config.json of {name} makes no sense: rank {shown(rank)}, alpha {shown(alpha)}. "
            "Download the adapter again."
        )
    for flag in _FLAGS:
        if not isinstance(config.get(flag), bool | None):
            raise LoaderError(
                f"The adapter_config.json of {name} makes no sense: {flag} is {shown(config[flag])}, "
                "it should be true or false. Download the adapter again."
            )
    for field, makes_sense in (("bias", _is_bias), ("modules_to_save", _is_names)):
        if not makes_sense(config.get(field)):
            raise LoaderError(
                f"The adapter_config.json of {name} makes no sense: {field} is {shown(config[field])}. "
                "Download the adapter again."
            )


def _is_bias(value: object) -> bool:
    return value is None or (isinstance(value, str) and value in {"none", "all", "lora_only"})


def _is_names(value: object) -> bool:
    return (
        value is None
        or isinstance(value, str)
        or (isinstance(value, list) and all(isinstance(name, str) for name in value))
    )


def is_rank(value: object) -> bool:
    """Whether this can be the rank of a module; JSON's true is an int to Python."""
    return type(value) is int and 0 < value < 2**31


def is_alpha(value: object) -> bool:
    """Whether this can be an alpha: any number that float32 can hold, also zero and negative ones."""
    return type(value) in {int, float} and abs(value) < LARGEST  # type: ignore[arg-type]


def base_name(config: Mapping[str, Any]) -> str:
    """The base the adapter says it was made for, fit to be shown; empty where it says nothing."""
    base = config.get("base_model_name_or_path")
    return plain(base) if isinstance(base, str) else ""


def plain(name: object) -> str:
    """A name from a stranger's file as it may stand in a message: on one line, and not a page long."""
    return _cut("".join(filter(str.isprintable, name[: 2 * _SHOWN]))) if isinstance(name, str) else shown(name)


def shown(value: object) -> str:
    """The same for a value of any kind, with quotes round a text."""
    try:
        return _cut(repr(value))
    except (RecursionError, ValueError):  # a list in a list in a list; an integer of five thousand digits
        return f"of the kind {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
