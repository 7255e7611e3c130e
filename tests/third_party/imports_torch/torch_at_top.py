"""Imports torch at the top of its module, as strangers' plugins may: only engine and describer processes pay for it."""

import torch

from desktop.api import LoaderInfo, hookimpl


@hookimpl
def describe():
    return LoaderInfo(title="Torch at the top", versions={"torch": torch.__version__})


@hookimpl
def load(request, progress):
    return None


@hookimpl
def apply_lora(model, lora):
    return None


@hookimpl
def remove_lora(model, lora):
    return None
