"""What the loaders can do that hold GPTQ models in our own linears. Needs no torch."""

from __future__ import annotations

from importlib.util import find_spec

from desktop.api import Capabilities, Sampling

CAPABILITIES = Capabilities(
    logits=True,
    live_changes=True,
    check=True,
    train=True,
    export=True,
    sampling=Sampling.__struct_fields__,
)

WARM = (
    "torch",
    "transformers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    "accelerate",
    "loader_kit.torch_model",
)


def missing() -> str:
    """What is not installed that these loaders need, and what to do; "" if nothing."""
    lacking = [name for name in ("torch", "transformers", "accelerate") if find_spec(name) is None]
    return f"The package {lacking[0]} is not installed here. Install it with pip." if lacking else ""
