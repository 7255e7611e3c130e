"""A loader that does what the test says, in Python: as it loads, answers, attaches or removes."""

import errno  # noqa: F401 - for the tests' code
import json
import os  # noqa: F401
import signal  # noqa: F401
import sys  # noqa: F401
import textwrap
import threading  # noqa: F401
import time  # noqa: F401

from desktop.api import (
    AttachReceipt,
    Capabilities,  # noqa: F401
    Chunk,  # noqa: F401
    ExportReport,  # noqa: F401
    LoaderError,  # noqa: F401
    LoaderInfo,
    Logits,
    Model,
    ModelInfo,
    QuantizeReport,  # noqa: F401
    Reply,  # noqa: F401
    StackCheck,
    Unsupported,  # noqa: F401
    hookimpl,
)


def body(arguments, code):
    """A function with this code in it."""
    scope = dict(globals())
    exec(f"def run({arguments}):\n{textwrap.indent(code or 'pass', '    ')}", scope)
    return scope["run"]


class Puppet(Model):
    """Keeps its adapters in a list, in the order in which they came."""

    def __init__(self, path):
        self.info = ModelInfo(path=path, architecture="Puppet", dtype="float32")
        self.loras = []
        self.seen = []

    def generate(self, request):
        """The prompt is the generator."""
        return (yield from body("model", request.prompt + "\nyield from ()")(self))

    def render(self, messages):
        """What is attached and what was noted, as JSON."""
        rows = [[lora.id, lora.effective_weight, lora.path] for lora in self.loras]
        return json.dumps({"stack": rows, "seen": self.seen})

    def count_tokens(self, text):
        """Words."""
        return len(text.split())

    def logits(self, request):
        """As many zeros as positions are asked for."""
        return Logits(positions=request.last, vocabulary=1, data=bytes(4 * request.last))

    def set_mode(self, mode):
        """Does what `on_mode` says; without it, what the contract's own does."""
        self.seen.append(mode)
        if (code := getattr(self, "on_mode", None)) is None:
            return super().set_mode(mode)
        return body("model, mode", code)(self, mode)

    def check_stack(self, prompt):
        """As many modules as the prompt has words."""
        return StackCheck(modules=len(prompt.split()), worst_module="one", worst_error=0.5, allowed=1.0)

    def export(self, request, progress):
        """The folder's name is what is done."""
        return body("model, request, progress", request.folder)(self, request, progress)

    def quantize(self, request, progress):
        """The folder's name is what is done."""
        return body("model, request, progress", request.folder)(self, request, progress)

    def close(self):
        """Leaves a mark in the log."""
        print("puppet: closed")


@hookimpl
def describe():
    return LoaderInfo(title="Puppet", warm=("this_is_warm", "colorsys"))


@hookimpl
def load(request, progress):
    model = Puppet(request.path)
    answer = body("model, progress", request.settings.get("run", ""))(model, progress)
    return None if answer == "not mine" else answer or model


@hookimpl
def apply_lora(model, lora):
    when, _, code = lora.name.partition(": ")
    if when == "before":
        body("model, lora", code)(model, lora)
    place = next((place for place, there in enumerate(model.loras) if there.id == lora.id), None)
    if place is None:
        model.loras.append(lora)
    elif model.loras[place].path != lora.path:
        raise AssertionError("a row is attached over another path")
    else:
        model.loras[place] = lora
    receipt = AttachReceipt(id=lora.id, name=lora.name, rank=8, modules_matched=1, modules_targeted=1)
    if when == "after":
        return body("model, lora, receipt", code)(model, lora, receipt)
    return receipt


@hookimpl
def remove_lora(model, lora):
    when, _, code = lora.name.partition(": ")
    if when == "remove":
        body("model, lora", code)(model, lora)
    del model.loras[[there.id for there in model.loras].index(lora.id)]
