"""Has no remove_lora."""

from desktop.api import hookimpl


@hookimpl
def load(request, progress):
    return None


@hookimpl
def apply_lora(model, lora):
    return None
