"""A button whose verb changes gets the icon of the new verb."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from desktop.session.plans import State
from desktop.ui.icons import Icons
from tests.ui import gallery
from tests.ui.hands import find


def test_a_second_icon_takes_the_place_of_the_first(window):
    icons, button = Icons(window), QPushButton(window)
    icons._import()
    icons.put(button, "mdi6.play")
    first = button.icon().cacheKey()
    icons.put(button, "mdi6.close")
    assert icons.name_of(button) == "mdi6.close"
    assert button.icon().cacheKey() != first
    icons.put(button, "mdi6.play")
    assert button.icon().cacheKey() == first


def test_stop_has_no_paper_plane(window, session):
    icons = window.findChild(Icons)
    gallery.answering(window, session)
    stop = find(window, "Stop")
    assert icons.name_of(stop) == "mdi6.stop"
    session.become(State.READY)
    assert icons.name_of(stop) == "mdi6.send"
