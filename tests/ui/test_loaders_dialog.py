"""Loaders and devices: who can run here and why not, what torch sees, and the exact command that mends it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit

from desktop.discovery.devices import Machine, TorchSight, device_lines
from tests.ui import gallery
from tests.ui.hands import SHIFT, find, key, press, until, words

PYTHON = "/home/ann/lora deck/bin/python"


@pytest.fixture
def dialog(window):
    """Open, and nobody has answered yet."""
    key(window, Qt.Key.Key_F1, SHIFT)
    return window.dialogs._loaders


def test_opening_it_asks(dialog, session):
    assert session.last("describe_loaders") == ()
    assert session.last("look_at_devices") == ()
    assert "Asking torch what it sees..." in words(dialog)


def test_every_loader_says_whether_it_can_run_and_why_not(dialog, session):
    session.loaders_described.emit(gallery.LOADERS, ["Two packages register a loader called parrot."])
    seen = words(dialog)
    assert "Runs here." in seen
    assert "Can't run here: There is no NVIDIA card here." in seen
    assert "Can't be used: ImportError: No module named 'polly'" in seen
    assert "Two packages register a loader called parrot." in seen


def test_an_nvidia_card_beside_a_torch_for_the_cpu(dialog, session):
    sight = TorchSight(torch="2.13.0+cpu", threads=2)
    session.devices_found.emit(device_lines(PYTHON, sight, Machine(nvidia=("NVIDIA GeForce RTX 4090",))))
    sentence = (
        "This machine has an NVIDIA GeForce RTX 4090, but torch 2.13.0+cpu is built without CUDA, "
        "so nothing runs on the card."
    )
    index = "https://download.pytorch.org/whl/cu130"
    command = f'"{PYTHON}" -m pip install --force-reinstall torch==2.13.0 --index-url {index}'
    assert sentence in words(dialog)
    assert find(dialog, "Command that mends it", QLineEdit).text() == command
    press(dialog, "Copy the command")
    assert QGuiApplication.clipboard().text() == command


def test_a_card_that_torch_sees_needs_no_command(dialog, session):
    sight = TorchSight(torch="2.13.0+cu130", cuda="13.0", devices=("NVIDIA H100",), threads=16)
    session.devices_found.emit(device_lines(PYTHON, sight, Machine(nvidia=("NVIDIA H100",))))
    assert "torch 2.13.0+cu130 sees it." in words(dialog)
    assert not dialog.findChildren(QLineEdit)


def test_a_later_answer_takes_the_place_of_the_first(dialog, session):
    for torch in ("2.12.0", "2.13.0"):
        session.devices_found.emit(device_lines(PYTHON, TorchSight(torch=torch, threads=2), Machine()))
    assert "torch 2.12.0" not in words(dialog)


def test_a_torch_that_cannot_be_imported_is_told(dialog, session):
    session.devices_found.emit(device_lines(PYTHON, "torch can't be imported: no such file", Machine()))
    assert "torch can't be imported: no such file" in words(dialog)


def test_it_is_not_modal_and_escape_closes_it(dialog, window):
    assert not dialog.isModal()
    until(dialog.isActiveWindow)
    key(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_about_has_the_versions_for_a_report(window, session):
    session.loaders_described.emit(gallery.LOADERS, [])
    window.menus.about.trigger()
    (about,) = [one for one in window.children() if type(one).__name__ == "AboutDialog"]
    assert "torch 2.13.0+cpu" in words(about)
    press(about, "Copy the versions")
    assert "Python 3." in QGuiApplication.clipboard().text()
