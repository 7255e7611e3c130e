"""What a prompt's tags bring is said under it; the prompt is sent as it was typed, for the session to read."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit

from desktop.session.saved import Saved
from desktop.ui import theme
from tests.ui import gallery
from tests.ui.hands import CONTROL, find, key, type_text, words


def said(window):
    return window.place.box.adapters.text()


def prompt(window, text):
    find(window, "Prompt", QPlainTextEdit).setPlainText(text)


def test_what_the_message_brings_is_in_sight_as_it_is_typed(ready, session):
    type_text(find(ready, "Prompt", QPlainTextEdit), "Ahoy <lora:pirate:-0.8> there")
    assert "For this message: pirate -0.8." in words(ready)
    key(ready, Qt.Key.Key_Return, CONTROL)
    assert session.last("answer")[0].prompt == "Ahoy <lora:pirate:-0.8> there"
    prompt(ready, "Ahoy there")
    assert ready.place.box.adapters.isHidden()


@pytest.mark.parametrize("text", ["Ahoy", r"\<lora:pirate:1>", "<lora:>", "<b>lora:pirate</b>"])
def test_a_prompt_without_tags_says_nothing(ready, text):
    prompt(ready, text)
    assert ready.place.box.adapters.isHidden()


def test_a_name_nobody_knows_is_told_before_it_is_sent(ready):
    prompt(ready, f"<lora:pirat> <lora:pirate> <lora:{gallery.LONG}:2>")
    assert said(ready) == f"For this message: pirate 1, {gallery.LONG} 2. There is no adapter of this name: pirat."
    colour = ready.place.box.adapters.palette().windowText().color()
    assert colour == theme.error_colour(ready.palette())


def test_accents_are_one_name_however_they_are_typed(ready):
    prompt(ready, "<lora:franc\u0327ais e\u0301 🙂>")
    assert "no adapter" not in said(ready)


def test_paths_and_names_of_downloads_are_no_mistakes(window, session):
    gallery.library(session)
    prompt(window, "<lora:/somewhere/else:0.5><lora:user/name>")
    assert said(window) == "For this message: /somewhere/else 0.5, user/name 1."


def test_a_row_of_the_stack_may_be_named_wherever_it_lies(make_window, session, tmp_path):
    window = make_window(Saved(theme="light", rows=gallery.rows()[:1], prompt="<lora:pirate:2> <lora:mine:0.5>"))
    window.begin(None, None)
    session.adapters_listed.emit([])
    assert "There is no adapter of this name: mine." in said(window)
    (tmp_path / "mine").mkdir()
    window.stack.add(str(tmp_path / "mine"))
    assert said(window) == "For this message: pirate 2, mine 0.5."
