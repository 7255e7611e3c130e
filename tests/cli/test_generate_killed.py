"""An engine that is killed in the middle: a sentence, a status that isn't 0, and nothing half-written."""

from __future__ import annotations

import sys

import pytest

from tests.library.making import make_adapter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

MORTAL = """
import os, signal
from desktop.api import AttachReceipt, Chunk, LoaderInfo, Model, hookimpl

def die_in(where, path):
    if where in path:
        os.kill(os.getpid(), signal.SIGKILL)

class Mortal(Model):
    def generate(self, request):
        yield Chunk(text="half an", tokens=(1,))
        die_in("generating", self.path)
        yield Chunk(text=" answer", tokens=(2,))

@hookimpl
def load(request, progress):
    progress("Loading", 0.5)
    die_in("loading", request.path)
    model = Mortal()
    model.path = request.path
    return model

@hookimpl
def apply_lora(model, lora):
    die_in("attaching", model.path)
    return AttachReceipt(id=lora.id, name=lora.name)

@hookimpl
def remove_lora(model, lora):
    pass
"""


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("where", ["loading", "attaching", "generating"])
def test_a_sentence_a_status_and_nothing_half_written(run, make_plugin, home, where, json):
    make_plugin("mortal", MORTAL)
    make_adapter(home.loras / "a")
    (home.models / f"dies while {where}").mkdir(parents=True)
    before = set(home.root.rglob("*"))
    options = ["--json"] if json else []
    ran = run("generate", "--model", f"dies while {where}", "--lora", "a", "-p", "x", *options)
    assert ran.status == 1
    assert ran.err.strip().endswith("lora-deck: The engine stopped: it was killed from outside (SIGKILL).")
    assert "Traceback" not in ran.err
    assert ran.out == ("half an\n" if where == "generating" and not json else "")
    new = {path.relative_to(home.root).parts[0] for path in set(home.root.rglob("*")) - before}
    assert new == {"logs", "cache"}


def test_it_works_again_at_once(run, make_plugin, home):
    make_plugin("mortal", MORTAL)
    (home.models / "well").mkdir(parents=True)
    ran = run("generate", "--model", "well", "-p", "x")
    assert (ran.status, ran.out) == (0, "half an answer\n")
