"""States of the library's place, for the gallery and for the tests that look at every state."""

from __future__ import annotations

import time

from desktop.library.adapter_notes import AdapterNote, adapter_key
from desktop.library.adapters import AdapterEntry
from desktop.library.fit import Fit
from desktop.library.hub.bases import Base
from desktop.library.hub.events import FileSize, Hit
from desktop.library.hub.queue import Entry
from desktop.library.shelf.duplicates import DiskUse
from desktop.library.shelf.items import Item
from desktop.library.shelf.marks import Mark
from desktop.library.shelf.trash import Trashed
from desktop.session.plans import State
from desktop.session.shelf_plans import ShelfLook

LONG = "tloen_alpaca-lora-7b-with-a-very-long-name-that-nobody-would-type-by-hand"
HOSTILE = '<b>bold?</b> <img src="file:///etc/passwd">'
CARD = """# Pirate

An adapter that makes **SmolLM2** speak like a *pirate*. ![A ship](https://example.com/ship.png)

## How to use it

| setting | value |
|---|---|
| rank | 16 |
| weight | 0.6 to 1.0 |

- trained on 2,000 rows
- see [the page](https://example.com)

```python
stack.add("pirate", weight=0.8)
```

<script>alert("no")</script> <img src="file:///etc/passwd">
"""


def items():
    """Models and adapters of every kind."""
    smol = "HuggingFaceTB/SmolLM2-135M-Instruct"
    llama = "huggyllama/llama-7b"

    def model(name, form, size, bits, **more):
        facts = {"family": name, "licence": "apache-2.0"} | more
        return Item(kind="model", name=name, path=f"/library/models/{name}", form=form, size=size, bits=bits, **facts)

    def adapter(name, form, size, base, **more):
        facts = {"family": base, "base": base} | more
        return Item(kind="adapter", name=name, path=f"/library/loras/{name}", form=form, size=size, **facts)

    return [
        model("SmolLM2-135M", "Transformers safetensors", 269_000_000, 16, family=smol),
        model("huggyllama_llama-7b", "Transformers safetensors", 13_476_000_000, 16, family=llama, licence="other"),
        model("TheBloke_Llama-2-7B-GGUF/llama-2-7b.Q4_K_M.gguf", "GGUF Q4_K_M", 4_081_000_000, 4.5, licence="llama2"),
        model("llama-7b-hf", "", 0, None, problem="2 of 33 weight files are missing. Download it again."),
        adapter("pirate", "LoRA 16", 19_600_000, smol, licence="apache-2.0"),
        adapter("pirate-run/checkpoint-200", "LoRA 16", 19_600_000, smol),
        adapter("pirate-run/checkpoint-90", "LoRA 16", 19_600_000, smol),
        adapter("français é 🙂", "rsLoRA 8", 9_800_000, smol, licence="cc-by-4.0"),
        adapter("tloen_alpaca-lora-7b", "LoRA 16", 67_201_357, "decapoda-research/llama-7b-hf", family=llama),
        adapter(LONG, "DoRA 64", 268_000_000, llama, licence="cc-by-nc-sa-4.0"),
        adapter(HOSTILE, "LoRA 4", 4_800_000, "", own=False),
        adapter("broken", "", 0, "", problem="There is no adapter_config.json in it, so it is no adapter."),
    ]


def entries():
    """The adapters as the library lists them for the panels outside its place."""
    return [
        AdapterEntry(
            name=item.name, path=item.path, kind="LoRA", rank=16, alpha=32, size=item.size, base_model=item.base
        )
        for item in items()
        if item.kind == "adapter"
    ]


def library_empty(window, session):
    """Nothing is in the library."""
    window.places.show_place("library")
    session.adapters_listed.emit([])
    session.library.shelf.items_listed.emit([])
    session.library.changer.disk_measured.emit(DiskUse(free=412_000_000_000))


def library_full(window, session):
    """Everything there can be, nothing loaded."""
    window.places.show_place("library")
    now = time.time()
    keys = {item.name: adapter_key(item.path) for item in items()}
    session.library.shelf.marks_known.emit(
        {
            keys["pirate"]: Mark(tags=("sea", "style"), favourite=True, used=now),
            keys["SmolLM2-135M"]: Mark(used=now - 86_400),
            keys[LONG]: Mark(tags=("instructions",), used=now - 40 * 86_400),
        }
    )
    note = AdapterNote(notes="Speaks like a sailor.\nGood at 0.6, too much at 1.", weight=0.6, trigger="arr matey")
    session.notes_known.emit({keys["pirate"]: note})
    session.adapters_listed.emit(entries())
    session.library.shelf.items_listed.emit(items())
    use = DiskUse(
        models=17_826_000_000, adapters=388_000_000, runs=1_200_000_000, trash=19_600_000, free=412_000_000_000
    )
    session.library.changer.disk_measured.emit(use)


def library_filtered(window, session):
    """Some are found."""
    library_full(window, session)
    window.library.place.list.look_for("llama")


def library_nothing_found(window, session):
    """None is found."""
    library_full(window, session)
    window.library.place.list.look_for("zebra")


def library_grouped(window, session):
    """Adapters below their bases, with verdicts about the loaded one."""
    from tests.ui.gallery import MODEL, loaded

    library_full(window, session)
    session.become(State.READY, loaded())
    fits = [Fit("fits"), Fit("fits"), Fit("unknown", "Its file is a .bin."), Fit("misfit", "its q_proj is 4096 wide")]
    paths = [item.path for item in items() if item.kind == "adapter"]
    session.fits_judged.emit(MODEL, dict(zip(paths, fits, strict=False)))
    window.library.place.list._grouped.setChecked(True)


