"""What an adapter and a model are, whatever they are called: hashes for recipes.

An adapter is hashed whole. A base model's weights are not, because reading many gigabytes would take longer than the
answer: its fingerprint covers what tells models apart in practice, and a change of weights alone escapes it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

from desktop.api import LoaderError
from desktop.api.checkpoints import HEADER_LIMIT

from .adapter_weights import BrokenAdapter, find_weights
from .formats import files_of
from .names import CONFIG

_BLOCK = 1 << 20


class HashStopped(Exception):
    """Nobody waits for the hash any more."""


def content_hash(folder: Path, ending: Event | None = None) -> str:
    """The SHA-256 of an adapter, in hexadecimal. Raises LoaderError if a file is missing or can't be read.

    Raises HashStopped once `ending` is set: a large adapter on a slow disk takes a minute.

    Hashed are, one after the other, `adapter_config.json` and the weights: `adapter_model.safetensors`, or
    `adapter_model.bin` where that is not there. Of each file: its name in UTF-8, a zero byte, its size in bytes as
    eight bytes little-endian, its bytes. So the same adapter has the same hash in any folder.
    """
    digest = hashlib.sha256()
    try:
        suffix, _ = find_weights(folder)
        for name in (CONFIG, f"adapter_model{suffix}"):
            # A pipe or a device would be read for ever.
            if (folder / name).exists() and not (folder / name).is_file():
                raise LoaderError(f"{name} in {folder.name} is not a file. Download the adapter again.")
            _take_file(digest, folder / name, ending)
    except BrokenAdapter as error:
        raise LoaderError(f"{folder.name}: {error}") from error
    except OSError as error:
        raise LoaderError(f"{folder.name} can't be read ({error.strerror}: {error.filename}).") from error
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """The SHA-256, in hexadecimal, of what a model is without its weights. Raises LoaderError if it can't be read.

    Hashed are, one after the other: `config.json` as in `content_hash`, where there is one, and for each weight file,
    by name, its name in UTF-8, a zero byte, its size as eight bytes little-endian, and of a .safetensors its header:
    the eight bytes of its length and the header itself. Of a .gguf it is the first 1,048,576 bytes, which hold the
    configuration; of a .bin or .pt nothing more. The weights are not hashed, because of their size.
    """
    digest = hashlib.sha256()
    folder = path if path.is_dir() else path.parent
    try:
        if (folder / "config.json").is_file():
            _take_file(digest, folder / "config.json")
        for file in sorted(files_of(path)):
            _take_name(digest, file)
            for block in _header(file):
                digest.update(block)
    except OSError as error:
        raise LoaderError(f"{path.name} can't be read ({error.strerror}: {error.filename}).") from error
    return digest.hexdigest()


def weights_hash(path: Path, tell: Callable[[float], None]) -> str:
    """The SHA-256, in hexadecimal, of all bytes of a model's weight files. Raises LoaderError if one can't be read.

    Hashed is each file, by name, as in `content_hash`. `tell` hears how far it is, from 0 to 1.
    """
    digest = hashlib.sha256()
    try:
        files = sorted(files_of(path))
        whole, done = max(sum(file.stat().st_size for file in files), 1), 0
        for file in files:
            _take_name(digest, file)
            with file.open("rb") as opened:
                while block := opened.read(_BLOCK):
                    digest.update(block)
                    done += len(block)
                    tell(done / whole)
    except OSError as error:
        raise LoaderError(f"{path.name} can't be read ({error.strerror}: {error.filename}).") from error
    return digest.hexdigest()


def _take_name(digest: hashlib._Hash, file: Path) -> None:
    digest.update(file.name.encode("utf-8", "surrogatepass") + b"\0" + struct.pack("<Q", file.stat().st_size))


def _take_file(digest: hashlib._Hash, file: Path, ending: Event | None = None) -> None:
    _take_name(digest, file)
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            if ending is not None and ending.is_set():
                raise HashStopped
            digest.update(block)


def _header(file: Path) -> Iterable[bytes]:
    suffix = file.suffix.lower()
    if suffix not in {".safetensors", ".gguf"}:
        return
    with file.open("rb") as opened:
        if suffix == ".gguf":
            yield opened.read(_BLOCK)
            return
        prefix = opened.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if length > HEADER_LIMIT:
            raise LoaderError(f"{file} is not a whole safetensors file. Download it again or restore it from a copy.")
        yield prefix
        yield opened.read(length)
