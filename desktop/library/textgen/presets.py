"""Presets of text-generation-webui as presets of sampling, with what has no counterpart here named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import Sampling
from desktop.library.presets import Preset
from desktop.library.prompt_files import PromptFileError

from .yaml_files import on_one_line, read_yaml, shown

SUFFIXES = (".yaml", ".yml")
NEUTRAL = Sampling(temperature=1.0, top_p=1.0, top_k=0)
"""What a name means there that a preset leaves out."""
_SAME = (
    "temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty", "presence_penalty",
    "frequency_penalty", "dry_multiplier", "dry_base", "dry_allowed_length", "xtc_probability", "xtc_threshold",
)  # fmt: skip
_OTHERS = {"no_repeat_ngram_size": "no_repeat_ngram"}
"""Their name, and ours."""
_HANDLED = {*_SAME, *_OTHERS, "do_sample", "dry_sequence_breakers", "seed"}
_DOES_NOTHING: dict[str, tuple[Any, ...]] = {
    "tfs": (1,), "top_a": (0,), "epsilon_cutoff": (0,), "eta_cutoff": (0,), "penalty_alpha": (0,), "num_beams": (1,),
    "mirostat_mode": (0,), "mirostat_tau": (5,), "mirostat_eta": (0.1,), "encoder_repetition_penalty": (1,),
    "repetition_penalty_range": (0, 1024), "min_length": (0,), "length_penalty": (1,), "guidance_scale": (1,),
    "dynamic_temperature": (False,), "dynatemp_low": (1,), "dynatemp_high": (1,), "dynatemp_exponent": (1,),
    "smoothing_factor": (0,), "smoothing_curve": (1,), "top_n_sigma": (0,), "temperature_last": (False,),
    "early_stopping": (False,), "adaptive_target": (0,), "adaptive_decay": (0.9,), "negative_prompt": ("",),
    "sampler_priority": ("",), "grammar_string": ("",),
}  # fmt: skip
"""Values with which a name does nothing there, so that nothing is lost without it."""
_MOST = 8
"""Names that are told one by one."""


def read_preset(path: Path, name: str) -> Preset:
    """The preset in a file under a name; a damaged one with what is wrong."""
    file = on_one_line(str(path))
    try:
        values = read_yaml(path)
        unknown = _without_counterpart(values)
        return Preset(name=name, sampling=_sampling(values, path), file=file, note=_told(unknown))
    except PromptFileError as error:
        return Preset(name=name, problem=str(error), file=file)


def _sampling(values: Mapping[str, Any], path: Path) -> Sampling:
    wanted = msgspec.to_builtins(NEUTRAL)
    wanted |= {name: values[name] for name in _SAME if values.get(name) is not None}
    wanted |= {ours: values[theirs] for theirs, ours in _OTHERS.items() if values.get(theirs) is not None}
    if values.get("dry_sequence_breakers") is not None:
        wanted["dry_sequence_breakers"] = _texts(values["dry_sequence_breakers"], path)
    if values.get("seed") not in (None, -1):
        wanted["seed"] = values["seed"]
    if values.get("do_sample") is False or wanted["temperature"] == 0:
        wanted |= {"greedy": True, "temperature": NEUTRAL.temperature}
    # There a whole number may be written as 20.0, and 1e-4 is a text to YAML.
    wanted = {name: int(one) if isinstance(one, float) and one.is_integer() else one for name, one in wanted.items()}
    try:
        return msgspec.convert(wanted, Sampling, strict=False)
    except (ValueError, TypeError) as error:
        raise PromptFileError(f"{shown(path)}: a value can't be used here ({on_one_line(str(error))}).") from error


def _texts(value: object, path: Path) -> list[str]:
    """A list of texts, or one written as there: quoted, with commas between them."""
    if isinstance(value, str):
        try:
            value = json.loads(f"[{value}]")
        except (ValueError, RecursionError) as error:
            raise PromptFileError(f"{shown(path)}: dry_sequence_breakers is no list of quoted texts.") from error
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise PromptFileError(f"{shown(path)}: dry_sequence_breakers is no list of texts.")
    return value


def _without_counterpart(values: Mapping[str, Any]) -> list[str]:
    return [
        on_one_line(name)[:60]
        for name, value in values.items()
        if name not in _HANDLED and value is not None and value not in _DOES_NOTHING.get(name, ())
    ]


def _told(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"Not known here and left out: {', '.join(names[:_MOST])}{more}."
