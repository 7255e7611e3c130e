"""Loads loader plugins by their entry points and calls their hooks, one plugin at a time."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pluggy

from desktop.api import (
    ENTRY_POINT_GROUP,
    AttachReceipt,
    LoaderError,
    LoaderInfo,
    LoadRequest,
    Lora,
    Model,
    ModelInfo,
    Progress,
    Verdict,
    hookspecs,
)
from desktop.api.hookspecs import PROJECT
from desktop.engine.messages import LoaderRef, encoder

T = TypeVar("T")

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
                # Two distributions may give the same name to plugins of their own.
                self._manager.register(plugin, name=f"{ref.name} = {ref.value}")
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                # Whether a plugin that fails its validation stays registered depends on pluggy's version.
                if self._manager.is_registered(plugin):
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
        if model is None:
            return None
        _sendable(_checked(model, Model, "load").info, ModelInfo, "load")  # type: ignore[type-abstract]
        return model  # type: ignore[no-any-return]

    def apply_lora(self, model: Model, lora: Lora) -> AttachReceipt:
        """Attach or reweight one adapter."""
        return _sendable(self._call("apply_lora", model=model, lora=lora), AttachReceipt, "apply_lora")

    def remove_lora(self, model: Model, lora: Lora) -> None:
        """Detach one adapter."""
        self._call("remove_lora", model=model, lora=lora)

    def set_stack(self, model: Model, loras: Sequence[Lora]) -> list[AttachReceipt]:
        """Make `loras` the whole stack; only where `has("set_stack")`."""
        receipts = self._call("set_stack", model=model, loras=loras)
        if not isinstance(receipts, list | tuple) or len(receipts) != len(loras):
            raise TypeError(f"set_stack returned {receipts!r} where a receipt a row was due")
        checked = [_sendable(receipt, AttachReceipt, "set_stack") for receipt in receipts]
        if [receipt.id for receipt in checked] != [lora.id for lora in loras]:
            raise TypeError("set_stack returned receipts of other rows, or in another order, than it was given")
        return checked

    def _call(self, hook: str, **arguments: Any) -> Any:
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not self._plugin]
        result = self._manager.subset_hook_caller(hook, others)(**arguments)
        return None if hook == "remove_lora" else result


def _checked(value: object, expected: type[T], hook: str) -> T:
    if not isinstance(value, expected):
        raise TypeError(f"{hook} returned {type(value).__name__} where {expected.__name__} was due")
    return value


def _sendable(value: object, expected: type[T], hook: str) -> T:
    # Structs don't check their fields, and afterwards it is too late: the model would have changed in a failed job.
    checked = _checked(value, expected, hook)
    try:
        return msgspec.msgpack.decode(encoder.encode(checked), type=expected)
    except ValueError as error:
        raise TypeError(f"{hook} returned a {expected.__name__} that can't be used: {error}") from error
