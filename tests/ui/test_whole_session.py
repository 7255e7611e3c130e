"""A person's whole session with the real engine; the program is killed, and everything is there at the next start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QPlainTextEdit

from desktop.library.conversation import path_of
from desktop.library.conversations import read_conversation
from desktop.starter.install import install_adapter
from tests.acceptance.conftest import plugin_folders, starter_folder  # noqa: F401 - fixtures
from tests.ui.hands import find, until, until_said
from tests.ui.test_story import PATIENCE, is_ready, open_window, starter_home  # noqa: F401 - fixtures
from tests.ui.whole_session import CORRECTED, SET, UNSENT, Expected, in_sight, say

ROOT = Path(__file__).resolve().parents[2]
LIFE = 240
"""Seconds the killed program may have lived."""

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX"),
    pytest.mark.timeout(LIFE + 3 * PATIENCE),
]


def test_all_is_there_after_a_kill(starter_home, open_window, tmp_path):  # noqa: F811
    install_adapter(starter_home.loras, "telegram")
    told = tmp_path / "expected.json"
    command = [sys.executable, "-m", "tests.ui.whole_session", str(starter_home.root), str(told)]
    life = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIFE)
    assert life.returncode == -signal.SIGKILL, life.stderr
    expected = msgspec.json.decode(told.read_bytes(), type=Expected)

    here = open_window.start()
    window = here.window
    until(lambda: is_ready(here), PATIENCE)
    until(lambda: window.chat.conversation.id == expected.conversation.id, PATIENCE)
    assert window.chat.conversation.turns == expected.conversation.turns
    assert path_of(window.chat.conversation) == path_of(expected.conversation)
    assert window.stack.rows() == expected.rows
    assert [(row.name, row.weight) for row in expected.rows] == [("pirate", 0.9), ("telegram", 0.85)]
    assert find(window, "Prompt", QPlainTextEdit).toPlainText() == UNSENT
    until_said(window, "2/2", PATIENCE)

    other = read_conversation(starter_home.conversations, expected.other)
    assert [turn.text for turn in path_of(other)] == expected.others
    assert "And Rome?" in [turn.text for turn in other.turns]
    (kept,) = starter_home.datasets.glob(f"{SET}.*")
    assert CORRECTED in kept.read_text("utf-8")
    assert len([line for line in kept.read_text("utf-8").splitlines() if CORRECTED in json.dumps(line)]) == 1

    until(lambda: here.session._driver.client.stack == window.stack.rows(), PATIENCE)
    find(window, "Prompt", QPlainTextEdit).clear()
    say(here, "And Bern?")
    assert in_sight(window)[-2] == "And Bern?"
