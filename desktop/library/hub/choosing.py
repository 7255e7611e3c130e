"""Model or adapter, and which of a repository's files are needed: decided from their names and sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import msgspec

from desktop.library.sizes import size_in_words

from .problems import HubError
from .record import RemoteFile, Wish

CONFIG = "adapter_config.json"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_TEXTS = (".json", ".txt", ".md", ".model", ".tiktoken", ".jinja", ".py", ".yaml", ".yml")
_PLAIN = re.compile(r"(licen[cs]e|notice|use_policy|readme|copying)", re.IGNORECASE)
_TRAINING = re.compile(r"(training_args|optimizer|scheduler|rng_state|scaler|random_states)", re.IGNORECASE)
_SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.)")
_ADAPTER = re.compile(r"adapter_model(-\d{5}-of-\d{5})?\.(safetensors|bin)$")
_LISTED = 12


class Choice(msgspec.Struct, frozen=True):
    """What is downloaded of a repository."""

    kind: str
    """"model" or "adapter"."""
    why: str
    files: tuple[RemoteFile, ...]
    left_out: tuple[str, ...]


def choose(files: Sequence[RemoteFile], wish: Wish) -> Choice:
    """What is needed. Raises HubError where nothing is, or where the user has to choose."""
    kind, why, inside = _kind(files)
    wanted = {file.path: file for file in files if _is_text(file.path, inside)}
    if not wish.text_only:
        weights = _adapter_weights(files, inside) if kind == "adapter" else _model_weights(files, wish)
        wanted |= {file.path: file for file in weights if not wish.include or _matches(file.path, wish.include)}
        wanted |= {file.path: file for file in files if _matches(file.path, wish.include)}
        _refuse_nothing(files, weights, wanted, wish)
    if any(path.endswith(".safetensors") for path in wanted):
        wanted.pop("pytorch_model.bin.index.json", None)
    chosen = tuple(file for path, file in wanted.items() if not _matches(path, wish.exclude))
    if not chosen:
        raise HubError("choice", "With these options no file is left to download. Leave out --include or --exclude.")
    taken = {file.path for file in chosen}
    return Choice(kind, why, chosen, tuple(file.path for file in files if file.path not in taken))


def _kind(files: Sequence[RemoteFile]) -> tuple[str, str, str]:
    """Model or adapter, why, and the folder of the repository it lies in, with a slash, empty for the outermost."""
    configs = [file.path for file in files if PurePosixPath(file.path).name == CONFIG]
    full = next((file.path for file in files if _is_full(file.path)), None)
    root = CONFIG in configs
    if full is not None:
        more = f", though it brings an {CONFIG} as well" if configs else ""
        return "model", f"it holds a whole model's weights, {full}{more}", ""
    if root:
        return "adapter", f"it holds {CONFIG} and no whole model's weights", ""
    adapters = [file.path for file in files if _ADAPTER.search(file.path)]
    if any("/" not in path for path in adapters):
        return "adapter", f"it holds {adapters[0]}, though no {CONFIG}", ""
    if len(configs) == 1:
        return "adapter", f"it holds {configs[0]} and no whole model's weights", configs[0].removesuffix(CONFIG)
    if configs:
        return "adapter", f"it holds {len(configs)} adapters, a folder each", "*"
    return "model", "it holds no adapter", ""


def _is_full(path: str) -> bool:
    name = PurePosixPath(path).name
    if name.endswith(".gguf"):
        return not re.search(r"lora|adapter|mmproj|imatrix", name, re.IGNORECASE)
    return "/" not in path and name.endswith(_WEIGHTS) and not _ADAPTER.search(name) and _is_model_file(name)


def _is_model_file(name: str) -> bool:
    """Whether a weight file could hold a base model; beside an adapter lie other small ones."""
    others = ("tokenizer", "adapter", "non_lora", "new_embedding", "embed")
    return not _TRAINING.match(name) and not name.startswith(others)


def _is_text(path: str, inside: str) -> bool:
    folder, _, name = path.rpartition("/")
    if inside == "*":
        if folder.count("/") or _TRAINING.match(name):
            return False
    elif folder and f"{folder}/" != inside:
        return False
    if name.startswith(".") or name.startswith("adapter_model"):
        return False
    return name.endswith(_TEXTS) or _PLAIN.match(name) is not None


def _adapter_weights(files: Sequence[RemoteFile], inside: str) -> list[RemoteFile]:
    depth = 1 if inside == "*" else inside.count("/")
    found = [
        file
        for file in files
        if _ADAPTER.search(file.path)
        and (file.path.count("/") == depth or not file.path.count("/"))
        and (inside in ("", "*") or file.path.startswith(inside) or "/" not in file.path)
    ]
    safe = {file.path.rpartition("/")[0] for file in found if file.path.endswith(".safetensors")}
    return [file for file in found if file.path.endswith(".safetensors") or file.path.rpartition("/")[0] not in safe]


def _model_weights(files: Sequence[RemoteFile], wish: Wish) -> list[RemoteFile]:
    """Of the first format that is there: safetensors, .bin, .pt, GGUF."""
    outer = [file for file in files if "/" not in file.path and _is_model_file(file.path)]
    for endings in ((".safetensors",), (".bin",), (".pt", ".pth")):
        found = [file for file in outer if file.path.endswith(endings) and not _ADAPTER.search(file.path)]
        if found and not _wants_gguf(files, wish):
            return _without_twins(found)
    return _one_quantisation([file for file in files if _is_gguf(file)], wish)


def _wants_gguf(files: Iterable[RemoteFile], wish: Wish) -> bool:
    """Whether what is asked for by name are GGUF files alone."""
    asked = [file for file in files if _matches(file.path, wish.include) and file.path.endswith(_WEIGHTS)]
    return bool(asked) and all(_is_gguf(file) for file in asked)


def _without_twins(found: list[RemoteFile]) -> list[RemoteFile]:
    """The same weights are often there more than once: `consolidated`, one file beside its shards, variants."""
    usual = [file for file in found if not file.path.startswith("consolidated")]
    found = usual or found
    shards = [file for file in found if _SHARD.search(file.path)]
    named = [file for file in found if re.match(r"(model|pytorch_model)\.(safetensors|bin)$", file.path)]
    if shards:
        plain = [file for file in shards if re.match(r"(model|pytorch_model)-\d{5}-of", file.path)]
        twins = {file.path for file in named}
        return plain or [file for file in found if file.path not in twins]
    if named:
        # Variants such as model.fp16.safetensors; quantised files of other names stay only where they are alone.
        return named
    return found


def _one_quantisation(found: list[RemoteFile], wish: Wish) -> list[RemoteFile]:
    wanted = [file for file in found if not wish.include or _matches(file.path, wish.include)]
    wanted = [file for file in wanted if not _matches(file.path, wish.exclude)]
    sizes: dict[str, int] = {}
    for file in wanted:
        name = _SHARD.sub("", PurePosixPath(file.path).name)
        sizes[name] = sizes.get(name, 0) + file.size
    if len(sizes) > 1 and not wish.include:
        rows = sorted(sizes.items(), key=lambda row: row[1])
        listed = "".join(f"\n  {size_in_words(size):>8}  {name}" for name, size in rows)
        example = _pattern(rows[len(rows) // 2][0])
        raise HubError(
            "choice", f"It holds {len(sizes)} quantisations. Choose one, such as --include '{example}':{listed}"
        )
    return wanted


def _pattern(name: str) -> str:
    quantisation = re.search(r"I?Q\d\w*|[BF]+16|F32", name)
    return f"*{quantisation[0]}.*" if quantisation else name


def _is_gguf(file: RemoteFile) -> bool:
    name = PurePosixPath(file.path).name.lower()
    return name.endswith(".gguf") and not name.startswith(("mmproj", "imatrix")) and "imatrix" not in name


def _matches(path: str, patterns: Sequence[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_nothing(
    files: Sequence[RemoteFile], weights: Sequence[RemoteFile], wanted: dict[str, RemoteFile], wish: Wish
) -> None:
    if wish.include and not any(_matches(file.path, wish.include) for file in files):
        names = [file.path for file in files if file.path.endswith(_WEIGHTS)] or [file.path for file in files]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        raise HubError("choice", f"No file matches --include. There are: {', '.join(names[:_LISTED])}{more}.")
    if not weights and not wish.include and not any(path.endswith(_WEIGHTS) for path in wanted):
        raise HubError(
            "choice",
            "It holds no weights this program can use. --text-only fetches its texts, --include what it names.",
        )
