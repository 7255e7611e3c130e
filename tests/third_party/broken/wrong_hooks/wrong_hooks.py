"""Misspells an argument of a hook."""

from desktop.api import hookimpl


@hookimpl
def load(request, progres):
    return None


@hookimpl
def apply_lora(model, lora):
    return None


@hookimpl
def remove_lora(model, lora):
    return None
