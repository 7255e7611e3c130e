"""Interpreters of the AutoGPTQ loader's other engines, made by the program's own setup and kept between runs.

They lie in `$LORA_DECK_TEST_CACHE`, else in the user's cache folder, one for each list of requirements.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs
from filelock import FileLock

from desktop.discovery.loaders import Loaders
from desktop.discovery.setup import Environment, make_interpreter, requirements_of, use_interpreter
from desktop.library.home import Home
from desktop.library.settings import Settings, read_settings_file


def give_interpreter(home: Home, engine: str) -> str:
    """Record for a home the interpreter with an engine of the AutoGPTQ loader; made where there is none. Its path.

    The program's own loaders must be registered. Raises SetupError.
    """
    with Loaders(home, Settings()) as loaders:
        found = loaders.find("autogptq")
    requirements = requirements_of(found, engine)
    cache = os.environ.get("LORA_DECK_TEST_CACHE") or platformdirs.user_cache_dir("lora-deck-tests", appauthor=False)
    version = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    kept = Home(Path(cache) / f"{engine}-{version}")
    kept.root.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.root / "tests.lock"):  # the tests run in several processes, and one makes it for all
        python = read_settings_file(kept.settings_file).interpreters.get("autogptq", "")
        if not Path(python).is_file():
            make_interpreter(kept, found.ref, Environment(requirements), print)
            python = read_settings_file(kept.settings_file).interpreters["autogptq"]
    use_interpreter(home, found.ref, python)
    return python
