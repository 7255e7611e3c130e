"""Lists the base models of the library, whole ones and broken ones. Only JSON files and headers are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

import msgspec

from desktop.api import LoaderError

from .formats import WEIGHTS, Judgement, files_of, judge
from .home import Home
from .hub_cache import list_cached
from .places import is_folder, model_folders, printable, unreadable_in_words, unsendable, visible
from .settings import Settings

_PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$", re.IGNORECASE)
_TOKENIZER = ("tokenizer", "vocab", "spiece", "sentencepiece")
"""How the names of tokenizer files begin."""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One base model of the library."""

    name: str
    """What `--model` takes. A path where a folder further ahead has the same name."""
    path: str
    """Absolute path of the folder or of the single file."""
    format: str = ""
    """What its files are, in words, for example "Transformers safetensors" or "GGUF Q4_K_M"."""
    architecture: str = ""
    size: int = 0
    """Bytes of the weight files on disk."""
    parameters: int | None = None
    """None where counting them would mean reading more than headers."""
    dtype: str = ""
    bits: int | float | None = None
    """Bits of a weight as stored; None if unknown."""
    problem: str = ""
    """Why it can't be used as it stands; empty where nothing seems amiss."""


def list_models(home: Home, settings: Settings) -> list[ModelEntry]:
    """Every model in the home folder and in the further ones, in the order in which a name is looked up.

    What is incomplete or broken is listed with the reason. Links are followed.
    """
    found: list[ModelEntry] = []
    names: set[str] = set()
    for folder in model_folders(home, settings):
        try:
            entries = visible(folder)
        except OSError as error:
            found.append(_unreadable(str(folder), folder, error))
            continue
        for entry in entries:
            for name, path in _candidates(entry.name, Path(entry.path), folder):
                shown = printable(path if name in names else name)
                names.add(name)
                found.append(_entry(shown, path))
    for one in list_cached(home, settings):
        if not one.is_adapter:
            for name, path in _candidates(one.name, one.path, one.path.parent):
                found.append(_entry(printable(path if name in names else name), path))
                names.add(name)
    return found


def _candidates(name: str, path: Path, root: Path, *, inside: bool = False) -> Iterator[tuple[str, Path]]:
    """The models behind one entry: a folder, each GGUF inside it, or the folders in it that hold models."""
    try:
        if not path.is_dir():
            # A link that leads nowhere is a model that is gone; "place-your-models-here.txt" is none.
            gone = path.is_symlink() and not path.exists()
            if gone or (path.suffix.lower() in WEIGHTS and not _is_later_part(path.name)):
                yield name, path
            return
        # A link back to the library would list everything a second time.
        entries = [] if path.samefile(root) else visible(path)
    except OSError:
        yield name, path  # _entry meets the same error and puts it into words.
        return
    suffixes = [PurePath(entry.name).suffix.lower() for entry in entries]
    for entry, suffix in zip(entries, suffixes, strict=True):
        if suffix == ".gguf" and not _is_later_part(entry.name):
            yield f"{name}/{entry.name}", Path(entry.path)
    is_model = any(entry.name == "config.json" for entry in entries)
    has_others = any(suffix in WEIGHTS and suffix != ".gguf" for suffix in suffixes)
    if has_others or (is_model and ".gguf" not in suffixes):
        yield name, path
    elif ".gguf" not in suffixes and not inside:
        yield from _candidates_below(name, entries, root) or [(name, path)]


def _candidates_below(name: str, entries: Iterable[os.DirEntry[str]], root: Path) -> list[tuple[str, Path]]:
    """The models one level down (`owner/name`)."""
    return [
        candidate
        for entry in entries
        if is_folder(Path(entry.path))
        for candidate in _candidates(f"{name}/{entry.name}", Path(entry.path), root, inside=True)
    ]


def _is_later_part(name: str) -> bool:
    part = _PART.match(name)
    return part is not None and int(part["number"]) != 1


def _entry(name: str, path: Path) -> ModelEntry:
    size = 0
    judged = Judgement()
    try:
        path.stat()
        files = _parts(path) if path.is_file() else files_of(path)
        size = sum(file.stat().st_size for file in files)
        judged = judge(path, files)
        problem = unsendable(path) or _missing_tokenizer(path)
    except LoaderError as error:
        problem = str(error)
    except OSError as error:
        return _unreadable(name, path, error)
    return ModelEntry(
        name=name,
        path=printable(path),
        format=printable(judged.format),
        architecture=printable(judged.architecture),
        size=size,
        parameters=judged.parameters,
        dtype=printable(judged.dtype),
        bits=judged.bits,
        problem=printable(problem),
    )


def _parts(file: Path) -> list[Path]:
    """All parts of a GGUF that was split. Raises LoaderError if one is missing."""
    part = _PART.match(file.name)
    if part is None:
        return [file]
    count = int(part["count"])
    parts = [file.with_name(f"{part['stem']}-{number:05}-of-{count:05}{file.suffix}") for number in range(1, count + 1)]
    missing = [one.name for one in parts if not one.is_file()]
    if missing:
        raise LoaderError(f"{len(missing)} of {count} parts are missing, the first is {missing[0]}. Download it again.")
    return parts


def _missing_tokenizer(path: Path) -> str:
    """A model without a tokenizer loads, but nobody can talk to it; a GGUF has its own inside."""
    if path.suffix.lower() == ".gguf":
        return ""
    folder = path if path.is_dir() else path.parent
    if any(file.name.startswith(_TOKENIZER) or file.name.endswith((".model", ".tiktoken")) for file in visible(folder)):
        return ""
    return f"There is no tokenizer in {folder}. Download the model again, or copy tokenizer.json from where it came."


def _unreadable(name: str, path: Path, error: OSError) -> ModelEntry:
    return ModelEntry(name=name, path=printable(path), problem=unreadable_in_words(path, error))
