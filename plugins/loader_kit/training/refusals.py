"""What can't be trained, said before anything happens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from desktop.api import LoaderError, TrainRequest, TrainSettings, Unsupported
from loader_kit.matching import linear_sizes

from .base_weight import has_exact_weight
from .targets import choose_targets

if TYPE_CHECKING:
    from loader_kit.torch_model import TorchModel


def refuse_what_cannot_be(owner: TorchModel, settings: TrainSettings) -> None:
    """Raise Unsupported, in words, for settings and stacks that training knows nothing of."""
    if owner.stack.through_peft:
        raise Unsupported("The stack holds a DoRA adapter, and nothing can be trained on top of one. Take it off.")
    far = next((name for name, one in owner.model.named_parameters() if one.device.type == "meta"), None)
    if far is not None:
        raise Unsupported(
            f"Part of this model ({far}) is not in memory (offloaded), so it can't be trained on. Load it in 4 bits, "
            "or on a device that holds all of it."
        )
    if settings.dora:
        _refuse_dora(owner, settings)


def _refuse_dora(owner: TorchModel, settings: TrainSettings) -> None:
    names = ", ".join(row.name for row in owner.stack.rows)
    if names:
        raise Unsupported(
            f"Magnitudes (DoRA) rescale the base's own output, so they can't be trained on top of a stack ({names}). "
            "Take all adapters off, or train a LoRA or an rsLoRA."
        )
    chosen = choose_targets(owner.model, settings.targets)
    packed = next((name for name, module in chosen.items() if not has_exact_weight(module)), None)
    if packed is not None:
        raise Unsupported(
            f"Training magnitudes (DoRA) needs the norms of the base's weights, and those of {packed} are packed in a "
            "way that does not tell them. Load it with engine=ours, where the loader has that setting, or train a LoRA."
        )


def refuse_without_gradient(modules: Iterable[Any], dtype: torch.dtype) -> None:
    """Raise Unsupported where packed weights are multiplied by a kernel that lets no gradient through.

    One module of each kind is tried; `dtype` is what the model computes in.
    """
    packed = [module for module in modules if not isinstance(module.weight, torch.nn.Parameter)]
    kinds = {(type(module), type(getattr(module, "kernel", None))): module for module in packed}
    for module in kinds.values():
        sizes = linear_sizes(module)
        assert sizes is not None
        x = torch.ones(1, sizes[0], dtype=dtype, device=module.weight.device, requires_grad=True)
        try:
            with torch.enable_grad():
                torch.autograd.grad(module(x).sum(), x)
        except RuntimeError as error:
            raise Unsupported(
                "The kernels this model is loaded with let no gradient through, so nothing can be trained on it. Load "
                "it with engine=ours, where the loader has that setting."
            ) from error


def strange_settings(tokenizer: Any, settings: TrainSettings) -> tuple[str, ...]:
    """Settings that make little sense whatever the rows, one sentence each."""
    notes = []
    if settings.alpha / settings.rank > 8:
        notes.append(
            f"alpha is {settings.alpha / settings.rank:g} times the rank, which makes training unsteady; twice the "
            "rank is usual."
        )
    if settings.learning_rate > 5e-3 and settings.optimizer != "sgd":
        notes.append(f"A learning rate of {settings.learning_rate:g} is high; 1e-4 to 5e-4 are usual for LoRA.")
    if settings.learning_rate < 1e-3 and settings.optimizer == "sgd":
        notes.append(f"A learning rate of {settings.learning_rate:g} is low for SGD, which wants 0.01 to 1.")
    if settings.add_eos and tokenizer.eos_token_id is None:
        notes.append("This tokenizer has no end token, so the model can't learn where to stop.")
    if not settings.add_eos:
        notes.append("Rows don't end with the end token, so the model may not learn where to stop.")
    if settings.rank > 256:
        notes.append(f"Rank {settings.rank} is large; few data need more than 64.")
    return tuple(notes)


def run_folder(request: TrainRequest) -> Path:
    """The run's folder. Raises LoaderError where it can't be one."""
    folder = Path(request.folder)
    if not folder.is_absolute():
        raise LoaderError(f"{request.folder} is no absolute path, so a run can't be kept there.")
    return folder


def refuse_not_finite(loss: float, norm: float, step: int, newest: Path | None) -> None:
    """Raise LoaderError where numbers overflowed; the factors are then still those of the step before."""
    if torch.isfinite(torch.tensor([loss, norm])).all():
        return
    kept = f"The last checkpoint is {newest.name}." if newest else "No checkpoint was written yet."
    what = "loss" if not torch.isfinite(torch.tensor(loss)) else "gradient"
    raise LoaderError(
        f"The {what} of step {step} is not finite (NaN or infinity), so training stopped before it changed the "
        f"adapter. {kept} Resume or begin again with a lower learning rate, or with a longer warm-up."
    )
