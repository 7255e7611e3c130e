"""The adapter that is being trained: its sites in the model, its start, and its folder on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from desktop.api import LoaderError, TrainSettings
from loader_kit.adapter_files import read_adapter
from loader_kit.folding import is_conv1d
from loader_kit.magnitudes import magnitudes_by_module
from loader_kit.matching import scaling_of

from .dora_site import DoraSite
from .targets import choose_targets, target_modules
from .trained_site import TrainedSite

PREFIX = "base_model.model."
"""What PEFT puts in front of a module's name."""


class TrainedAdapter:
    """A LoRA or DoRA on some linears of a model. Nothing acts before `enter`."""

    def __init__(self, model: Any, settings: TrainSettings, base: str = "") -> None:
        """Fresh factors as PEFT makes them: A uniform after Kaiming, B zero, magnitudes the norms of the base.

        `base` is the base's name or path. Raises LoaderError for unknown targets.
        """
        self._settings = settings
        chosen = choose_targets(model, settings.targets)
        root = math.sqrt(settings.rank) if settings.rslora else settings.rank
        self.scale = settings.alpha / root
        kind = DoraSite if settings.dora else TrainedSite
        self.sites: dict[str, TrainedSite] = {
            name: kind(module, settings.rank, self.scale, settings.dropout) for name, module in chosen.items()
        }
        self._names = target_modules(model, chosen)
        self._base = base
        self._conv1d = all(is_conv1d(module) for module in chosen.values())
        random = torch.Generator().manual_seed(settings.seed)
        with torch.no_grad():
            for site in self.sites.values():
                # On the CPU whatever the device, so that a seed means the same everywhere.
                start = torch.empty(site.a.shape)
                bound = 1 / math.sqrt(start.shape[1])
                site.a.copy_(start.uniform_(-bound, bound, generator=random))

    @property
    def parameters(self) -> list[torch.Tensor]:
        """All factors, then all magnitudes, float32, in a fixed order."""
        return [tensor for _, tensor in self._named()]

    @property
    def size(self) -> int:
        """Numbers that are trained."""
        return sum(parameter.numel() for parameter in self.parameters)

    def enter(self) -> None:
        """Let it act on the model."""
        for site in self.sites.values():
            site.enter()

    def leave(self) -> None:
        """The model is as it was."""
        for site in self.sites.values():
            site.leave()

    def changed(self) -> None:
        """To be called after every change of `parameters` while it acts."""
        for site in self.sites.values():
            site.changed()

    def tensors(self) -> dict[str, torch.Tensor]:
        """The factors by the names PEFT gives them, on the CPU."""
        return {name: side.detach().cpu().contiguous() for name, side in self._named()}

    def restore(self, tensors: Mapping[str, torch.Tensor], where: str) -> None:
        """Take the factors of a checkpoint. Raises LoaderError where they are not those of these settings."""
        expected = {name: tuple(side.shape) for name, side in self._named()}
        if expected != {name: tuple(tensor.shape) for name, tensor in tensors.items()}:
            raise LoaderError(
                f"{where} was trained with another rank or on other modules than the settings say. Take its own "
                "settings, or begin a new run that continues from it."
            )
        with torch.no_grad():
            for name, side in self._named():
                side.copy_(tensors[name])
        self.changed()

    def continue_from(self, folder: Path) -> None:
        """Begin with the factors of an adapter. Raises LoaderError where they don't fit."""
        files = read_adapter(folder, folder.name)
        if files.parts.tensors():
            raise LoaderError(
                f"{folder.name} brings biases or whole modules, and a run can continue only LoRA, rsLoRA and DoRA "
                "adapters. Choose another one."
            )
        if files.config.get("use_dora") and not self._settings.dora:
            raise LoaderError(
                f"{folder.name} has magnitudes, so only a run that trains them goes on: set dora to true."
            )
        missing = [name for name in self.sites if name not in files.modules]
        further = [name for name in files.modules if name not in self.sites]
        if missing or further:
            raise LoaderError(
                f"{folder.name} has factors for other modules than this run (such as {(missing or further)[0]}). "
                "Set the targets to those it was trained on."
            )
        with torch.no_grad():
            for name, site in self.sites.items():
                factors = files.modules[name]
                if factors.a.shape != site.a.shape or factors.b.shape != site.b.shape:
                    raise LoaderError(
                        f"{folder.name} can't be continued here: its {name} has rank {factors.rank} and is "
                        f"{factors.a.shape[1]} wide, here it has rank {site.a.shape[0]} and is {site.a.shape[1]} wide. "
                        f"Set the rank to {factors.rank}."
                    )
                # What the adapter does stays the same where this run scales differently.
                site.a.copy_(factors.a)
                site.b.copy_(factors.b.float() * (scaling_of(name, files) / self.scale))
        self._take_magnitudes(magnitudes_by_module(files.tensors) if files.config.get("use_dora") else {})

    def config(self) -> dict[str, Any]:
        """The adapter's configuration as PEFT reads it."""
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": self._base,
            "r": self._settings.rank,
            # PEFT of older times wants whole numbers where they are whole.
            "lora_alpha": int(self._settings.alpha) if self._settings.alpha % 1 == 0 else self._settings.alpha,
            "lora_dropout": self._settings.dropout,
            "target_modules": self._names,
            "bias": "none",
            "fan_in_fan_out": self._conv1d,
            "use_rslora": self._settings.rslora,
            "use_dora": self._settings.dora,
            "inference_mode": True,
        }

    def files(self) -> dict[str, bytes]:
        """The adapter's files by name, complete."""
        from safetensors.torch import save

        return {
            "adapter_config.json": (json.dumps(self.config(), indent=2) + "\n").encode(),
            "adapter_model.safetensors": save(self.tensors(), metadata={"format": "pt"}),
        }

    @torch.no_grad()
    def _take_magnitudes(self, given: Mapping[str, torch.Tensor]) -> None:
        """Those of an adapter whose factors are here already; those of a plain LoRA where it brings none."""
        for name, site in self.sites.items():
            if isinstance(site, DoraSite):
                site.settle()
                if name in given and site.magnitude is not None:
                    site.magnitude.copy_(given[name].flatten())

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        for name, site in self.sites.items():
            yield f"{PREFIX}{name}.lora_A.weight", site.a
            yield f"{PREFIX}{name}.lora_B.weight", site.b
        for name, site in self.sites.items():
            if site.magnitude is not None:
                yield f"{PREFIX}{name}.lora_magnitude_vector", site.magnitude
