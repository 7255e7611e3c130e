"""Several processes that train one adapter, as torchrun starts them.

Every process holds the whole model and all rows. Of each step's rows it computes its share; gradients are sums over
tokens divided by the tokens that count in the whole step, so adding them up gives what one process would have found, up
to rounding. Only the first process writes, samples and is listened to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import msgspec
import torch
from torch import distributed

from desktop.api import LoaderError, TrainRequest

from .batches import spread
from .samples import Sample

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others: the first one writes checkpoints and answers samples meanwhile."""
GONE = (
    "Another process of this run can't be reached any more, so the run can't go on. Its own output says why; resume "
    "from the last checkpoint."
)

T = TypeVar("T")


class Group:
    """This process among those that train together; alone, it changes nothing."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        """Number `rank` (from 0) of `count`; torch's process group is there where there are several."""
        self.rank = rank
        self.count = count

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and decides."""
        return self.rank == 0

    def share(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """The rows that are computed here, about as many tokens as everywhere else; may be none."""
        return samples if self.count == 1 else spread(samples, self.count)[self.rank]

    def add_gradients(self, parameters: Sequence[torch.Tensor]) -> None:
        """Every process's gradients become the sum of all; one that has none counts as zero."""
        if self.count == 1:
            return
        flat = torch.cat([(torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in parameters])
        with _in_words():
            distributed.all_reduce(flat)
        for parameter, summed in zip(parameters, torch.split(flat, [one.numel() for one in parameters]), strict=True):
            parameter.grad = summed.view_as(parameter)

    def add(self, *numbers: float) -> tuple[float, ...]:
        """Sums over all processes, in float64."""
        if self.count == 1:
            return numbers
        summed = torch.tensor(numbers, dtype=torch.float64)
        with _in_words():
            distributed.all_reduce(summed)
        return tuple(summed.tolist())

    def gather(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Tensors of all processes, of the same names and shapes: `name` is the first's, `name.1` the next one's."""
        found = dict(tensors)
        for name, tensor in tensors.items() if self.count > 1 else ():
            places = [torch.empty_like(tensor) for _ in range(self.count)]
            with _in_words():
                distributed.all_gather(places, tensor)
            found |= {own_name(name, rank): place for rank, place in enumerate(places)}
        return found

    def agree(self, value: T) -> T:
        """The first process's value, which must be one that JSON can hold."""
        if self.count == 1:
            return value
        agreed: T = msgspec.json.decode(self.from_first(msgspec.json.encode(value)))
        return agreed

    def from_first(self, data: bytes) -> bytes:
        """The first process's bytes."""
        if self.count == 1:
            return data
        with _in_words():
            length = torch.tensor([len(data)])
            distributed.broadcast(length, 0)
            sent = torch.zeros(int(length), dtype=torch.uint8)
            if self.first and data:
                sent = torch.frombuffer(bytearray(data), dtype=torch.uint8)
            distributed.broadcast(sent, 0)
        return sent.numpy().tobytes()

    def refuse_other_rows(self, digest: str) -> None:
        """Raise LoaderError where this process reads other rows than the first one."""
        if self.agree(digest) != digest:
            raise LoaderError(
                f"Process {self.rank} reads other rows than process 0. Give every machine the same data and the same "
                "base model."
            )


@contextmanager
def together(request: TrainRequest, device: torch.device) -> Iterator[Group]:
    """The group that the request's process belongs to, left at the end. Raises LoaderError where it can't be joined."""
    if not request.together:
        yield Group()
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        distributed.init_process_group(backend, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise LoaderError(
            f"The processes of this run can't reach each other ({error}). Start them with torchrun."
        ) from error
    try:
        yield Group(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def own_name(name: str, rank: int) -> str:
    """What a process's own tensor is called among those of all."""
    return f"{name}.{rank}" if rank else name


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LoaderError(GONE) from error
