"""The random numbers of a run, kept apart from everybody else's."""

from __future__ import annotations

import torch


class Randomness:
    """Torch's global random state while a step computes; outside of `with`, the state that was there before."""

    def __init__(self, seed: int, device: torch.device) -> None:
        """Numbers that start at `seed`."""
        self._device = device
        self._own: dict[str, torch.Tensor] = {"cpu": torch.Generator().manual_seed(seed).get_state()}
        if device.type == "cuda":
            self._own["cuda"] = torch.Generator(device).manual_seed(seed).get_state()
        self._others: dict[str, torch.Tensor] = {}

    def __enter__(self) -> None:
        self._others = self._now()
        self._set(self._own)

    def __exit__(self, *_: object) -> None:
        self._own = self._now()
        self._set(self._others)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The run's own state, uint8."""
        return dict(self._own)

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a state; a run that moved to another device goes on with what it shares."""
        self._own |= {name: tensor for name, tensor in tensors.items() if name in self._own}

    def _now(self) -> dict[str, torch.Tensor]:
        found = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self._device)
        return found

    def _set(self, states: dict[str, torch.Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self._device)
