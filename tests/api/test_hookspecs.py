"""The hooks are few, documented, and have exactly these names and arguments."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pluggy
import pytest

import desktop.api
from desktop.api import ENTRY_POINT_GROUP, Model, hookimpl, hookspecs

HOOKS = {
    "load": "load(request, progress)",
    "apply_lora": "apply_lora(model, lora)",
    "remove_lora": "remove_lora(model, lora)",
    "set_stack": "set_stack(model, loras)",
    "describe": "describe()",
    "probe": "probe(path)",
}
"""Every hook by the name and the arguments that plugins rely on."""


@pytest.fixture
def hooks():
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return vars(manager.hook)


def test_these_and_no_others(hooks):
    there = {name: f"{name}({', '.join(caller.spec.argnames)})" for name, caller in hooks.items()}
    assert there == HOOKS


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_typed_and_empty(name):
    function = getattr(hookspecs, name)
    assert inspect.getdoc(function).endswith(".")
    annotations = {*inspect.signature(function).parameters, "return"}
    assert annotations <= set(function.__annotations__)
    source = inspect.getsource(function)
    assert re.search(r'"""\n*$', source), "no body after the docstring"


@pytest.mark.parametrize("name", ["load", "apply_lora", "set_stack", "describe", "probe"])
def test_the_first_answer_counts_where_there_is_one(hooks, name):
    assert hooks[name].spec.opts["firstresult"]


def test_the_file_fits_on_a_screen():
    lines = Path(hookspecs.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 50


def test_the_names_strangers_write_into_their_own_files():
    assert ENTRY_POINT_GROUP == "lora_deck.loaders"
    assert hookspecs.PROJECT == "lora_deck"
    assert hookimpl.project_name == "lora_deck"


def test_everything_that_is_promised_is_there_and_documented():
    for name in desktop.api.__all__:
        value = getattr(desktop.api, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name


def test_a_model_needs_generate_only():
    class Smallest(Model):
        def generate(self, request):
            yield from ()

    Smallest().close()
    with pytest.raises(TypeError, match="abstract"):
        Model()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: model.render([]), "no chat template"),
        (lambda model: model.count_tokens("x"), "can't count"),
        (lambda model: model.logits(None), "no logits"),
    ],
)
def test_what_a_loader_leaves_out_is_unsupported_in_words(call, words):
    class Smallest(Model):
        def generate(self, request):
            yield from ()

    with pytest.raises(desktop.api.Unsupported, match=words):
        call(Smallest())
