"""Which modules an adapter's tensors belong to, from their names and shapes alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from desktop.api.checkpoints import TensorHeader

from .adapters import is_rank

_FACTOR = re.compile(
    r"^(?:base_model\.model\.)?(?P<module>.+?)\."
    r"(?:lora_(?P<side>[AB])(?:\.[^.]+)?\.weight|lora_embedding_(?P<embedding>[AB])(?:\.[^.]+)?)$"
)
_MAGNITUDE = re.compile(r"\.lora_magnitude_vector(\.[^.]+)?(\.weight)?$")
_LAYER = re.compile(r"\.(\d{1,6})\.")
_AGAIN = "Download the adapter again."


class Factors(msgspec.Struct, frozen=True):
    """How an adapter's tensors go together."""

    ranks: dict[str, int]
    """The rank of each module's factors."""
    unused: tuple[str, ...]
    """Tensors that belong to no module."""
    problems: tuple[str, ...]
    """What is wrong with them, a sentence each."""

    @property
    def types(self) -> dict[str, int]:
        """How many modules there are of each type, such as `q_proj`."""
        found: dict[str, int] = {}
        for module in self.ranks:
            kind = module.rpartition(".")[2]
            found[kind] = found.get(kind, 0) + 1
        return dict(sorted(found.items()))

    @property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers the modules stand in."""
        return tuple(sorted({int(number[1]) for module in self.ranks if (number := _LAYER.search(f".{module}."))}))


def pair_factors(tensors: Sequence[TensorHeader]) -> Factors:
    """Put both factors of each module together."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    unused = []
    for tensor in tensors:
        match = _FACTOR.match(tensor.name)
        if match is not None:
            shapes.setdefault(match["module"], {})[match["side"] or match["embedding"]] = tensor.shape
        elif not _MAGNITUDE.search(tensor.name):
            unused.append(tensor.name)
    alone = [module for module, pair in shapes.items() if len(pair) < 2]
    ranks = {module: _rank(pair) for module, pair in shapes.items() if len(pair) == 2}
    apart = [module for module, rank in ranks.items() if not rank]
    problems = []
    if alone:
        problems.append(f"{_those(alone)} only one of two factors. {_AGAIN}")
    if apart:
        problems.append(f"{_those(apart)} factors that don't fit together. {_AGAIN}")
    if not shapes:
        problems.append(f"None of its {len(tensors)} tensors is a factor of a LoRA. {_AGAIN}")
    return Factors({module: rank for module, rank in ranks.items() if rank}, tuple(unused), tuple(problems))


def _rank(pair: dict[str, tuple[int, ...]]) -> int:
    """Size of the axis both share; 0 where they share none."""
    a, b = pair["A"], pair["B"]
    return a[0] if len(a) > 1 and len(b) > 1 and a[0] == b[1] and is_rank(a[0]) else 0


def _those(modules: list[str]) -> str:
    return f"{modules[0]} has" if len(modules) == 1 else f"{modules[0]} and {len(modules) - 1} more modules have"
