"""One LoRA adapter in the stack, and the proof that it was attached."""

from __future__ import annotations

import msgspec


class Lora(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the stack. The model computes base(x) + sum of weight * scaling * B A x over the enabled rows."""

    id: str
    """Names the row as long as it is in the stack: letters, digits and "_" only, made by the host."""
    name: str
    """What the user calls it; any characters."""
    path: str
    """Absolute path of the adapter's folder."""
    weight: float = 1.0
    """Any finite number; zero and negative ones are legal."""
    enabled: bool = True
    """A disabled row stays attached and contributes nothing."""

    @property
    def effective_weight(self) -> float:
        """The weight that acts: 0.0 for a disabled row."""
        return self.weight if self.enabled else 0.0


class AttachReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What attaching one adapter did. A loader returns it only if the adapter really acts."""

    id: str
    name: str
    kind: str = "LoRA"
    """LoRA, rsLoRA, DoRA, ..."""
    rank: int = 0
    """Largest rank, where a rank pattern makes them differ; 0 if the loader doesn't know."""
    alpha: float = 0.0
    weight: float = 1.0
    """The effective weight."""
    modules_matched: int = 0
    """Modules of the base model that got factors."""
    modules_targeted: int = 0
    """Modules the adapter's files have factors for."""
    tensors_unused: tuple[str, ...] = ()
    """Names of tensors in the adapter's file that nothing took."""
    bytes: int = 0
    """Memory its factors take."""
    milliseconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What else the user should know, one sentence each."""
