"""Quantises with GPTQModel, in an interpreter that has it: python THIS MODEL BLOCKS.json OUTPUT.

As the own `quantize --bits 4 --group-size 32 --act-order` does: asymmetric, damped by 0.01, scales searched by the
least squared error, the same blocks of tokens.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    """Read the arguments, quantise, save."""
    import torch
    from gptqmodel import GPTQModel, QuantizeConfig

    model, blocks, output = sys.argv[1:]
    rows = json.loads(Path(blocks).read_text(encoding="utf-8"))
    config = QuantizeConfig(
        bits=4,
        group_size=32,
        sym=False,
        desc_act=True,
        damp_percent=0.01,
        mse=2.0,
        offload_to_disk=False,
        device="cpu",
    )
    loaded = GPTQModel.load(model, config, dtype=torch.bfloat16)
    calibration = [{"input_ids": row, "attention_mask": [1] * len(row)} for row in rows]
    loaded.quantize(calibration, batch_size=1, calibration_sort=None)
    loaded.save(output)


if __name__ == "__main__":
    main()
