"""One module of the base with the factors of all adapters that act on it, side by side in two buffers.

For a linear with `in` inputs and `out` outputs and adapters of ranks r1, r2, ... (R in all), the site computes
base(x) + ((x A) * s) B with A of shape (in, R), B of shape (R, out) and s of shape (R), where s repeats each adapter's
weight * scaling over its ranks. That is sum_i weight_i * scaling_i * B_i A_i x (arXiv 2106.09685, section 4.1) in two
products, however many adapters there are. The buffers have spare rank, so that one more adapter is copied in behind the
others and nothing is made anew.

The base's weights are never touched, nor is the tree of modules: the site stands in `forward` of the one module, and
taking it out leaves the module as it was loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import torch
from torch.nn import functional

from .adapter_files import Factors

SPARE = 256
"""Ranks a new buffer has room for on the CPU, where memory that was never written to takes none."""
SPARE_ON_DEVICE = 32
"""The same on an accelerator, where it does."""


Copies = list[tuple[torch.Tensor, torch.Tensor]]
"""Places in buffers, and the numbers that go there."""


class Part(msgspec.Struct, frozen=True):
    """The share of one adapter in a site's buffers."""

    key: str
    rank: int


class Layout(msgspec.Struct):
    """Buffers as they are, or as they are to be after a change."""

    a: torch.Tensor
    """Shape (capacity, in); for an embedding (capacity, vocabulary)."""
    b: torch.Tensor
    """Shape (capacity, out)."""
    parts: list[Part]
    """In the order of the buffers' rows: first those that act, in the user's order, then those at rest."""
    written: int = 0
    """Ranks that were ever written to: memory is taken by these alone."""


