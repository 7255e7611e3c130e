"""Why an engine ended, in words; "memory" is said only where the counters say so."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from desktop.engine import exit_reason as module
from desktop.engine.bootstrap import EXIT_MISSING
from desktop.engine.exit_reason import OomCounters, exit_reason, read_oom_counters
from desktop.engine.process import last_line

NOTHING = OomCounters(None, None)
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@pytest.mark.parametrize(
    ("before", "now", "grew"),
    [
        (OomCounters(3, 1), OomCounters(3, 1), False),
        (OomCounters(3, 1), OomCounters(4, 2), True),
        (OomCounters(3, 1), OomCounters(3, 2), True),
        # The kernel counts every kill in the victim's cgroup, so this one was somebody else's.
        (OomCounters(3, 1), OomCounters(4, 1), False),
        (OomCounters(3, None), OomCounters(4, None), True),
        (OomCounters(3, None), OomCounters(3, None), False),
        (OomCounters(None, None), OomCounters(None, None), False),
        (OomCounters(None, 1), OomCounters(None, 2), True),
        # One that can be read only once says nothing.
        (OomCounters(3, None), OomCounters(4, 2), True),
        (OomCounters(None, None), OomCounters(4, 2), False),
    ],
)
@posix
def test_memory_is_blamed_only_where_the_counters_grew(before, now, grew):
    reason = exit_reason(-signal.SIGKILL, before, now, "last words")
    assert ("memory ran out" in reason) == grew
    assert ("killed from outside (SIGKILL)" in reason) == (not grew)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-11, "a library inside it crashed (SIGSEGV)"),
        (-6, "a library inside it crashed (SIGABRT)"),
        (-4, "a library inside it crashed (SIGILL)"),
        (-7, "it lost a file it was reading (SIGBUS)"),
        (-15, "it was ended from outside (SIGTERM)"),
        (-2, "it was ended from outside (SIGINT)"),
        (-63, "it was ended from outside (signal 63)"),
        (0, "it ended by itself"),
        (3, "it ended with status 3 after saying: last words"),
        (EXIT_MISSING, "last words"),
        (0xC0000005, "a library inside it crashed (0xc0000005)"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux's")
def test_how_it_ended(status, words):
    # Not even a counter that grew makes anything but a SIGKILL a kill for want of memory.
    assert exit_reason(status, OomCounters(0, 0), OomCounters(1, 1), "last words").startswith(words)


def test_without_last_words():
    assert exit_reason(3, NOTHING, NOTHING, "") == "it ended with status 3"
    assert "interpreter" in exit_reason(EXIT_MISSING, NOTHING, NOTHING, "")


def test_counters_are_read_from_the_files_linux_has(tmp_path):
    file = tmp_path / "memory.events"
    file.write_text("low 0\noom 7\noom_kill 5\noom_group_kill 0\n")
    assert module._counter(file, "oom_kill") == 5
    file.write_text("oom_kill many\n")
    assert module._counter(file, "oom_kill") is None
    assert module._counter(tmp_path / "nowhere", "oom_kill") is None
    assert module._counter(None, "oom_kill") is None


@pytest.mark.skipif(not Path("/proc/vmstat").exists(), reason="only Linux counts")
def test_this_machine_counts():
    assert isinstance(read_oom_counters().machine, int)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"first\nlast\n\n", "last"),
        (b"bad \xff bytes\r\n", "bad \ufffd bytes"),
        (b"x" * 100_000 + b"\nend", "end"),
        (b"y" * 100_000, "y" * 500),
    ],
)
def test_the_last_line_of_a_log(tmp_path, log, words):
    file = tmp_path / "engine.log"
    file.write_bytes(log)
    assert last_line(file) == words


def test_no_log_has_no_last_line(tmp_path):
    assert last_line(tmp_path / "none") == ""
