"""Plugins inside an engine: one that doesn't fit is refused in words, and answers are checked before they count."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from desktop.api import AttachReceipt, LoaderError, LoaderInfo, LoadRequest, Lora, Model, ModelInfo, Verdict, hookimpl
from desktop.engine.child.plugins import Plugins
from desktop.engine.messages import LoaderRef

LORA = Lora(id="a", name="a", path="/a")


class Thing(Model):
    """Says nothing."""

    def generate(self, request):
        yield


@hookimpl
def load(request, progress):
    return Thing()


@hookimpl
def apply_lora(model, lora):
    return AttachReceipt(id=lora.id, name=lora.name)


@hookimpl
def remove_lora(model, lora):
    return "this is thrown away"


@pytest.fixture
def opened(monkeypatch):
    """Open a plugin made of these hooks."""
    plugins = Plugins()

    def open_one(name="thing", **changed):
        module = types.ModuleType(name)
        hooks = {"load": load, "apply_lora": apply_lora, "remove_lora": remove_lora, **changed}
        vars(module).update({hook: function for hook, function in hooks.items() if function is not None})
        monkeypatch.setitem(sys.modules, name, module)
        return plugins.open(LoaderRef(name, name))

    return open_one


def giving(hook, value):
    """An implementation of a hook that gives this."""
    signatures = {
        "load": "request, progress",
        "apply_lora": "model, lora",
        "set_stack": "model, loras",
        "describe": "",
        "probe": "path",
    }
    scope = {"value": value}
    exec(f"def {hook}({signatures[hook]}): return value", scope)
    return hookimpl(scope[hook])


def test_three_hooks_make_a_loader(opened):
    plugin = opened()
    assert isinstance(plugin.load(LoadRequest(path="/x"), lambda step, fraction=None: None), Thing)
    assert plugin.apply_lora(Thing(), LORA).id == "a"
    assert plugin.remove_lora(Thing(), LORA) is None
    assert plugin.describe() == LoaderInfo(title="thing")
    assert plugin.probe("/x").fits


@pytest.mark.parametrize("lacking", ["load", "apply_lora", "remove_lora"])
def test_a_plugin_that_lacks_a_hook_is_refused_by_name(opened, lacking):
    with pytest.raises(LoaderError, match=f"lacks the hook {lacking}"):
        opened("lacking", **{lacking: None})
    assert opened("whole").has("load")


@hookimpl
def wrong_load(req):
    """Takes an argument no hook has."""


@hookimpl
def aply_lora(model, lora):
    """A slip of the pen."""


@pytest.mark.parametrize(
    ("hooks", "words"), [({"load": wrong_load}, "{'req'} are declared"), ({"aply_lora": aply_lora}, "aply_lora")]
)
def test_a_plugin_that_does_not_fit_is_refused_and_the_next_one_is_not(opened, hooks, words):
    with pytest.raises(LoaderError, match="doesn't fit this program") as refused:
        opened("odd", **hooks)
    assert words in str(refused.value)
    assert opened("whole").describe().title == "whole"


def test_hooks_are_called_on_their_own_plugin_alone(opened):
    one = opened("one", describe=giving("describe", LoaderInfo(title="One")))
    two = opened("two", describe=giving("describe", LoaderInfo(title="Two")))
    three = opened("three")
    assert [plugin.describe().title for plugin in (one, two, three)] == ["One", "Two", "three"]
    assert not three.has("describe")


def test_two_distributions_may_use_the_same_name(opened, monkeypatch):
    opened("one")
    opened("two")
    plugins = Plugins()
    titles = [plugins.open(LoaderRef("exl", value)).describe().title for value in ("one", "two")]
    assert titles == ["exl", "exl"]


def test_not_mine_and_not_known(opened):
    plugin = opened(load=giving("load", None), probe=giving("probe", None))
    assert plugin.load(LoadRequest(path="/x"), None) is None
    assert not plugin.probe("/x").fits


@pytest.mark.parametrize(
    ("hook", "value", "words"),
    [
        ("load", "a model", "load returned str where Model was due"),
        ("apply_lora", None, "apply_lora returned NoneType where AttachReceipt was due"),
        ("apply_lora", AttachReceipt(id="a", name="a", rank=8.5), "can't be used: Expected `int`, got `float`"),
        ("apply_lora", AttachReceipt(id="a", name="a", rank=np.int64(8)), "int64 can't be sent"),
        ("describe", {"title": "x"}, "describe returned dict where LoaderInfo was due"),
        ("probe", True, "probe returned bool where Verdict was due"),
        ("set_stack", [], "where a receipt a row was due"),
        ("set_stack", None, "where a receipt a row was due"),
        ("set_stack", [None], "NoneType where AttachReceipt was due"),
        ("set_stack", [AttachReceipt(id="b", name="a")], "receipts of other rows"),
    ],
)
def test_answers_of_another_type_are_bugs_told_in_words(opened, hook, value, words):
    plugin = opened(**{hook: giving(hook, value)})
    calls = {
        "load": lambda: plugin.load(LoadRequest(path="/x"), None),
        "apply_lora": lambda: plugin.apply_lora(Thing(), LORA),
        "set_stack": lambda: plugin.set_stack(Thing(), [LORA]),
        "describe": plugin.describe,
        "probe": lambda: plugin.probe("/x"),
    }
    with pytest.raises(TypeError) as refused:
        calls[hook]()
    assert words in str(refused.value)


def test_a_model_whose_info_can_not_be_sent_is_no_model(opened):
    model = Thing()
    model.info = ModelInfo(path=None)
    plugin = opened(load=giving("load", model))
    with pytest.raises(TypeError, match="load returned a ModelInfo that can't be used"):
        plugin.load(LoadRequest(path="/x"), None)


def test_a_numpy_float_in_a_receipt_is_a_float(opened):
    plugin = opened(apply_lora=giving("apply_lora", AttachReceipt(id="a", name="a", alpha=np.float64(16))))
    assert type(plugin.apply_lora(Thing(), LORA).alpha) is float


def test_a_class_is_instantiated(opened, monkeypatch):
    class Loader:
        load = hookimpl(lambda self, request, progress: Thing())
        apply_lora = hookimpl(lambda self, model, lora: AttachReceipt(id=lora.id, name=lora.name))
        remove_lora = hookimpl(lambda self, model, lora: None)
        probe = hookimpl(lambda self, path: Verdict(fits=False, reason="No."))

    module = types.ModuleType("with_class")
    module.Loader = Loader
    monkeypatch.setitem(sys.modules, "with_class", module)
    assert Plugins().open(LoaderRef("x", "with_class:Loader")).probe("/x").reason == "No."
