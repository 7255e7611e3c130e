"""What the Transformers loader says of itself. Looks for packages, imports none of them."""

from __future__ import annotations

from importlib.util import find_spec

from desktop.api import Capabilities, LoaderInfo, Sampling, settings_schema

from .settings import Settings

ENGINES = ("transformers", "torch", "peft", "bitsandbytes", "accelerate")


def loader_info() -> LoaderInfo:
    """Title, availability, capabilities, settings."""
    missing = [name for name in ("torch", "transformers", "peft") if find_spec(name) is None]
    return LoaderInfo(
        title="Transformers",
        summary="Hugging Face models in 16 and 32 bits, in 8 and 4 bits through bitsandbytes, and GGUF by conversion.",
        available=not missing,
        reason=f"The package {missing[0]} is not installed here. Install it with pip." if missing else "",
        capabilities=Capabilities(
            logits=True,
            live_changes=True,
            check=True,
            fold=True,
            train=True,
            export=True,
            quantize=True,
            bits=(16, 8, 4),  # without bitsandbytes too: loading says what to install, a greyed-out choice would not
            sampling=Sampling.__struct_fields__,
        ),
        settings=settings_schema(Settings),
        warm=(
            "torch",
            "transformers",
            "transformers.models.auto.modeling_auto",
            "transformers.models.auto.tokenization_auto",
            "transformers.models.llama.modeling_llama",
            "transformers.generation.utils",
            "peft",
            "loader_kit.torch_model",
            "transformers_loader.loading",
        ),
        requirements="transformers_loader/requirements.txt",
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    # Not loader_kit.devices: that imports torch.
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ENGINES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
