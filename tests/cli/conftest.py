"""`lora-deck` as a user types it: run in this process, with real loaders in real engine processes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from desktop.cli.main import main
from tests import tiny


class Ran(NamedTuple):
    """How a command went."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        """The one object on standard output."""
        return json.loads(self.out)


@pytest.fixture
def run(home, capsys, monkeypatch):
    """Run `lora-deck ARGUMENTS` with this on standard input."""
    # Beside other work a second thread makes a tiny model a hundred times slower.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def command(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = ended.code
        return Ran(status, *capsys.readouterr())

    return command


@pytest.fixture
def echo(tmp_path, third_party) -> Path:
    """A model for the stranger's loader, which answers with the prompt and says its adapters after each word."""
    third_party("stranger")
    (tmp_path / "word.echo").write_text("")
    return tmp_path / "word.echo"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A tiny model with adapters under the names people give, and the model in memory."""
    root = tmp_path_factory.mktemp("made")
    model = tiny.make_model(root / "tiny llama v1.0 é🙂")
    tiny.make_adapter(root / "pirate=v1.5 (é🙂)", model)
    tiny.make_adapter(root / "wide", type(model)(tiny.tiny_config(hidden_size=128)))
    return root, model


@pytest.fixture
def tiny_home(home, made, own_loaders):
    """A home with the tiny model and its adapters in it, and the program's own loaders."""
    root, _ = made
    home.models.mkdir(parents=True)
    home.loras.mkdir()
    (home.models / "tiny llama v1.0 é🙂").symlink_to(root / "tiny llama v1.0 é🙂")
    for name in ("pirate=v1.5 (é🙂)", "wide"):
        (home.loras / name).symlink_to(root / name)
    return home
