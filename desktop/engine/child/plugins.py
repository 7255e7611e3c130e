"""Loads loader plugins by their entry points and calls their hooks, one plugin at a time."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pluggy

from desktop.api import (
    ENTRY_POINT_GROUP,
    PROJECT,
    AttachReceipt,
    LoaderError,
    LoaderInfo,
    LoadRequest,
    Lora,
    Model,
    Progress,
    Verdict,
    hookspecs,
)
from desktop.engine.messages import LoaderRef

REQUIRED = ("load", "apply_lora", "remove_lora")


class Plugins:
    """The plugin manager of this process. A plugin that can't be loaded raises here and leaves the others alone."""

    def __init__(self) -> None:
        """No plugin is loaded before it is asked for."""
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._open: dict[LoaderRef, Plugin] = {}

    def open(self, ref: LoaderRef) -> Plugin:
        """Import the entry point and register it. Raises whatever its import raises, or LoaderError in words."""
        if ref not in self._open:
            target = EntryPoint(ref.name, ref.value, ENTRY_POINT_GROUP).load()
            plugin = target() if isinstance(target, type) else target
            try:
                self._manager.register(plugin, name=ref.name)
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                self._manager.unregister(plugin)
                raise LoaderError(f"The plugin {ref.name!r} doesn't fit this program: {error}.") from error
            opened = Plugin(self._manager, plugin, ref)
            missing = [name for name in REQUIRED if not opened.has(name)]
            if missing:
                self._manager.unregister(plugin)
                raise LoaderError(f"The plugin {ref.name!r} lacks the hook {missing[0]}. A loader needs all three.")
            self._open[ref] = opened
        return self._open[ref]


class Plugin:
    """One loader plugin. Its hooks are called on it alone."""

    def __init__(self, manager: pluggy.PluginManager, plugin: object, ref: LoaderRef) -> None:
        """`plugin` is registered with `manager`."""
        self._manager = manager
        self._plugin = plugin
        self.ref = ref

    def has(self, hook: str) -> bool:
        """Whether the plugin implements a hook."""
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return any(implementation.plugin is self._plugin for implementation in caller.get_hookimpls())

    def describe(self) -> LoaderInfo:
        """What the plugin says of itself; a plugin without the hook is described by its name."""
        info = self._call("describe")
        if info is None:
            return LoaderInfo(title=self.ref.name)
        return _checked(info, LoaderInfo, "describe")

    def probe(self, path: Path) -> Verdict:
        """The plugin's verdict about a model; a plugin without the hook may have it."""
        if not self.has("probe"):
            return Verdict(fits=True, reason="This loader doesn't say before it tries.")
        verdict = self._call("probe", path=path)
        if verdict is None:
            return Verdict(fits=False, reason="This loader says it is not its own.")
        return _checked(verdict, Verdict, "probe")

    def load(self, request: LoadRequest, progress: Progress) -> Model | None:
        """The loaded model, or None for "not mine"."""
        model = self._call("load", request=request, progress=progress)
        return None if model is None else _checked(model, Model, "load")

    def apply_lora(self, model: Model, lora: Lora) -> AttachReceipt:
        """Attach or reweight one adapter."""
        return _checked(self._call("apply_lora", model=model, lora=lora), AttachReceipt, "apply_lora")

    def remove_lora(self, model: Model, lora: Lora) -> None:
        """Detach one adapter."""
        self._call("remove_lora", model=model, lora=lora)

    def set_stack(self, model: Model, loras: Sequence[Lora]) -> list[AttachReceipt]:
        """Make `loras` the whole stack; only where `has("set_stack")`."""
        receipts = self._call("set_stack", model=model, loras=loras)
        if not isinstance(receipts, list | tuple) or len(receipts) != len(loras):
            raise TypeError(f"set_stack returned {receipts!r} where a receipt a row was due")
        return [_checked(receipt, AttachReceipt, "set_stack") for receipt in receipts]

    def _call(self, hook: str, **arguments: Any) -> Any:
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not self._plugin]
        result = self._manager.subset_hook_caller(hook, others)(**arguments)
        return None if hook == "remove_lora" else result


def _checked(value: Any, expected: type[Any], hook: str) -> Any:
    if not isinstance(value, expected):
        raise TypeError(f"{hook} returned {type(value).__name__} where {expected.__name__} was due")
    return value
