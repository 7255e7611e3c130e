"""What the user typed is on the disk within a second, and the file is whole whenever the program is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from desktop.session.saved import FILE, Saved, read_saved
from desktop.session.saver import DELAY, Saver
from tests.ui.hands import until

WRITER = """
import sys
from pathlib import Path
from desktop.session.saved import Saved, write_saved
number = 0
while True:
    number += 1
    write_saved(Path(sys.argv[1]), Saved(prompt=f"{number} " * 200_000))
    print(number, flush=True)
"""


@pytest.fixture
def saver(application, tmp_path):
    """A saver that is handed a prompt whenever it asks; `asked` has when."""
    saver = Saver(tmp_path)
    saver.asked = []

    def hand_over():
        saver.asked.append(time.monotonic())
        saver.write(Saved(prompt="Ahoy"))

    saver.due.connect(hand_over)
    yield saver
    saver.shut_down()


def test_a_change_is_on_the_disk_within_a_second(saver, tmp_path):
    assert DELAY < 1000
    saver.touch()
    until((tmp_path / FILE).exists)
    assert read_saved(tmp_path) == (Saved(prompt="Ahoy"), "")


def test_a_stream_of_changes_is_saved_now_and_then(saver):
    end = time.monotonic() + 1.3

    def touched():
        saver.touch()
        return time.monotonic() > end

    until(touched)
    assert 2 <= len(saver.asked) <= 4


def test_what_was_handed_over_last_is_written_before_the_end(saver, tmp_path):
    for number in range(20):
        saver.write(Saved(prompt=str(number)))
    saver.shut_down()
    assert read_saved(tmp_path)[0].prompt == "19"


def test_a_folder_that_cannot_be_written_is_told(application, tmp_path):
    file = tmp_path / "in-the-way"
    file.write_text("x", encoding="utf-8")
    saver, told = Saver(file), []
    saver.save_failed.connect(told.append)
    saver.write(Saved())
    until(lambda: told)
    saver.shut_down()
    assert told[0].startswith("What you typed could not be saved (")
    assert str(file) in told[0]
    assert file.read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.03])
def test_after_a_kill_the_file_is_whole(tmp_path, delay):
    root = Path(__file__).resolve().parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    for _ in range(3):
        assert writer.stdout.readline()
    time.sleep(delay)
    writer.kill()
    writer.communicate()
    saved, notice = read_saved(tmp_path)
    assert notice == ""
    number = int(saved.prompt.split(" ", 1)[0])
    assert number >= 3
    assert saved.prompt == f"{number} " * 200_000
