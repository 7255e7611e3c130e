"""A run and the shell's governor: it counts as busy, gives way to an answer, and has the cores back afterwards."""

from __future__ import annotations

import time

import msgspec
import pytest

from desktop.engine.governor import REST, Governor
from desktop.engine.runs import control
from desktop.engine.runs.control import CoreShare, read_rest, read_share, tell_rest, wish_share
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import RunLock
from desktop.engine.runs.sharing import RunSharer
from tests.runs_kit import wait_until


class Answering:
    """An engine that somebody waits for."""

    background = False

    def __init__(self):
        self.told = []

    def share(self, parts, rest):
        self.told.append((parts, rest))


@pytest.fixture
def folder(tmp_path):
    """A run's folder."""
    return RunFolder(tmp_path)


def test_it_gives_way_to_an_answer_and_goes_on_alone(folder):
    lock = RunLock(folder.lock)
    governor, answering = Governor(), Answering()
    sharer = RunSharer(folder, governor)
    assert (read_share(folder).parts, read_share(folder).rest) == (1, 0.0)
    wait_until(lambda: governor._busy)
    governor.begin(answering)
    wait_until(lambda: (read_share(folder).parts, read_share(folder).rest) == (2, REST))
    assert answering.told[-1] == (2, 0.0)
    tell_rest(folder, time.time() + 60)
    wait_until(lambda: answering.told[-1] == (1, 0.0))
    tell_rest(folder, 0.0)
    wait_until(lambda: answering.told[-1] == (2, 0.0))
    lock.release()
    wait_until(lambda: answering.told[-1] == (1, 0.0))
    wait_until(lambda: read_share(folder) == CoreShare() or read_share(folder).parts == 1)
    sharer.close()


def test_closing_the_shell_gives_the_cores_back(folder):
    lock = RunLock(folder.lock)
    governor, answering = Governor(), Answering()
    sharer = RunSharer(folder, governor)
    wait_until(lambda: governor._busy)
    governor.begin(answering)
    wait_until(lambda: read_share(folder).parts == 2)
    sharer.close()
    assert (read_share(folder).parts, read_share(folder).rest) == (1, 0.0)
    lock.release()


def test_the_wish_of_a_shell_that_is_gone_means_nothing(folder):
    wish_share(folder, 4, 1.0)
    assert read_share(folder).parts == 4
    old = CoreShare(4, 1.0, time.time() - control.STALE - 1)
    folder.share.write_bytes(msgspec.json.encode(old))
    assert read_share(folder) == CoreShare()
    folder.share.write_bytes(b'{"parts": 4, ')
    assert read_share(folder) == CoreShare()
    folder.share.unlink()
    assert read_share(folder) == CoreShare()


def test_a_rest_that_is_over_is_none(folder):
    assert not read_rest(folder)
    tell_rest(folder, time.time() - 1)
    assert not read_rest(folder)
    tell_rest(folder, time.time() + 60)
    assert read_rest(folder)
