"""Sampling, presets and templates as a user sets them: what is shown, kept and asked."""

from __future__ import annotations

import re

import msgspec
import pytest
from PySide6.QtWidgets import QComboBox, QLineEdit, QMessageBox, QPlainTextEdit

from desktop.api import RowTokens, Sampling
from desktop.library.automatic_template import Automatic
from desktop.library.presets import SHIPPED, Preset
from desktop.session.plans import State
from desktop.session.saved import Saved
from tests.ui import gallery
from tests.ui.hands import choose, find, press, sees, type_text, until, words


@pytest.fixture
def all_sampling(ready, session):
    """A loader that honours everything."""
    everything = msgspec.structs.replace(gallery.loaded(), sampling=Sampling.__struct_fields__)
    session.become(State.READY, everything)
    return ready


def trigger(menu, name):
    next(action for action in menu.actions() if action.text().replace("&&", "&") == name).trigger()


def test_advanced_settings_are_folded_and_their_changes_counted(all_sampling):
    window = all_sampling
    assert not sees(window, "typical p")
    press(window, "More settings")
    for name in ("typical p", "presence penalty", "no repeat ngram", "dry base", "xtc threshold", "banned tokens"):
        assert find(window, name).isEnabled()
        assert find(window, name).toolTip()
    find(window, "typical p").setValue(0.5)
    type_text(find(window, "banned tokens", QLineEdit), "Paris|id:7|a\\|b")
    assert window.details.sampling() == Sampling(typical_p=0.5, banned_tokens=("Paris", "id:7", "a|b"))
    assert sees(window, "More settings, 2 changed")
    press(window, "Set typical p back")
    press(window, "More settings, 1 changed")
    assert not sees(window, "banned tokens")
    assert window.details.sampling() == Sampling(banned_tokens=("Paris", "id:7", "a|b"))


def test_what_the_loader_has_not_is_greyed_among_the_advanced_too(ready):
    press(ready, "More settings")
    for name in ("typical p", "dry multiplier", "banned tokens"):
        assert not find(ready, name).isEnabled()
        assert find(ready, name).toolTip() == "The loader has no such setting."


def test_the_details_fit_beside_their_scroll_bar_with_everything_unfolded(all_sampling):
    press(all_sampling, "More settings")
    scroll = all_sampling.details.findChild(gallery.QScrollArea)
    until(lambda: scroll.widget().minimumSizeHint().width() <= scroll.viewport().width())


def test_a_preset_sets_all_the_values_and_is_kept_under_a_name(all_sampling, session):
    window, menu = all_sampling, all_sampling.details.presets._menu
    session.prompts.presets_listed.emit([*SHIPPED, Preset(name="a & b", sampling=Sampling(top_k=3))])
    window.details.show_plan(msgspec.structs.replace(gallery.recipe_plan(), sampling=Sampling(xtc_threshold=0.2)))
    trigger(menu, "a & b")
    assert window.details.sampling() == Sampling(top_k=3)
    trigger(menu, "Deterministic")
    assert window.details.sampling() == Sampling(greedy=True)
    trigger(menu, "&Save these settings...")
    names = window.details.presets.names
    name = find(names, "Name", QLineEdit)
    type_text(name, "Precise")
    assert not find(names, "Save").isEnabled()
    assert "comes along with the program" in words(names)
    name.clear()
    type_text(name, "a & b")
    assert "The preset of that name will be replaced." in words(names)
    press(names, "Replace")
    assert session.last("save_preset") == ("a & b", Sampling(greedy=True))


def test_a_preset_is_deleted_after_a_question(all_sampling, session):
    session.prompts.presets_listed.emit([*SHIPPED, Preset(name="mine")])
    deleting = next(action.menu() for action in all_sampling.details.presets._menu.actions() if action.menu())
    trigger(deleting, "mine")
    assert session.last("delete_preset") is None
    box = all_sampling.details.presets.findChild(QMessageBox)
    press(box, "Delete")
    assert session.last("delete_preset") == ("mine",)


def test_the_template_that_was_found_is_said_with_the_reason(ready, session):
    assert session.last("find_automatic")[1:] == (gallery.MODEL, True)
    session.prompts.automatic_found.emit(Automatic("alpaca", "pirate was trained with it (a.json beside it)."))
    assert "Alpaca. pirate was trained with it" in words(ready)
    assert sees(ready, "Input"), "the template that is taken has a place for one"
    assert not sees(ready, "System message")
    assert ready.details.plan("x", False).template == "", "chosen anew for every prompt"
    asked = len([one for one in session.asked if one[0] == "find_automatic"])
    ready.stack.add("/library/loras/another")
    assert len([one for one in session.asked if one[0] == "find_automatic"]) == asked + 1