def library_details(window, session):
    """An adapter with all its facts."""
    from tests.ui.gallery import inspection, rows, settle

    library_full(window, session)
    path = items()[4].path
    window.library.place.list.view.choose(path)
    settle(300)
    session.adapter_inspected.emit(path, inspection(rows()[0]))
    session.library.shelf.card_read.emit(path, CARD)


def library_card(window, session):
    """Its card."""
    library_details(window, session)
    window.library.details._tabs.setCurrentIndex(1)


def downloads():
    """One of each state."""
    files = (
        FileSize("model-00001-of-00002.safetensors", 9_976_576_152, 3_117_000_000),
        FileSize("model-00002-of-00002.safetensors", 3_500_296_424, 801_000_000),
    )
    gated = (
        "meta-llama/Llama-2-7b-hf is gated: its owner asks you to agree to terms. Open its page on the hub, agree, log "
        "in with `hf auth login` and try again."
    )
    return [
        Entry(id=1, repo="tloen/alpaca-lora-7b", state="done", kind="adapter",
              folder="/library/loras/tloen_alpaca-lora-7b",
              done=67_201_357, total=67_201_357),
        Entry(id=2, repo="huggyllama/llama-7b", state="running", kind="model",
              folder="/library/models/huggyllama_llama-7b",
              done=3_918_000_000, total=13_476_872_576, speed=48_200_000, eta=198, files=files),
        Entry(id=3, repo="user/paused", revision="refs/pr/1", state="paused", done=120_000_000, total=400_000_000),
        Entry(id=4, repo="meta-llama/Llama-2-7b-hf", state="failed", problem=gated),
        Entry(id=5, repo="user/waiting"),
    ]  # fmt: skip


def library_downloads(window, session):
    """One runs, others wait, are paused, have failed or are complete."""
    library_full(window, session)
    for entry in downloads():
        session.library.downloads.entry_changed.emit(entry)
    window.library.place.downloads._choose(2)


def library_download_failed(window, session):
    """The failed one is chosen, and an adapter has come without its base."""
    library_downloads(window, session)
    window.library.place.downloads._choose(4)
    base = Base("decapoda-research/llama-7b-hf", True, "", ("huggyllama/llama-7b", "yahma/llama-7b-hf"))
    session.library.downloads.base_found.emit("tloen/alpaca-lora-7b", base)


def hits():
    """What a search for the loaded base found."""
    return (
        Hit(repo="someone/smollm2-pirate-lora", kind="adapter", base="HuggingFaceTB/SmolLM2-135M-Instruct",
            size=19_700_000,
            downloads=12_345, license="apache-2.0", verdict="fits"),
        Hit(repo="someone/else", kind="adapter", base="HuggingFaceTB/SmolLM2-360M", size=40_000_000, downloads=321,
            license="mit", verdict="misfit", reason="its q_proj is 960 wide, this model has 576"),
        Hit(repo="third/gated-one", kind="adapter", downloads=7, gated=True, verdict="unknown",
            reason="its weights are a .bin, which can't be looked into before it is here"),
    )  # fmt: skip


def library_hub(window, session):
    """The hub answered."""
    from tests.ui.gallery import loaded

    library_full(window, session)
    session.become(State.READY, loaded())
    window.library.place.show_hub()
    window.library.place.hub._on_search()
    session.library.hub.hits_found.emit(hits())


def library_hub_failed(window, session):
    """The hub can't be reached."""
    library_full(window, session)
    window.library.place.show_hub()
    window.library.place.hub._on_search()
    session.library.hub.failed.emit(
        "huggingface.co can't be reached. Look at the network, or set HF_ENDPOINT to a mirror."
    )


def library_delete(window, session):
    """What depends on a model that is to be deleted."""
    library_full(window, session)
    item = items()[1]
    window.library._on_delete_wanted(item)
    told = (
        "Adapters made for it (2): tloen_alpaca-lora-7b, alpaca-too.",
        "Saved recipes that need it (1): pirates.",
        "Replies in the log that could no longer be made again: 12.",
    )
    session.library.changer.looked.emit(ShelfLook(path=item.path, name=item.name, told=told, size=item.size))
    return window.library.question


def library_refused(window, session):
    """What is in use can't be deleted."""
    library_full(window, session)
    item = items()[4]
    window.library._on_delete_wanted(item)
    refusal = "pirate: It is on the stack. Take it off the stack first."
    session.library.changer.looked.emit(ShelfLook(path=item.path, name=item.name, refusal=refusal))
    return window.library.question


def library_undo(window, session):
    """Something was deleted."""
    library_full(window, session)
    trashed = Trashed(id="1", kind="adapter", folder="/library/loras", names=("pirate",), size=19_600_000)
    session.library.changer.deleted.emit(trashed)


def library_rename(window, session):
    """Another name is typed that can't be one."""
    library_full(window, session)
    window.library._on_rename_wanted(items()[4])
    window.library.names._name.setText("a/b")
    return window.library.names


def library_duplicates(window, session):
    """Two adapters are the same."""
    library_full(window, session)
    session.library.changer.duplicates_found.emit([(items()[4], items()[5])])
    return window.library.duplicates


STATES = (library_empty, library_grouped, library_download_failed, library_hub, library_delete, library_rename)
"""One of each shape; every test that looks at all states takes its time for each of them."""
DRAWN = (
    library_full, library_filtered, library_nothing_found, library_details, library_card, library_downloads,
    library_hub_failed, library_refused, library_undo, library_duplicates,
)  # fmt: skip
