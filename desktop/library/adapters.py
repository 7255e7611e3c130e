"""Lists the adapters of the library with what their configuration says. A thousand of them take a fraction of a second.

Of the weights only the header of a .safetensors is read, to see whether the file is whole.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from desktop.api.checkpoints import ADAPTER_JSON_LIMIT

from .adapter_weights import BrokenAdapter, find_weights
from .home import Home
from .hub_cache import list_cached
from .names import CONFIG
from .places import adapter_folders, printable, unreadable_in_words, unsendable, visible
from .runs.versions import list_versions
from .settings import Settings

_KINDS = {
    "ADALORA": "AdaLoRA", "LOHA": "LoHa", "LOKR": "LoKr", "IA3": "IA3", "OFT": "OFT", "BOFT": "BOFT", "VERA": "VeRA",
    "PREFIX_TUNING": "prefix tuning", "PROMPT_TUNING": "prompt tuning", "P_TUNING": "p-tuning",
}  # fmt: skip
_WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")


class AdapterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter of the library."""

    name: str
    """What `--lora` takes. A path where a folder further ahead has the same name."""
    path: str
    """Absolute path of the folder."""
    kind: str = ""
    """LoRA, rsLoRA, DoRA, ... as the configuration has it."""
    rank: int = 0
    """The largest one, where a rank pattern makes them differ; 0 where the kind has none."""
    alpha: float = 0.0
    target_modules: tuple[str, ...] = ()
    """Names of modules, or one pattern, as the configuration has it."""
    base_model: str = ""
    """The base model it says it was trained on."""
    file: str = ""
    """What the weights file ends in: ".safetensors" or ".bin"."""
    size: int = 0
    """Bytes of the weights file."""
    problem: str = ""
    """Why it can't be used as it stands; empty where nothing seems amiss."""


def list_adapters(home: Home, settings: Settings) -> list[AdapterEntry]:
    """Every adapter in the home folder and in the further ones, in the order in which a name is looked up.

    The checkpoints of runs come last, as versions of the adapters the runs make.

    A folder that is no adapter but holds some, such as the checkpoints of a training, counts for those. What is
    incomplete or broken is listed with the reason. Links are followed.
    """
    found: list[AdapterEntry] = []
    names: set[str] = set()
    for root in adapter_folders(home, settings):
        try:
            entries = visible(root)
        except OSError as error:
            found.append(_broken(str(root), root, unreadable_in_words(root, error)))
            continue
        for entry in entries:
            for name, path in _candidates(entry.name, Path(entry.path), root):
                found.append(_entry(str(path) if name in names else name, path))
                names.add(name)
    for one in list_cached(home, settings):
        if one.is_adapter:
            found.append(_entry(str(one.path) if one.name in names else one.name, one.path))
            names.add(one.name)
    for version in list_versions(home):
        found.append(_entry(str(version.path) if version.name in names else version.name, version.path))
        names.add(version.name)
    return found


def _candidates(name: str, path: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """The adapters behind one entry: a folder is one, or holds some one level down."""
    try:
        if (path / CONFIG).is_file():
            yield name, path
            return
        if not stat.S_ISDIR(path.stat().st_mode):
            if path.suffix.lower() in _WEIGHTS:
                yield name, path
            return
        # A link back to the library would list everything a second time.
        inner = [] if path.samefile(root) else visible(path)
        found = [(f"{name}/{one.name}", Path(one.path)) for one in inner if (Path(one.path) / CONFIG).is_file()]
    except OSError:
        found = []  # _entry meets the same error and puts it into words.
    yield from found or [(name, path)]


def _entry(name: str, path: Path) -> AdapterEntry:
    try:
        config = read_config(path)
        file, size = find_weights(path)
        return entry_from_config(printable(name), path, config, file, size)
    except RecursionError:  # lists in lists can be read and yet be too deep to be written
        return _broken(name, path, f"{CONFIG} makes no sense: it is nested too deeply. Download the adapter again.")
    except BrokenAdapter as error:
        return _broken(name, path, str(error))
    except OSError as error:
        return _broken(name, path, unreadable_in_words(path, error))


def read_config(path: Path) -> dict[str, Any]:
    """The object in an adapter's configuration. Raises BrokenAdapter if there is none, or OSError."""
    # Raises the error of the folder itself first: a link that leads nowhere, a missing permission.
    if not stat.S_ISDIR(path.stat().st_mode):
        raise BrokenAdapter(f"It is a single file. An adapter is a folder with {CONFIG} and its weights inside.")
    file = path / CONFIG
    if not file.is_file():
        raise BrokenAdapter(f"There is no {CONFIG} in it, so it is no adapter, or not a whole one.")
    with file.open("rb", buffering=0) as opened:
        if os.fstat(opened.fileno()).st_size > ADAPTER_JSON_LIMIT:
            raise BrokenAdapter(f"{CONFIG} is larger than any adapter's. Download the adapter again.")
        content = opened.readall()
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BrokenAdapter(f"{CONFIG} can't be read ({error}). Download the adapter again.") from error
    if not isinstance(config, dict):
        raise BrokenAdapter(f"{CONFIG} should hold a JSON object but holds something else. Download the adapter again.")
    return config


def entry_from_config(name: str, path: Path, config: dict[str, Any], file: str, size: int) -> AdapterEntry:
    """What a configuration says; what makes no sense in it is the entry's problem."""
    peft_type = str(config.get("peft_type") or "LORA").upper()
    ranks = [config.get("r"), *_values(config.get("rank_pattern"))]
    alpha = config.get("lora_alpha")
    sound = all(is_rank(rank) for rank in ranks) and is_finite(alpha)
    problem = unsendable(path)
    if peft_type == "LORA" and not sound:
        problem = f"{CONFIG} makes no sense: rank {config.get('r')!r}, alpha {alpha!r}. Download the adapter again."
    targets = config.get("target_modules")
    patterns = sorted(map(str, targets)) if isinstance(targets, list) else [str(targets)] if targets else []
    return AdapterEntry(
        name=name,
        path=printable(path),
        kind=printable(_kind(peft_type, config)),
        rank=max(filter(is_rank, ranks), default=0),
        alpha=float(alpha) if is_finite(alpha) else 0.0,
        target_modules=tuple(map(printable, patterns)),
        base_model=printable(str(config.get("base_model_name_or_path") or "")),
        file=file,
        size=size,
        problem=printable(problem),
    )


def is_rank(value: object) -> TypeGuard[int]:
    """Whether something in a configuration can be a rank."""
    # Not isinstance: True is an int. A rank beyond this is no rank, and JSON could not carry it on.
    return type(value) is int and 0 < value < 2**31


def is_finite(value: object) -> TypeGuard[int | float]:
    """Whether something in a configuration is a number one can compute with."""
    return type(value) in {int, float} and abs(value) < 1e300  # type: ignore[arg-type]


def _values(pattern: object) -> list[Any]:
    return list(pattern.values()) if isinstance(pattern, dict) else []


def _kind(peft_type: str, config: dict[str, Any]) -> str:
    if peft_type != "LORA":
        return _KINDS.get(peft_type, peft_type)
    if config.get("alora_invocation_tokens"):
        return "aLoRA"
    if config.get("use_dora"):
        return "DoRA"
    return "rsLoRA" if config.get("use_rslora") else "LoRA"


def _broken(name: str, path: Path, problem: str) -> AdapterEntry:
    return AdapterEntry(name=printable(name), path=printable(path), problem=printable(problem))
