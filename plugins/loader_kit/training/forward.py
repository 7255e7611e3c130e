"""One forward pass over some rows: the sum of their losses, in the leanest way that this model honours.

Which way that is, is found out by trying it on a few tokens: rows laid end to end must give what each gives alone, and
the model's logits must be its head's of its last hidden states.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import msgspec
import torch

from .attention import by_rows
from .batches import Micro
from .loss import cross_entropy, cross_entropy_of

Layout = Literal["rows", "detected", "padded"]
""""rows": end to end, attention by rows; "detected": end to end, where transformers sees from the positions which
tokens belong together; "padded": one row a line."""

NO_PACKING = "This model can't keep rows apart that lie end to end, so they are padded: slower, the same result."
_LEAK = {torch.float32: 1e-3}
"""Relative difference of hidden states that rounding explains; a leak makes them another row's."""
_LEAK_ROUGH = 0.1
"""The same in 16 bits and over quantised weights."""


class Losses(msgspec.Struct, frozen=True):
    """Of one pass, each a scalar tensor."""

    total: torch.Tensor
    """Sum of the cross entropies in nats, float32, differentiable."""
    correct: torch.Tensor
    """How many tokens that count are the likeliest."""


class Forward:
    """Computes losses with a model and whatever stands in its modules."""

    def __init__(self, model: Any, *, packing: bool, trained_head: bool = False) -> None:
        """`trained_head`: the module that gives the logits has factors that are trained, so it must see gradients."""
        self._model = model
        self._head = model.get_output_embeddings()
        self._vocabulary = int(model.get_input_embeddings().weight.shape[0])
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters
        self.notes: tuple[str, ...] = ()
        with torch.no_grad(), _evaluating(model):
            self.layout: Layout = self._find_layout() if packing else "padded"
            self.lean = not trained_head and self._head is not None and self._head_is_plain()
        if packing and self.layout == "padded":
            self.notes = (NO_PACKING,)

    @property
    def packed(self) -> bool:
        """Whether rows lie end to end."""
        return self.layout != "padded"

    @contextmanager
    def attending(self, micro: Micro) -> Iterator[None]:
        """Must be open while a pass goes forward and while its gradients come back."""
        with by_rows(self._model, micro.lengths) if self.layout == "rows" else nullcontext():
            yield

    def losses(self, micro: Micro) -> Losses:
        """The losses of these rows, inside `attending`."""
        device = self._model.get_input_embeddings().weight.device
        width = 0 if self.packed else max(micro.lengths)
        inputs = {name: tensor.to(device) for name, tensor in _inputs(micro, width).items()}
        positions, targets = micro.positions(width), micro.targets()
        if self.lean:
            hidden = self._hidden(inputs)
            # A model on several devices ends on another one than it begins on.
            hidden = hidden.reshape(-1, hidden.shape[-1])[positions.to(hidden.device)]
            return Losses(*cross_entropy(hidden, targets.to(hidden.device), self._head, self._vocabulary))
        if self.packed and self._keeps:
            logits = self._model(**inputs, use_cache=False, logits_to_keep=positions.to(device)).logits[0]
        else:
            logits = self._model(**inputs, use_cache=False).logits
            logits = logits.reshape(-1, logits.shape[-1])[positions.to(logits.device)]
        return Losses(*cross_entropy_of(logits, targets.to(logits.device)))

    def _hidden(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        hidden: torch.Tensor = self._model.base_model(**inputs, use_cache=False).last_hidden_state
        return hidden

    def _find_layout(self) -> Layout:
        kinds: tuple[Layout, ...] = ("rows", "detected")
        if getattr(self._model.config, "_attn_implementation", "") != "sdpa":
            kinds = ("detected",)
        return next((kind for kind in kinds if self._keeps_apart(kind)), "padded")

    def _keeps_apart(self, layout: Layout) -> bool:
        """Whether three rows end to end give what each gives alone."""
        ids = self._some_ids()
        lengths = [5, 9, len(ids) - 14]
        inputs = {"input_ids": ids[None], "position_ids": torch.cat([torch.arange(n) for n in lengths])[None]}
        inputs = {name: tensor.to(self._model.device) for name, tensor in inputs.items()}
        try:
            with by_rows(self._model, lengths) if layout == "rows" else nullcontext():
                together = torch.split(self._last(inputs)[0], lengths)
        except (TypeError, NotImplementedError, ValueError):
            return False
        alone = [self._last({"input_ids": row[None]})[0] for row in torch.split(inputs["input_ids"][0], lengths)]
        limit = _LEAK.get(together[0].dtype, _LEAK_ROUGH)
        if getattr(self._model, "is_quantized", False):
            limit = _LEAK_ROUGH
        return all(
            float((one - other).float().norm()) <= limit * float(other.float().norm())
            for one, other in zip(together, alone, strict=True)
        )

    def _last(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Hidden states, or logits where the model has no part that gives those."""
        if self._model.base_model is not self._model:
            return self._hidden(inputs)
        logits: torch.Tensor = self._model(**inputs, use_cache=False).logits
        return logits

    def _head_is_plain(self) -> bool:
        """Whether nothing comes between the last hidden states and the head, nor after it."""
        if self._model.base_model is self._model:
            return False
        inputs = {"input_ids": self._some_ids()[None].to(self._model.device)}
        logits = self._model(**inputs, use_cache=False).logits.float()
        own = self._head(self._hidden(inputs)).float()
        return bool(torch.allclose(logits, own, rtol=1e-4, atol=1e-5 * float(logits.abs().max())))

    def _some_ids(self) -> torch.Tensor:
        random = torch.Generator().manual_seed(0)
        return torch.randint(0, self._vocabulary, (24,), generator=random)


def _inputs(micro: Micro, width: int) -> dict[str, torch.Tensor]:
    if not width:
        return {
            "input_ids": torch.cat([sample.ids for sample in micro.samples])[None],
            "position_ids": torch.cat([torch.arange(length) for length in micro.lengths])[None],
        }
    ids = torch.zeros(len(micro.samples), width, dtype=torch.int64)
    mask = torch.zeros(len(micro.samples), width, dtype=torch.int64)
    for at, sample in enumerate(micro.samples):
        ids[at, : len(sample.ids)] = sample.ids
        mask[at, : len(sample.ids)] = 1
    return {"input_ids": ids, "attention_mask": mask}


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """No dropout while the ways are compared."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode
