"""Checkpoints and adapters for the GPU checks, made in seconds: sizes in multiples of what every kernel asks for."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests import tiny

GROUP = 128
SIZES = {
    # Marlin wants inputs in multiples of 128 and outputs of 64, ExLlama whole groups and heads of 64 or 128.
    "hidden_size": 512,
    "intermediate_size": 1024,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    # ExLlama itself knows neither a head that is the embedding nor a null.
    "tie_word_embeddings": False,
    "pad_token_id": 0,
}
SAYS = {"bits": 4, "group_size": GROUP, "desc_act": False, "sym": True, "damp_percent": 0.01, "true_sequential": True}


def make_shelf(folder: Path) -> None:
    """`plain`, the same quantised as `packed` and `bare` (without a configuration), and `loras/small` and `large`."""
    model = tiny.make_model(folder / "plain", dtype=torch.float16, **SIZES)
    model = model.float()
    for name, configured in (("packed", True), ("bare", False)):
        quantise_folder(folder / "plain", folder / name, configured=configured)
    # Random factors are large; these alphas make them move the logits as far as trained ones do.
    tiny.make_adapter(folder / "loras" / "small", model, rank=8, alpha=0.25, seed=1)
    every = tiny.linear_names(model)
    tiny.make_adapter(folder / "loras" / "large", model, rank=16, alpha=0.5, seed=2, modules=every)


def quantise_folder(source: Path, target: Path, *, configured: bool) -> None:
    """Every linear of the layers to the nearest of 16 levels, in AutoGPTQ's first format."""
    target.mkdir(parents=True)
    for file in source.iterdir():
        if file.suffix != ".safetensors":
            (target / file.name).write_bytes(file.read_bytes())
    tensors = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        layer = name.removesuffix(".weight")
        if layer.endswith("_proj"):
            tensors |= {f"{layer}.{part}": value for part, value in pack(tensor.float()).items()}
        else:
            tensors[name] = tensor
    file = "model.safetensors" if configured else f"tiny-4bit-{GROUP}g.safetensors"
    save_file(tensors, target / file, metadata={"format": "pt"})
    if configured:
        (target / "quantize_config.json").write_text(json.dumps(SAYS))
        config = json.loads((target / "config.json").read_text())
        config["quantization_config"] = SAYS | {"quant_method": "gptq", "checkpoint_format": "gptq"}
        (target / "config.json").write_text(json.dumps(config))


def pack(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """The tensors of a linear whose weight has shape (out, in): symmetric, zero point 8, stored as 7."""
    out, wide = weight.shape
    groups = weight.T.reshape(wide // GROUP, GROUP, out)
    scales = (groups.abs().amax(dim=1) / 7).clamp_min(1e-6).half()
    q = (groups / scales.float()[:, None] + 8).round().clamp(0, 15).to(torch.int64).reshape(wide, out)
    places = torch.arange(8) * 4
    words = (q.reshape(wide // 8, 8, out) << places[None, :, None]).sum(dim=1)
    return {
        "qweight": signed(words),
        "qzeros": signed(torch.full((wide // GROUP, out // 8), 0x77777777)),
        "scales": scales,
        "g_idx": (torch.arange(wide) // GROUP).to(torch.int32),
    }


def signed(words: torch.Tensor) -> torch.Tensor:
    """32 bits as int32 has them."""
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)
