"""The starter model for benchmarks and for tests that need a real one: made once, kept between runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import platformdirs

from desktop.starter.install import MODEL

ROOT = Path(__file__).resolve().parents[2]


def cache_home() -> Path:
    """The home folder that outlives the tests: `$LORA_DECK_TEST_CACHE`, else a folder in the user's cache."""
    chosen = os.environ.get("LORA_DECK_TEST_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("lora-deck-tests", appauthor=False))


def starter_model() -> Path:
    """The folder of the starter model, made by the program itself where it is missing."""
    home = cache_home()
    folder = home / "models" / MODEL
    if not folder.exists():
        command = ["generate", "--home", str(home), "--model", MODEL, "--prompt", "hello", "--max-new-tokens", "1"]
        subprocess.run([sys.executable, "-m", "desktop", *command], cwd=ROOT, check=True, stdout=sys.stderr)
    return folder
