"""Two hundred ways in which a download goes wrong: afterwards it is whole and listed, or can be taken up again.

Each scenario is drawn from its number: which answers fail and how, whether the repository changes before the second
try, whether the first one is given up in the middle. A slice of them runs by default, all with `-m long`.
"""

from __future__ import annotations

import random

import pytest
from huggingface_hub import constants

from desktop.library.adapters import list_adapters
from desktop.library.hub.record import find_unfinished
from desktop.library.hub.repo_paths import RECORD
from desktop.library.models import list_models
from desktop.library.settings import Settings
from tests.library.fake_hub import Fault
from tests.library.hub.repositories import adapter_files, content, in_bytes, model_files

SCENARIOS = 200
SLICE = range(0, SCENARIOS, 13)
PATIENCE = 0.15
"""Seconds after which a silent server is given up."""


@pytest.mark.parametrize("seed", SLICE)
def test_a_slice_of_the_faults(seed, hub, download, home, tmp_path, monkeypatch):
    scenario(seed, hub, download, home, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("seed", sorted(set(range(SCENARIOS)) - set(SLICE)))
def test_all_other_faults(seed, hub, download, home, tmp_path, monkeypatch):
    scenario(seed, hub, download, home, tmp_path, monkeypatch)


def scenario(seed, hub, download, home, tmp_path, monkeypatch):
    """Download with faults, look, download without, look again."""
    chance = random.Random(seed)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", PATIENCE)
    is_model = chance.random() < 0.4
    size = chance.choice([3_000, 70_000, 400_000])
    files = make(is_model, seed, size, tmp_path)
    repo = hub.add("user/thing", files)
    target = (home.models if is_model else home.loras) / "user_thing"
    for kind, share in (("info", 0.2), ("tree", 0.3), ("resolve", 0.4), ("content", 0.9)):
        if chance.random() < share:
            hub.faults[kind].extend(draw(kind, chance) for _ in range(chance.randint(1, 6)))
    hub.gate = kill_at(chance, size, hub) if chance.random() < 0.2 else None
    first = download("user/thing", workers=chance.choice([1, 2, 4]))
    judge(first, target, files, home)
    hub.gate = None
    for queue in hub.faults.values():
        queue.clear()
    if first.failed and chance.random() < 0.3:
        files = make(is_model, seed + 1000, size, tmp_path)
        repo.change(files)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 30)
    second = download("user/thing")
    assert second.finished, second.failed
    judge(second, target, files, home)


def judge(went, target, files, home):
    """Either all is there, byte for byte, and listed, or nothing is and the rest can be taken up again."""
    listed = [*list_models(home, Settings()), *list_adapters(home, Settings())]
    unfinished = find_unfinished(home.models, home.loras)
    if went.finished:
        assert {path: data for path, data in content(target).items() if path != RECORD} == files
        assert [(one.path, one.problem) for one in listed] == [(str(target), "")]
        assert unfinished == []
    else:
        assert went.failed.message
        assert went.failed.kind != "bug", went.failed.message
        assert not target.exists()
        assert listed == []
        # It may have failed before anything was there to be kept.
        assert len(unfinished) <= 1
        assert all(one.folder == str(target) and 0 <= one.done <= one.total for one in unfinished)


def make(is_model, seed, size, tmp_path):
    """A repository's files."""
    return in_bytes(model_files(seed, size, shards=1 + seed % 3) if is_model else adapter_files(seed, size), tmp_path)


def draw(kind, chance):
    """Something that goes wrong with one answer."""
    asked = Fault(status=429, headers=(("Retry-After", "0"),))
    passing = [asked, Fault(status=500), Fault(status=503, headers=(("Retry-After", "0"),)), Fault(status=502)]
    if kind in ("info", "tree"):
        return chance.choice([*passing, Fault(status=404)])
    if kind == "resolve":
        return chance.choice([*passing, Fault(status=403)])
    bodies = [Fault(cut=chance.choice([0, 1, 1000, 66_000])) for _ in range(4)]
    bodies += [Fault(wrong=True), Fault(wrong=True, cut=2000), Fault(slow=2 * PATIENCE), Fault(deaf=True)]
    return chance.choice([*passing, *bodies, *bodies, Fault(status=403), Fault()])


def kill_at(chance, size, hub):
    """The content's connections all end once so many bytes have been sent, and nothing is answered any more."""
    left = chance.randint(1, max(size, 2))

    def gate(path, sent):
        if sum(hub.sent.values()) >= left:
            for queue in hub.faults.values():
                queue.extend([Fault(status=500)] * 50)
            raise ConnectionError

    return gate
