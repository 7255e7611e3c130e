"""States of the dialog about folders of text-generation-webui, for the gallery and for the tests of every state."""

from __future__ import annotations

from desktop.library.textgen.looking import Fault, Found, Report
from desktop.session.shelf_plans import LinkedFolder

FOLDER = "/home/someone/programs with a long name/text-generation-webui"


def report(*, empty=False):
    """A folder with something of every kind, and with what can't be used."""
    kinds = {"model": 3, "adapter": 12, "dataset": 4, "format": 3, "preset": 15, "template": 54}
    found = [
        Found(kind=kind, name=f"{kind} {number}", path=f"{FOLDER}/{kind}/{number}")
        for kind, count in kinds.items()
        for number in range(count)
    ]
    faults = (
        Fault("model", "llama-7b-hf", "2 of 33 weight files are missing. Download it again."),
        Fault(
            "adapter", "<b>old</b>", "There is no adapter_config.json in it, so it is no adapter, or not a whole one."
        ),
        Fault("preset", "hot", "hot.yaml: a value can't be used here (Expected `float` > 0.0 - at `$.temperature`)."),
    )
    notes = (Fault("preset", "Mirostat", "Not known here and left out: mirostat_mode."),)
    return Report(folder=FOLDER, newer=True, found=() if empty else tuple(found), faults=faults, notes=notes)


def open_dialog(window, session):
    """The dialog as its menu entry opens it."""
    window.menus.textgen.trigger()
    session.library.folders.linked_listed.emit([])
    return window.textgen.dialog


def textgen_looked(window, session):
    """What a folder holds is shown, before anything happens."""
    dialog = open_dialog(window, session)
    linked = [LinkedFolder("/mnt/usb disk/textgen", False), LinkedFolder("/opt/text-generation-webui", True)]
    session.library.folders.linked_listed.emit(linked)
    session.library.folders.looked.emit(report())
    return dialog


def textgen_copying(window, session):
    """It is being copied."""
    dialog = textgen_looked(window, session)
    dialog._copy.setChecked(True)
    dialog._on_take()
    session.library.folders.copied.emit("adapter 3", 0.42)
    return dialog


STATES = (textgen_looked, textgen_copying)
