"""A seeded fuzzer: takes a good adapter and damages it, each time in another of several hundred ways."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from tests import tiny
from tests.plugins import damaged_configs, damaged_folders, damaged_headers, damaged_pickles

SAFE, OLD, CONFIG = "adapter_model.safetensors", "adapter_model.bin", "adapter_config.json"


class Damage(msgspec.Struct, frozen=True):
    """One way to damage an adapter."""

    name: str
    do: Callable[[Path], None]
    """Damages the adapter in this folder."""
    harmless: bool | None = False
    """Whether it can still be attached; None where that is left to chance."""
    binary: bool = False
    """Whether it damages a .bin."""

    def __str__(self) -> str:
        """Names the test."""
        return self.name


def all_damages() -> list[Damage]:
    """Every way there is, the random ones drawn from fixed seeds."""
    return [*_of_configs(), *_of_headers(), *_of_pickles(), *_of_folders(), *_at_random()]


def damaged(damage: Damage, folder: Path, model) -> Path:
    """A damaged adapter for this model, in a folder of its own."""
    tiny.make_adapter(folder, model, binary=damage.binary)
    damage.do(folder)
    return folder


def _of_configs() -> list[Damage]:
    found = []
    for fields, harmless in ((damaged_configs.REFUSED, False), (damaged_configs.HARMLESS, True)):
        for field, values in fields.items():
            for number, value in enumerate(values):
                do = partial(damaged_configs.change, **{field: value})
                found.append(Damage(f"config {field} {number}{' harmless' * harmless}", do, harmless))
    for name, content in damaged_configs.WHOLE.items():
        found.append(Damage(f"config {name}", partial(_overwrite, CONFIG, content)))
    return [*found, Damage("config with a byte order mark", _with_mark, harmless=True)]


def _of_headers() -> list[Damage]:
    rows = [Damage(f"header {name}", do) for name, do in damaged_headers.REFUSED.items()]
    return rows + [Damage(f"header {name}", do, harmless=True) for name, do in damaged_headers.HARMLESS.items()]


def _of_pickles() -> list[Damage]:
    rows = [Damage(f"pickle {name}", do, binary=True) for name, do in damaged_pickles.REFUSED.items()]
    return rows + [Damage(f"pickle {name}", do, True, True) for name, do in damaged_pickles.HARMLESS.items()]


def _of_folders() -> list[Damage]:
    rows = [Damage(f"folder {name}", do) for name, do in damaged_folders.REFUSED.items()]
    return rows + [Damage(f"folder {name}", do, harmless=True) for name, do in damaged_folders.HARMLESS.items()]


def _at_random() -> list[Damage]:
    found = []
    for seed in range(40):
        binary, name = bool(seed % 2), OLD if seed % 2 else SAFE
        found.append(Damage(f"cut {seed}", partial(_cut, name, seed), False, binary))
        found.append(Damage(f"garbled {seed}", partial(_garble, name, seed), None, binary))
        if seed % 4 == 0:
            found.append(Damage(f"noise {seed}", partial(_noise, SAFE, seed)))
            found.append(Damage(f"noise in a .bin {seed}", partial(_noise, OLD, seed), False, True))
            found.append(Damage(f"garbled config {seed}", partial(_garble, CONFIG, seed), None))
    return found


def _overwrite(name: str, content: bytes, folder: Path) -> None:
    (folder / name).write_bytes(content)


def _with_mark(folder: Path) -> None:
    _overwrite(CONFIG, b"\xef\xbb\xbf" + (folder / CONFIG).read_bytes(), folder)


def _cut(name: str, seed: int, folder: Path) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: random.Random(seed).randrange(len(content))])


def _garble(name: str, seed: int, folder: Path) -> None:
    """Up to thirty other bytes, most of them near the start, where what describes the file stands."""
    rng, content = random.Random(seed), bytearray((folder / name).read_bytes())
    for _ in range(rng.randint(1, 30)):
        content[int(len(content) * rng.random() ** rng.choice([1, 6]))] = rng.randrange(256)
    (folder / name).write_bytes(content)


def _noise(name: str, seed: int, folder: Path) -> None:
    rng = random.Random(seed)
    (folder / name).write_bytes(rng.randbytes(rng.choice([1, 7, 8, 9, 100, 5000])))
