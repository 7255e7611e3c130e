"""The library's disk is unplugged, or a model's folder deleted: it is told, nothing hangs, and plugging in helps."""

from __future__ import annotations

import shutil

import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from desktop.library.settings import Settings
from desktop.session.plans import LoadPlan, State
from desktop.session.saved import Saved, read_saved
from desktop.session.session import Session
from tests.engine.puppets import row
from tests.session.conftest import Heard
from tests.ui.hands import until


@pytest.fixture
def disk(tmp_path):
    """A further folder of the library with a model and an adapter in it."""
    disk = tmp_path / "disk"
    for folder, file in (("models/polly", "config.json"), ("loras/pirate", "adapter_config.json")):
        (disk / folder).mkdir(parents=True)
        (disk / folder / file).write_text("{}", encoding="utf-8")
    return disk


@pytest.fixture
def session(application, home, puppets, disk):
    """A session whose library has that folder too."""
    session = Session(home, Settings(folders=(str(disk),)))
    yield session
    session.shut_down()
    session.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def listed(session):
    """The names of the models and adapters that are listed now."""
    told = {}
    session.models_listed.connect(lambda entries: told.update(models=[entry.name for entry in entries]))
    session.adapters_listed.connect(lambda entries: told.update(adapters=[entry.name for entry in entries]))
    session.list_library()
    until(lambda: len(told) == 2)
    return told


def test_a_disk_that_is_gone_is_listed_as_nothing_and_comes_back(session, disk):
    assert listed(session) == {"models": ["polly"], "adapters": ["pirate"]}
    away = disk.rename(disk.with_name("away"))
    assert listed(session) == {"models": [], "adapters": []}
    away.rename(disk)
    assert listed(session) == {"models": ["polly"], "adapters": ["pirate"]}


def test_a_model_whose_folder_was_deleted_keeps_its_stack(session, heard, disk):
    path = disk / "models" / "polly"
    session.load(LoadPlan(name="polly", path=str(path), loader="puppet"))
    heard.wait("model_loaded")
    session.set_rows((row("a"),))
    heard.wait("stack_changed")
    shutil.rmtree(path)
    session.set_rows((row("a", 0.5),))
    assert heard.wait("stack_changed").rows[0].weight == 0.5
    assert session.state is State.READY


def test_the_home_folder_is_gone_when_something_is_saved(session, home, tmp_path):
    told = []
    session.save_failed.connect(told.append)
    home.root.parent.mkdir(exist_ok=True)
    home.root.write_text("a file where the folder was", encoding="utf-8")
    session.save(Saved(prompt="Ahoy"))
    until(lambda: told)
    assert "What you typed could not be saved" in told[0]
    home.root.unlink()
    session.save(Saved(prompt="Ahoy again"))
    until(lambda: read_saved(home.root)[0].prompt == "Ahoy again")


@pytest.fixture
def heard(session):
    """What the session tells from the start."""
    return Heard(session)
