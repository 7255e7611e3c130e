"""Light, dark and as the system: everything can be read in each, and the choice is kept."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from desktop.session.plans import Problem
from desktop.session.saved import Saved
from desktop.ui import theme
from tests.ui import gallery
from tests.ui.hands import find, until

READABLE = 4.5
"""Contrast, by WCAG 2.2, 1.4.3."""
PAIRS = [
    (QPalette.ColorRole.WindowText, QPalette.ColorRole.Window),
    (QPalette.ColorRole.Text, QPalette.ColorRole.Base),
    (QPalette.ColorRole.Text, QPalette.ColorRole.AlternateBase),
    (QPalette.ColorRole.ButtonText, QPalette.ColorRole.Button),
    (QPalette.ColorRole.HighlightedText, QPalette.ColorRole.Highlight),
    (QPalette.ColorRole.ToolTipText, QPalette.ColorRole.ToolTipBase),
    (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Base),
]


def luminance(colour):
    shares = [colour.redF(), colour.greenF(), colour.blueF()]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def pick(window, title):
    """Choose a theme in the menu."""
    next(action for action in window.menus.themes.actions() if action.text().replace("&", "") == title).trigger()


@pytest.mark.parametrize("title", ["Light", "Dark"])
def test_text_can_be_read(window, title):
    pick(window, title)
    palette = QApplication.palette()
    ground = palette.window().color()
    assert theme.is_dark(palette) is (title == "Dark")
    low = {
        (text.name, under.name): round(contrast(palette.color(text), palette.color(under)), 2)
        for text, under in PAIRS
        if contrast(palette.color(text), palette.color(under)) < READABLE
    }
    assert not low
    assert contrast(theme.error_colour(palette), ground) >= READABLE
    assert contrast(theme.muted_colour(palette), ground) >= READABLE


def test_a_failure_is_recoloured_with_the_theme(window, session):
    session.load_failed.emit(Problem(sentence="No."))
    note = next(label for label in window.findChildren(theme.Note) if label.text() == "No.")
    for title in ("Dark", "Light", "Dark"):
        pick(window, title)
        QApplication.processEvents()
        assert contrast(note.palette().windowText().color(), QApplication.palette().window().color()) >= READABLE


def test_finished_answers_are_recoloured_too(ready):
    gallery.show_history(ready, [gallery.answer("First?", "Aye.")])
    text = find(ready, "Conversation")
    until(text.is_settled)
    before = text.text()
    pick(ready, "Dark")
    QApplication.processEvents()
    until(text.is_settled)
    assert text.text() == before
    note = text.document().lastBlock().previous().begin().fragment().charFormat().foreground().color()
    assert contrast(note, QApplication.palette().base().color()) >= READABLE


def test_the_choice_is_kept(window, session, make_window):
    pick(window, "Dark")
    assert session.last("touch") == ()
    assert window.gather().theme == "dark"
    again = make_window(Saved(theme="dark"))
    assert theme.is_dark(again.palette())
    checked = [action.text() for action in again.menus.themes.actions() if action.isChecked()]
    assert checked == ["&Dark"]


def test_no_button_of_a_dialog_has_the_styles_own_icon(application):
    box = theme.standard_buttons(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Close)
    assert [button.icon().isNull() for button in box.buttons()] == [True, True]
    box.deleteLater()
