"""What the GPTQ-for-LLaMa loader says of itself. Looks for packages, imports none of them."""

from __future__ import annotations

from desktop.api import Capabilities, LoaderInfo
from loader_kit.gptq_checkpoint import NOT_YET
from loader_kit.installed import versions

ENGINES = ("torch", "transformers", "peft")


def loader_info() -> LoaderInfo:
    """Title, availability, capabilities."""
    return LoaderInfo(
        title="GPTQ-for-LLaMa",
        summary="GPTQ files of 2023 that have no configuration, in each of the formats GPTQ-for-LLaMa had.",
        available=False,
        reason=NOT_YET,
        capabilities=Capabilities(many_adapters=False, weights=False, hot_removal=False, sampling=()),
        versions=versions(*ENGINES),
    )
