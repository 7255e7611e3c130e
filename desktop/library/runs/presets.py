"""Named settings to begin with. Everything else stands at its default."""

from __future__ import annotations

import msgspec

from desktop.api import TrainSettings


class Preset(msgspec.Struct, frozen=True):
    """Settings under a name."""

    name: str
    words: str
    """What it is for, in a sentence."""
    settings: TrainSettings


STANDARD = "standard"

PRESETS = (
    Preset(
        "quick-look",
        "A few minutes to see whether the data does what you want: rank 8, one epoch.",
        TrainSettings(rank=8, alpha=16.0, epochs=1.0, learning_rate=4e-4, save_every=25, keep_checkpoints=1),
    ),
    Preset(
        STANDARD,
        "What suits most data: rank 16, three epochs, a checkpoint every 50 steps.",
        TrainSettings(),
    ),
    Preset(
        "thorough",
        "Slower and closer to the data: rank 64 with rsLoRA, five epochs, small steps, ends when evaluation worsens.",
        TrainSettings(
            rank=64, alpha=32.0, rslora=True, dropout=0.05, epochs=5.0, learning_rate=1e-4, warmup=0.1, batch_size=16,
            eval_every=50, patience=4, keep_checkpoints=5,
        ),
    ),
)  # fmt: skip


def preset(name: str) -> Preset | None:
    """The preset of that name; spaces count as dashes."""
    return next((one for one in PRESETS if one.name == name.strip().replace(" ", "-")), None)