def test_ones_own_templates_can_be_chosen_and_come_back(make_window, session):
    window = make_window(Saved(theme="light", template="my own é"))
    window.begin(None, None)
    assert session.last("list_all") == ()
    session.prompts.templates_listed.emit(gallery.own_templates())
    assert window.details.plan("x", False).template == "my own é"
    assert sees(window, "System message")
    choose(find(window, "Template", QComboBox), "latin")
    assert "not UTF-8" in words(window)
    session.prompts.templates_listed.emit([])
    assert window.details.plan("x", False).template == ""


@pytest.fixture
def editor(ready, session):
    """The editor, opened at a template of one's own."""
    session.prompts.templates_listed.emit(gallery.own_templates())
    choose(find(ready, "Template", QComboBox), "my own é")
    press(ready, "Edit templates")
    return ready.prompt_desk.editor


def preview(editor):
    return find(editor, "Text for the model", QPlainTextEdit).toPlainText()


def test_the_editor_shows_the_exact_text_and_counts_its_tokens(editor, session):
    expected = "Answer briefly.\nWhat is the capital of France?\nParis.\nAnd of Japan?\n"
    assert preview(editor) == expected
    until(lambda: session.last("count_tokens") and session.last("count_tokens")[1] == expected)
    number, _ = session.last("count_tokens")
    session.tokens_counted.emit(number, 19)
    assert "19 tokens · Answers end at </s>" in words(editor)


def test_the_editor_tells_the_tokens_apart(editor, session):
    until(lambda: session.last("split"))
    number, text = session.last("split")
    pieces = [*text[:6].partition(" ")[::2], text[6:].replace("France", "Fr🙂nce")]
    box = find(editor, "Text for the model", QPlainTextEdit)
    session.tokens.tokens_split.emit(number, RowTokens(ids=(1, 2, 3), texts=tuple(pieces), trained=(False,) * 3))
    assert box.extraSelections() == [], "other tokens than those of the text"
    split = ("Answer", *re.findall(r"\W+|\w+", text[6:]))
    tokens = RowTokens(ids=tuple(range(len(split))), texts=split, trained=(False,) * len(split))
    session.tokens.tokens_split.emit(number - 1, tokens)
    assert box.extraSelections() == [], "the answer about an older text"
    session.tokens.tokens_split.emit(number, tokens)
    marked = [one.cursor.selectedText().replace("\u2029", "\n") for one in box.extraSelections()]
    assert marked == list(split)
    find(editor, "Template in Jinja", QPlainTextEdit).setPlainText("Hello")
    until(lambda: preview(editor) == "Hello")
    assert box.extraSelections() == []


def test_a_template_is_written_previewed_and_saved(editor, session):
    source = find(editor, "Template in Jinja", QPlainTextEdit)
    source.setPlainText("{% for message in messages %}{{ message.content }}!{% endfor %}")
    until(lambda: preview(editor).endswith("And of Japan?!"))
    source.setPlainText("{% for %}")
    until(lambda: "The template can't be used (line 1)" in words(editor))
    source.setPlainText("{{ messages[0].content }}")
    press(editor, "Replace")
    assert session.last("save_template") == ("my own é", "{{ messages[0].content }}")


def test_what_comes_along_is_read_and_copied_but_not_changed(editor, session):
    editor._choose("gemma")
    assert find(editor, "Template in Jinja", QPlainTextEdit).isReadOnly()
    assert not find(editor, "Save").isEnabled()
    assert not find(editor, "Delete").isEnabled()
    text = preview(editor)
    assert text.startswith("<start_of_turn>user\nAnswer briefly.\n\nWhat")
    press(editor, "Copy as my own")
    assert preview(editor) == text
    press(editor, "Save")
    name, source = session.last("save_template")
    assert name == "my gemma"
    assert "<start_of_turn>" in source


def test_a_template_is_deleted_after_a_question(editor, session):
    press(editor, "Delete")
    assert session.last("delete_template") is None
    press(editor.findChild(QMessageBox), "Delete")
    assert session.last("delete_template") == ("my own é",)
