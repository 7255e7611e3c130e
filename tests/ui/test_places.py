"""The bar of places: one shown at a time, built when first visited."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QTabBar, QVBoxLayout, QWidget

from desktop.ui.places import Places
from tests.ui.hands import until


class Visited:
    """Builds places and remembers which."""

    def __init__(self):
        self.built = []

    def build(self, name, side):
        def make():
            self.built.append(name)
            return QLabel(name), QLabel(f"{name} side") if side else None

        return make


@pytest.fixture
def visited():
    return Visited()


@pytest.fixture
def places(application, visited):
    window = QWidget()
    places = Places()
    layout = QVBoxLayout(window)
    for widget in (places, places.middle, places.side):
        layout.addWidget(widget)
    places.add("prompt", "Prompt", visited.build("prompt", side=True))
    window.show()
    yield places
    window.close()


def add_others(places, visited):
    places.add("train", "Train", visited.build("train", side=False))
    places.add("library", "Library", visited.build("library", side=True))


def test_one_place_needs_no_bar(places):
    assert places.current() == "prompt"
    assert not places.isVisible()
    assert places.middle.currentWidget().text() == "prompt"


def test_a_place_is_built_when_it_is_first_visited_and_only_then(places, visited):
    add_others(places, visited)
    assert places.isVisible()
    assert visited.built == ["prompt"]
    for _ in range(2):
        places.show_place("train")
        places.show_place("prompt")
    assert visited.built == ["prompt", "train"]


def test_a_place_brings_its_own_right_side_or_none(places, visited):
    add_others(places, visited)
    assert places.side.isVisible()
    places.show_place("train")
    assert not places.side.isVisible()
    places.show_place("library")
    assert places.side.isVisible()
    assert places.side.currentWidget().text() == "library side"
    places.show_side(False)
    places.show_place("prompt")
    assert not places.side.isVisible()
    places.show_side(True)
    assert places.side.currentWidget().text() == "prompt side"


def test_keys_and_clicks_change_the_place_and_say_so(places, visited):
    add_others(places, visited)
    said = []
    places.place_changed.connect(said.append)
    bar = places.findChild(QTabBar)
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(2).center())
    QTest.keyClick(bar, Qt.Key.Key_Left)
    assert said == ["library", "train"]
    assert places.current() == "train"
    assert places.middle.currentWidget().text() == "train"


def test_ctrl_and_a_number_goes_to_a_place(places, visited):
    add_others(places, visited)
    window = places.window()
    window.activateWindow()
    until(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert places.current() == "train"
    QTest.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert places.current() == "prompt"


def test_an_unknown_name_changes_nothing(places):
    places.show_place("kitchen")
    assert places.current() == "prompt"
