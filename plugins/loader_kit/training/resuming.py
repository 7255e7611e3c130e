"""Goes on where a checkpoint is; processes that train together get it from the first of them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from desktop.api import LoaderError

from .adapter import TrainedAdapter
from .checkpoints import Restored, State, read_checkpoint
from .optimizers import restore_optimizer
from .stepping import Stepper
from .together import Group, own_name

HARMLESS = ("eval_every", "sample_every", "save_every", "keep_checkpoints", "stop_at_loss", "patience")
"""Settings that change nothing in what is computed."""
KEPT = ("step", "smoothed_loss", "best_evaluation", "evaluations_without_improvement")
"""What a resumed run takes from its checkpoint's state."""


def shared_checkpoint(group: Group, folder: Path | None) -> Restored | None:
    """The checkpoint in the folder that the first process is given; the others' folder is not looked at.

    Raises LoaderError where it is none, or not whole.
    """
    read = read_checkpoint(folder) if folder and group.first else None
    if group.count == 1:
        return read
    state = group.from_first(msgspec.json.encode(read.state) if read else b"")
    tensors = group.from_first(_packed(read) if read else b"")
    return _unpacked(state, tensors) if state else None


def _packed(read: Restored) -> bytes:
    from safetensors.torch import save

    parts = {"adapter": read.adapter, "optimizer": read.optimizer, "randomness": read.randomness}
    return save({f"{part}/{name}": tensor for part, some in parts.items() for name, tensor in some.items()})


def _unpacked(state: bytes, tensors: bytes) -> Restored:
    from safetensors.torch import load

    read = Restored(msgspec.json.decode(state, type=State), {}, {}, {})
    for key, tensor in load(tensors).items():
        part, _, name = key.partition("/")
        getattr(read, part)[name] = tensor
    return read


def go_on(read: Restored, state: State, adapter: TrainedAdapter, stepper: Stepper, group: Group) -> list[str]:
    """Give factors, optimiser, random numbers and `state` what the checkpoint holds; what is to be said of it.

    Raises LoaderError where it was trained on other rows, or with other factors.
    """
    where = f"step-{read.state.step}"
    if read.state.data != state.data:
        raise LoaderError(
            f"{where} was trained on other rows than these, so it can't go on with them. Begin a new run that "
            "continues from it."
        )
    adapter.restore(read.adapter, where)
    notes = []
    before, now = (msgspec.to_builtins(one) for one in (read.state.settings, state.settings))
    changed = [name for name in now if now[name] != before.get(name) and name not in HARMLESS]
    if changed:
        notes.append(f"Settings differ from the checkpoint's, so the run goes on differently: {', '.join(changed)}.")
    if read.state.processes != group.count:
        notes.append(
            f"The checkpoint is one of {read.state.processes} processes and the run goes on with {group.count}: sums "
            "are rounded in another order, and dropout draws other numbers."
        )
    if state.settings.optimizer == read.state.settings.optimizer:
        restore_optimizer(stepper.optimizer, stepper.parameters, read.optimizer)
    own = {name: read.randomness.get(own_name(name, group.rank)) for name in stepper.randomness.tensors()}
    stepper.randomness.restore({name: tensor for name, tensor in own.items() if tensor is not None})
    kept = list(KEPT)
    if state.settings.micro_batch_tokens == read.state.settings.micro_batch_tokens:
        # Chosen by the memory that was free then: sums in another order would be rounded otherwise.
        kept.append("micro_batch_tokens")
    for name in kept:
        setattr(state, name, getattr(read.state, name))
    return notes
