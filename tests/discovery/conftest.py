"""An interpreter that isn't ours: a bare virtual environment with msgspec and pluggy and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pluggy
import pytest

HOOKS = """
from desktop.api import LoaderInfo, Verdict, hookimpl

@hookimpl
def load(request, progress):
    return None

@hookimpl
def apply_lora(model, lora):
    return None

@hookimpl
def remove_lora(model, lora):
    return None
"""


@pytest.fixture
def hooks():
    """The source of a plugin with the three hooks; add `describe` or `probe` to it."""
    return HOOKS


def make_bare_environment(folder: Path) -> str:
    """A virtual environment without pip; returns its interpreter."""
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)], check=True)
    windows = sys.platform == "win32"
    return str(folder / "Scripts" / "python.exe" if windows else folder / "bin" / "python")


@pytest.fixture(scope="session")
def empty_interpreter(tmp_path_factory):
    """A Python with nothing installed at all."""
    return make_bare_environment(tmp_path_factory.mktemp("empty") / "env")


@pytest.fixture(scope="session")
def other_interpreter(tmp_path_factory):
    """A Python that can run an engine and has none of our packages."""
    folder = tmp_path_factory.mktemp("other") / "env"
    python = make_bare_environment(folder)
    (packages,) = [place for place in folder.rglob("site-packages") if not place.parent.is_symlink()]
    for module in (msgspec, pluggy):
        shutil.copytree(Path(module.__file__).parent, packages / module.__name__)
    return python
