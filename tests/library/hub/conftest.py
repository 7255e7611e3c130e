"""A hub on this machine, and a way to run a download against it in this process, where it costs no second to start."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from desktop.library.hub import job
from desktop.library.hub.events import Failed, Finished, Task, Waiting
from desktop.library.hub.http_words import in_words
from desktop.library.hub.record import Wish
from desktop.library.hub.source import parse_source
from tests.library.fake_hub import fake_hub, lend
from tests.library.hub.repositories import adapter_files, in_bytes


class Went(NamedTuple):
    """How a download went."""

    events: list

    @property
    def finished(self):
        """The event, or None."""
        return next((one for one in self.events if isinstance(one, Finished)), None)

    @property
    def failed(self):
        """The event, or None."""
        return next((one for one in self.events if isinstance(one, Failed)), None)

    def of(self, kind):
        """Events of a kind."""
        return [one for one in self.events if isinstance(one, kind)]

    @property
    def waits(self):
        """The seconds of each wait."""
        return [one.seconds for one in self.of(Waiting)]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub, and everything that asks the hub asks this one."""
    with fake_hub() as found:
        lend(monkeypatch, found, tmp_path / "hf")
        yield found


@pytest.fixture
def task(home):
    """The task that a name means."""

    def make(text, include=(), exclude=(), text_only=False, **more):
        source = parse_source(text)
        include = (*include, source.file) if source.file else tuple(include)
        facts = {"tries": 3, "first_wait": 0.001, "folder": source.folder} | more
        wish = Wish(include, tuple(exclude), text_only)
        return Task(
            repo=source.repo,
            revision=source.revision,
            models=str(home.models),
            loras=str(home.loras),
            wish=wish,
            **facts,
        )

    return make


@pytest.fixture
def download(hub, task):
    """Run a download; what it told, the last word being Finished, Checked or Failed."""

    def run(text, **options):
        events = []
        asked = task(text, **options)
        try:
            job.run(asked, events.append)
        except Exception as error:
            problem = in_words(error, asked.repo, asked.revision)
            events.append(Failed(kind=problem.kind, message=str(problem)))
        return Went(events)

    return run


@pytest.fixture
def as_bytes(tmp_path):
    """Files as they lie on a hub: dictionaries become JSON or safetensors."""
    return lambda files: in_bytes(files, tmp_path / "made")


@pytest.fixture
def adapter(hub, as_bytes):
    """The mission's own example, with everything else such a repository holds; its files."""
    files = as_bytes(adapter_files()) | {"adapter_model.bin": b"PK" * 9000, ".gitattributes": b"*.bin filter=lfs\n"}
    hub.add("tloen/alpaca-lora-7b", files)
    return files
