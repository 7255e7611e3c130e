"""The session looks into an adapter on the library's thread and tells what it found."""

from __future__ import annotations

import threading

from PySide6.QtCore import Qt

from desktop.library import inspection
from desktop.library.identity import content_hash
from tests.library.making import make_adapter
from tests.ui.hands import until


def test_an_adapter_is_inspected_off_the_gui_thread(session, tmp_path, monkeypatch):
    folder = make_adapter(tmp_path / "a")
    told, threads = [], []
    monkeypatch.setattr(
        inspection, "content_hash", lambda *args: threads.append(threading.current_thread()) or content_hash(*args)
    )
    session.adapter_inspected.connect(lambda *args: told.append(args), Qt.ConnectionType.DirectConnection)
    session.inspect_adapter(str(folder))
    until(lambda: told)
    ((path, found),) = told
    assert (path, found.modules, found.content_hash) == (str(folder), {"q_proj": 1}, content_hash(folder))
    assert threads[0] is not threading.main_thread()


def test_one_that_is_gone_is_told_as_its_problem(session, heard, tmp_path):
    told = []
    session.adapter_inspected.connect(lambda *args: told.append(args))
    session.inspect_adapter(str(tmp_path / "gone"))
    until(lambda: told)
    assert told[0][1].problems
    assert heard.of("work_failed") == []