class LoraSite:
    """Stands in the `forward` of one module while any adapter acts on it."""

    def __init__(self, module: Any, *, embedding: bool) -> None:
        """Nothing acts yet; the module is as it was."""
        self._module = module
        self._embedding = embedding
        self._embed_scale = embed_scale(module) if embedding else 1.0
        self._original: Callable[..., torch.Tensor] | None = None
        self._had_own_forward = False
        self._layout: Layout | None = None
        self._a = self._b = self._scales = torch.empty(0)

    @property
    def parts(self) -> list[Part]:
        """What the buffers hold."""
        return self._layout.parts if self._layout else []

    @property
    def bytes_a_rank(self) -> int:
        """Memory one rank takes."""
        layout = self._layout
        return (layout.a.shape[-1] + layout.b.shape[-1]) * layout.a.element_size() if layout else 0

    @property
    def bytes_held(self) -> int:
        """Memory the buffers take, whether or not anything is in them."""
        return self._layout.written * self.bytes_a_rank if self._layout else 0

    def emptied(self) -> Layout:
        """The buffers as they are, to hold nothing: the next adapter finds memory that is there already."""
        assert self._layout is not None
        return Layout(self._layout.a, self._layout.b, [], self._layout.written)

    def arranged(self, wanted: Sequence[Part], fresh: dict[str, Factors], copies: Copies) -> Layout:
        """Buffers for these parts in this order; what acts now goes on undisturbed until `settle`.

        Factors of adapters that are not in the buffers yet are taken from `fresh`. What is to be copied into the
        buffers before they are settled is added to `copies`.
        """
        layout = self._layout
        held = layout.parts if layout else []
        if layout is not None and list(wanted[: len(held)]) == held:
            used = sum(part.rank for part in held)
            total = sum(part.rank for part in wanted)
            if total <= layout.a.shape[0]:
                # Behind what is in use: nobody reads there yet.
                self._fill(layout, used, wanted[len(held) :], fresh, copies)
                return Layout(layout.a, layout.b, list(wanted), max(layout.written, total))
        return self._made_anew(wanted, fresh, copies)

    def settle(self, layout: Layout, scales: torch.Tensor) -> None:
        """Take an arrangement into use: its first ranks act, as many as `scales` has, which is `s`. Can't fail."""
        self._layout = layout
        rank = scales.shape[0]
        self._a, self._b = layout.a[:rank], layout.b[:rank]
        self._scales = scales.to(layout.a)
        if rank:
            self._enter()
        else:
            self.leave()

    @property
    def module(self) -> Any:
        """The module of the base it stands in."""
        return self._module

    @property
    def embedding(self) -> bool:
        """Whether the module looks rows up instead of multiplying."""
        return self._embedding

    @property
    def acts(self) -> bool:
        """Whether any adapter acts here; also true while it is paused."""
        return bool(self._scales.shape[0])

    @property
    def factors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A of shape (R, in) and B of shape (R, out) of all adapters that act; `scales` goes between them."""
        return self._a, self._b

    def pause(self) -> None:
        """Let the module compute without the adapters until `resume`."""
        self.leave()

    def resume(self) -> None:
        """Let them act again."""
        if self.acts:
            self._enter()

    @property
    def scales(self) -> torch.Tensor:
        """What each rank that acts is multiplied by: weight * scaling of its adapter, shape (R)."""
        return self._scales

    def leave(self) -> None:
        """Nothing acts any more: the module's own `forward` is back. The buffers are kept."""
        if self._original is None:
            return
        if self._had_own_forward:
            self._module.forward = self._original
        else:
            del self._module.forward
        self._original = None

    def _enter(self) -> None:
        if self._original is None:
            # accelerate puts its hooks into an instance's `forward`; whatever stands there is what the base computes.
            self._had_own_forward = "forward" in self._module.__dict__
            self._original = self._module.forward
            # Past torch's own way of setting attributes, which looks for parameters first: there are hundreds of sites.
            object.__setattr__(self._module, "forward", self._look_up if self._embedding else self._multiply)

    def _multiply(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        assert self._original is not None
        y = self._original(x, *args, **kwargs)
        if self._a.device != x.device:
            self._move(x.device)
        h = functional.linear(x.to(self._a.dtype), self._a)
        return added(y, torch.matmul(h * self._scales if h.requires_grad else h.mul_(self._scales), self._b))

    def _look_up(self, ids: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        assert self._original is not None
        y = self._original(ids, *args, **kwargs)
        if self._a.device != ids.device:
            self._move(ids.device)
        h = functional.embedding(ids, self._a.T) * self._scales
        return added(y, torch.matmul(h if self._embed_scale == 1 else h * self._embed_scale, self._b))

    def _move(self, device: torch.device) -> None:
        """Follow a base whose weights are brought to another device only while they compute."""
        assert self._layout is not None
        rank = self._scales.shape[0]
        held = self._layout
        self._layout = Layout(held.a.to(device), held.b.to(device), held.parts, held.written)
        self._a, self._b, self._scales = self._layout.a[:rank], self._layout.b[:rank], self._scales.to(device)

    def _made_anew(self, wanted: Sequence[Part], fresh: dict[str, Factors], copies: Copies) -> Layout:
        """New buffers with spare rank; parts that are held already are copied from the old ones."""
        rank = sum(part.rank for part in wanted)
        old = self._layout
        like = next(iter(fresh.values())) if old is None else None
        wide = like.a.shape[1] if like else old.a.shape[1]  # type: ignore[union-attr]
        out = like.b.shape[0] if like else old.b.shape[1]  # type: ignore[union-attr]
        device, dtype = home_of(self._module)
        capacity = max(2 * rank, SPARE if device.type == "cpu" else SPARE_ON_DEVICE)
        layout = Layout(
            torch.empty(capacity, wide, device=device, dtype=dtype),
            torch.empty(capacity, out, device=device, dtype=dtype),
            list(wanted),
            rank,
        )
        starts = _starts(old.parts) if old else {}
        at = 0
        for part in wanted:
            if old is not None and part.key in starts:
                begin = starts[part.key]
                copies.append((layout.a[at : at + part.rank], old.a[begin : begin + part.rank]))
                copies.append((layout.b[at : at + part.rank], old.b[begin : begin + part.rank]))
            else:
                self._fill(layout, at, [part], fresh, copies)
            at += part.rank
        return layout

    @staticmethod
    def _fill(layout: Layout, at: int, parts: Sequence[Part], fresh: dict[str, Factors], copies: Copies) -> None:
        for part in parts:
            factors = fresh[part.key]
            copies.append((layout.a[at : at + part.rank], factors.a))
            copies.append((layout.b[at : at + part.rank], factors.b.T))
            at += part.rank


def embed_scale(module: Any) -> float:
    """What an embedding multiplies its rows by (Gemma's sqrt(width), in the weights' type); the adapters' rows too."""
    scale = getattr(module, "embed_scale", None)
    if isinstance(scale, torch.Tensor):
        return float(scale.to(module.weight.dtype))
    return 1.0 if scale is None else float(scale)


def reweight(changes: Sequence[tuple[LoraSite, Sequence[tuple[Part, float]]]]) -> None:
    """Other factors for the same parts, in all these sites at once: one vector is made and dealt out."""
    if changes:
        torch._foreach_copy_([site.scales for site, _ in changes], dealt([acting for _, acting in changes]))


def dealt(weighed: Sequence[Sequence[tuple[Part, float]]]) -> list[torch.Tensor]:
    """The scales of every site, each of shape (R): pieces of one float32 vector, since one is made in less time."""
    values: list[float] = []
    lengths = []
    for acting in weighed:
        begin = len(values)
        for part, factor in acting:
            values += [factor] * part.rank
        lengths.append(len(values) - begin)
    return list(torch.split(torch.tensor(values, dtype=torch.float32), lengths))


def copy_all(copies: Copies) -> None:
    """Put everything where it belongs, in one call: an adapter has hundreds of small factors."""
    if copies:
        places, numbers = zip(*copies, strict=True)
        torch._foreach_copy_(list(places), list(numbers))


def _starts(parts: Sequence[Part]) -> dict[str, int]:
    found, at = {}, 0
    for part in parts:
        found[part.key] = at
        at += part.rank
    return found


def home_of(module: Any) -> tuple[torch.device, torch.dtype]:
    """Where the factors lie and in which type: with the weights, on the CPU in float32 (faster there, more exact)."""
    weight: torch.Tensor = module.weight
    device = weight.device if weight.device.type != "meta" else torch.device("cpu")
    if device.type == "cpu":
        return device, torch.float32
    # Packed weights (uint8, int8, int32) say nothing of the arithmetic.
    return device, weight.dtype if weight.dtype.is_floating_point else torch.float16


def added(y: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """The sum in the base's type, rounded once. In place where nobody wants gradients: `y` was just made."""
    if y.requires_grad or delta.requires_grad:
        return (y + delta).to(y.dtype)
    return y.add_(delta)
