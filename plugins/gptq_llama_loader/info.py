"""What the GPTQ-for-LLaMa loader says of itself. Looks for packages, imports none of them."""

from __future__ import annotations

from desktop.api import LoaderInfo, settings_schema
from loader_kit.gptq_capabilities import CAPABILITIES, WARM, missing
from loader_kit.installed import versions

from .settings import Settings

ENGINES = ("torch", "transformers", "peft")


def loader_info() -> LoaderInfo:
    """Title, availability, capabilities, settings."""
    lacking = missing()
    return LoaderInfo(
        title="GPTQ-for-LLaMa",
        summary="GPTQ files of 2023 that have no configuration, in each of the formats GPTQ-for-LLaMa had.",
        available=not lacking,
        reason=lacking,
        capabilities=CAPABILITIES,
        settings=settings_schema(Settings),
        warm=(*WARM, "gptq_llama_loader.loading"),
        versions=versions(*ENGINES),
    )
