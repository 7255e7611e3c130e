"""Engines with a puppet for a loader."""

from __future__ import annotations

import pytest

from desktop.engine.client import EngineClient
from desktop.engine.messages import LoaderRef
from tests.engine.puppets import LAUNCH, load


@pytest.fixture
def new_engine(tmp_path):
    """Makes engines that are not yet started; whatever is left of them is killed after the test."""
    made = []

    def make(plugin="puppet", governor=None, launch=LAUNCH, background=False):
        made.append(EngineClient(launch, LoaderRef(plugin, plugin), tmp_path / "logs", governor, background))
        return made[-1]

    yield make
    for engine in made:
        engine.kill()


@pytest.fixture
def engine(new_engine):
    """A started engine without a model."""
    engine = new_engine()
    engine.start()
    return engine


@pytest.fixture
def loaded(engine):
    """A started engine with a puppet."""
    load(engine)
    return engine
