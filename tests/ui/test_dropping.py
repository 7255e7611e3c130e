"""Drag and drop: adapters are added, models chosen, and what is neither is said."""

from __future__ import annotations

import pytest
from PySide6 import __version_info__
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from tests.ui.hands import find, words

COPY = Qt.DropAction.CopyAction
NO_KEYS, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
# PySide6 6.12 deprecates whole pixels here, and earlier ones take no others.
AT = QPointF(5, 5) if __version_info__[:2] >= (6, 12) else QPoint(5, 5)


@pytest.fixture
def drop(window):
    """Call it with paths, and on what; whether they were welcome."""

    def drop(*paths, on=None, urls=None):
        target = on or window
        data = QMimeData()
        data.setUrls(urls or [QUrl.fromLocalFile(str(path)) for path in paths])
        enter = QDragEnterEvent(AT, COPY, data, LEFT, NO_KEYS)
        enter.ignore()
        QApplication.sendEvent(target, enter)
        if enter.isAccepted():
            QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), COPY, data, LEFT, NO_KEYS))
        return enter.isAccepted()

    return drop


def make(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def test_an_adapters_folder_goes_on_the_stack(drop, window, session, tmp_path):
    folder = make(tmp_path / "my.adapter v2", "adapter_config.json", "adapter_model.safetensors")
    assert drop(folder)
    assert [row.path for row in session.last("set_rows")[0]] == [str(folder)]
    assert "my.adapter v2" in words(window.stack)


def test_a_file_of_an_adapter_stands_for_it(drop, session, tmp_path):
    folder = make(tmp_path / "a", "adapter_config.json", "adapter_model.safetensors")
    drop(folder / "adapter_model.safetensors")
    assert [row.path for row in session.last("set_rows")[0]] == [str(folder)]


def test_several_at_once(drop, session, tmp_path):
    drop(*(make(tmp_path / name, "adapter_config.json") for name in "abc"))
    assert [row.name for row in session.last("set_rows")[0]] == ["a", "b", "c"]


def test_a_models_folder_is_chosen_not_loaded(drop, window, session, tmp_path):
    folder = make(tmp_path / "tiny", "config.json", "model.safetensors")
    drop(folder)
    assert find(window, "Base model").currentText() == "tiny"
    assert session.last("probe") == (str(folder),)
    assert session.last("load") is None


def test_a_gguf_file_is_a_model(drop, window, tmp_path):
    drop(make(tmp_path / "g", "tiny.gguf") / "tiny.gguf")
    assert find(window, "Base model").currentText() == "tiny.gguf"


def test_what_is_neither_is_said(drop, window, session, tmp_path):
    before = session.last("set_rows")
    drop(make(tmp_path / "<b>holiday", "photo.jpg"))
    assert "<b>holiday: neither an adapter (a folder with adapter_config.json) nor a model" in words(window)
    assert session.last("set_rows") == before


def test_a_link_to_elsewhere_is_not_taken(drop):
    assert not drop(urls=[QUrl("https://example.org/adapter")])


def test_a_folder_dropped_on_the_prompt_goes_where_it_belongs(drop, window, session, tmp_path):
    box = find(window, "Prompt")
    drop(make(tmp_path / "a", "adapter_config.json"), on=box.viewport())
    assert box.toPlainText() == ""
    assert [row.name for row in session.last("set_rows")[0]] == ["a"]
