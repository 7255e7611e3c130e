"""What the AutoGPTQ loader says of itself. Looks for packages, imports none of them."""

from __future__ import annotations

from desktop.api import LoaderInfo, settings_schema
from loader_kit.gptq_capabilities import CAPABILITIES, WARM, missing
from loader_kit.installed import versions

from .settings import Settings

ENGINES = ("auto-gptq", "gptqmodel", "optimum", "torch", "transformers", "peft")


def loader_info() -> LoaderInfo:
    """Title, availability, capabilities, settings."""
    lacking = missing()
    return LoaderInfo(
        title="AutoGPTQ",
        summary="GPTQ models with their configuration, as AutoGPTQ and GPTQModel write them.",
        available=not lacking,
        reason=lacking,
        capabilities=CAPABILITIES,
        settings=settings_schema(Settings),
        warm=(*WARM, "autogptq_loader.loading"),
        requirements="autogptq_loader/requirements-auto_gptq.txt",
        versions=versions(*ENGINES),
    )
