"""States of the library's place that are about versions: of an adapter, and of what was downloaded."""

from __future__ import annotations

from desktop.library.hub.queue import Entry
from desktop.library.shelf.items import Item
from tests.ui.library_states import items, library_full


def run_items():
    """An adapter with the checkpoints of the run that made it."""
    smol, run = "HuggingFaceTB/SmolLM2-135M-Instruct", "2026-11-25-parrot"
    facts = {"kind": "adapter", "form": "LoRA 16", "size": 19_600_000, "base": smol, "family": smol}
    versions = [
        Item(
            name=f"parrot/step-{step}", path=f"/library/runs/{run}/checkpoints/step-{step}", run=run, loss=loss, **facts
        )
        for step, loss in ((50, 2.417), (100, 1.862), (150, 1.731))
    ]
    return [Item(name="parrot", path="/library/loras/parrot", **facts), *versions]


def library_versions(window, session):
    """A checkpoint of a run is chosen, among the other versions of its adapter."""
    library_full(window, session)
    session.library.shelf.items_listed.emit([*items(), *run_items()])
    window.library.place.list.look_for("parrot")
    window.library.place.list.view.choose(run_items()[2].path)


def library_outdated(window, session):
    """An older version is there, and the newer one is asked for."""
    library_full(window, session)
    problem = (
        "/library/loras/tloen_alpaca-lora-7b holds an older version (commit 0123abcd); README.md has changed on "
        "the hub. Nothing was overwritten. An update fetches 1.20 kB, and the old "
        "files stay until the new ones are verified."
    )
    entry = Entry(id=6, repo="tloen/alpaca-lora-7b", state="failed", problem=problem, outdated=True)
    done = Entry(
        id=7, repo="huggyllama/llama-7b", state="done", done=13_476_872_576, total=13_476_872_576, change="none"
    )
    for one in (done, entry):
        session.library.downloads.entry_changed.emit(one)


DRAWN = (library_versions, library_outdated)
