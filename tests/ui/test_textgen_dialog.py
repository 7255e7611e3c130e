"""A folder of text-generation-webui used, copied and forgotten by clicks."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QCheckBox, QFileDialog, QPlainTextEdit

from desktop.api import Sampling
from desktop.library.presets import Preset
from desktop.library.textgen.looking import Fault
from desktop.prompting.templates import Template
from desktop.session.shelf_plans import LinkedFolder
from tests.ui import textgen_states
from tests.ui.hands import click, find, press, sees, words

NAME = "Use this folder"


@pytest.fixture
def dialog(window, session, monkeypatch):
    """Open, with a folder to be chosen."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: textgen_states.FOLDER)
    return textgen_states.open_dialog(window, session)


def asked(session, verb):
    return [args for name, args in session.asked if name == f"folders.{verb}"]


def test_it_is_shown_before_anything_happens_and_then_used(dialog, session):
    assert not find(dialog, NAME).isEnabled()
    press(dialog, "Choose a folder...")
    assert asked(session, "look") == [(textgen_states.FOLDER,)]
    assert "Looking what it holds" in words(dialog)
    assert not find(dialog, NAME).isEnabled()
    report = textgen_states.report()
    session.library.folders.looked.emit(report)
    assert "It holds 3 models, 12 adapters, 4 datasets, 3 formats of data, 15 presets and 54 templates" in words(dialog)
    told = find(dialog, "What can't be used", QPlainTextEdit).toPlainText().splitlines()
    assert told[1].startswith("adapter <b>old</b>: There is no adapter_config.json")
    assert told[3] == "preset Mirostat: Not known here and left out: mirostat_mode."
    assert asked(session, "take") == []
    press(dialog, NAME)
    assert asked(session, "take") == [(report, False)]
    assert not find(dialog, NAME).isEnabled()
    session.library.folders.taken.emit("It is used in place from now on.", ())
    assert "It is used in place from now on." in words(dialog)
    assert not find(dialog, NAME).isEnabled(), "it is done"


def test_copied_with_a_tick_and_stopped(dialog, session):
    report = textgen_states.report()
    session.library.folders.looked.emit(report)
    click(find(dialog, "Copy it into the program's folder instead of using it in place", QCheckBox))
    press(dialog, "Copy")
    assert asked(session, "take") == [(report, True)]
    session.library.folders.copied.emit("llama", 0.25)
    assert "Copying llama" in words(dialog)
    assert find(dialog, "How much is copied").value() == 250
    press(dialog, "Stop")
    assert asked(session, "stop") == [()]
    session.library.folders.refused.emit("Stopped. What is copied whole is in the library.")
    assert "Stopped." in words(dialog)
    assert not sees(dialog, "Stop")
    press(dialog, "Copy")
    session.library.folders.taken.emit("Copied: 6.", (Fault("model", "m", "It is there already."),))
    assert "model m: It is there already." in words(dialog)


def test_a_folder_without_anything_can_not_be_used(dialog, session):
    session.library.folders.looked.emit(textgen_states.report(empty=True))
    assert "Nothing in it can be used." in words(dialog)
    assert not find(dialog, NAME).isEnabled()


def test_what_is_none_is_told(dialog, session):
    press(dialog, "Choose a folder...")
    session.library.folders.refused.emit("/x is no folder of text-generation-webui.")
    assert "/x is no folder of text-generation-webui." in words(dialog)
    assert find(dialog, "Choose a folder...").isEnabled()


def test_forgotten_again(dialog, session):
    assert asked(session, "list_linked") == [()]
    assert not find(dialog, "Forget it").isEnabled()
    session.library.folders.linked_listed.emit([LinkedFolder("/gone\n", False), LinkedFolder("/there", True)])
    listed = find(dialog, "Folders that are used in place")
    assert [listed.item(row).text() for row in range(2)] == ["/gone (not there now)", "/there"]
    click(listed.viewport(), listed.visualItemRect(listed.item(1)).center())
    press(dialog, "Forget it")
    assert asked(session, "forget") == [("/there",)]


def test_its_presets_and_templates_can_be_taken_but_not_changed(ready, session):
    foreign = Preset(name="simple-1", sampling=Sampling(top_k=20), file="/x/simple-1.yaml", note="Left out: tfs.")
    session.prompts.presets_listed.emit([foreign, Preset(name="mine")])
    menu = ready.details.presets._menu
    actions = {action.text(): action for action in menu.actions()}
    assert "Left out: tfs." in actions["simple-1"].toolTip()
    deleting = next(action.menu() for action in menu.actions() if action.menu())
    assert [action.text() for action in deleting.actions()] == ["mine"]
    actions["simple-1"].trigger()
    assert ready.details.sampling().top_k == 20
    source = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    template = Template(name="Talk", title="Talk", description="Read.", jinja=source, file="/x/Talk.yaml")
    session.prompts.templates_listed.emit([template])
    editor = ready.prompt_desk.editor
    editor.open_at("Talk")
    assert find(editor, "Template in Jinja").isReadOnly()
    assert not find(editor, "Delete").isEnabled()
    assert not find(editor, "Save").isEnabled()
    press(editor, "Copy as my own")
    press(editor, "Save")
    assert session.last("save_template") == ("my Talk", source)
