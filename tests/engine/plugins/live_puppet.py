"""The puppet that lets its stack be changed in the middle of an answer."""

from puppet import apply_lora, load, remove_lora  # noqa: F401 - hooks

from desktop.api import Capabilities, LoaderInfo, hookimpl


@hookimpl
def describe():
    return LoaderInfo(title="Live puppet", capabilities=Capabilities(live_changes=True))
