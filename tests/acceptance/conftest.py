"""The real starter model, made once by the program's own command and kept between runs; one engine a configuration.

It lies in `$LORA_DECK_TEST_CACHE`, else in the user's cache folder. Remove that folder to have it made anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import platformdirs
import pytest
from filelock import FileLock

from desktop.api import LoadRequest, Lora, Message, ModelInfo
from desktop.cli.main import main
from desktop.engine.client import EngineClient
from desktop.library.home import Home
from tests import tiny
from tests.contract.opening import PATIENCE, answer, engine_of, install_own_loaders, logits, plugins_of

QUESTION = "What is the capital of France?"
TOKENS = 8
"""As many as "The capital of France is Paris." takes, and its end."""
TEXT = "The capital of France is Paris, and the treasure lies"


class Configuration(msgspec.Struct, frozen=True):
    """A way to hold the model, as the command line asks for it."""

    options: str
    request: dict[str, object]


CONFIGURATIONS = (
    Configuration("--dtype float32", {"dtype": "float32"}),
    Configuration("", {}),
    Configuration("--load-in-8bit", {"bits": 8}),
    Configuration("--load-in-4bit", {"bits": 4}),
)


class Starter(msgspec.Struct, frozen=True):
    """The starter model in an engine, with an empty stack before and after every test."""

    engine: EngineClient
    info: ModelInfo
    home: Home
    prompt: str
    """The question in the model's own template."""

    def answer(self, tokens: int = TOKENS) -> tuple[str, tuple[int, ...]]:
        """The greedy answer to the question."""
        return answer(self.engine, self.prompt, tokens, add_special_tokens=False)

    def logits(self) -> bytes:
        """Of every position of a text, to the bit."""
        return logits(self.engine, TEXT, add_special_tokens=False)

    def attach(self, *rows: tuple[Path, float]) -> None:
        """Make adapters with these weights the stack."""
        loras = [Lora(id=f"ad_{path.name}", name=path.name, path=str(path), weight=weight) for path, weight in rows]
        self.engine.set_stack(loras).result(PATIENCE)


@pytest.fixture(scope="session")
def plugin_folders(tmp_path_factory) -> tuple[Path, ...]:
    """Where the program's own loaders are installed."""
    return install_own_loaders(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session")
def starter_folder(plugin_folders) -> Path:
    """The starter model; skips where it has to be downloaded and can't be."""
    cache = os.environ.get("LORA_DECK_TEST_CACHE") or platformdirs.user_cache_dir("lora-deck-tests", appauthor=False)
    home = Home(Path(cache) / "home")
    folder = home.models / "starter"
    home.root.mkdir(parents=True, exist_ok=True)
    with FileLock(home.root / "tests.lock"):  # the tests run in several processes, and one fetches it for all
        if not folder.exists():
            made = ["--home", str(home.root), "generate", "--model", "starter", "--max-new-tokens", "1", "-p", "Ahoy"]
            with plugins_of(*plugin_folders):
                status = main(made)
            if not folder.exists():
                pytest.skip("the starter model could not be fetched; the reason stands in the captured output")
            assert status == 0
    return folder


@pytest.fixture(scope="session")
def starter_home(starter_folder, tmp_path_factory) -> Home:
    """A home of this run's own with the starter model in it; the adapter is still to be installed."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.models.mkdir()
    (home.models / "starter").symlink_to(starter_folder, target_is_directory=True)
    return home


@pytest.fixture(scope="session", params=CONFIGURATIONS, ids=lambda one: one.options or "default")
def opened(request, starter_home, plugin_folders) -> Iterator[Starter]:
    """One engine a configuration, for all the tests."""
    with plugins_of(*plugin_folders), engine_of("transformers", starter_home) as engine:
        path = str(starter_home.models / "starter")
        info = engine.load(LoadRequest(path=path, **request.param.request)).result(PATIENCE)
        assert info is not None
        prompt = engine.render([Message("user", QUESTION)]).result(PATIENCE)
        yield Starter(engine, info, starter_home, prompt)


@pytest.fixture
def starter(opened) -> Iterator[Starter]:
    """The same, with an empty stack before and after the test."""
    opened.attach()
    yield opened
    opened.attach()


@pytest.fixture
def command(plugin_folders, capsys):
    """`lora-deck ARGUMENTS`; what it printed on standard output, by lines."""

    def run(home: Home, *arguments: object) -> list[str]:
        with plugins_of(*plugin_folders):
            status = main(["--home", str(home.root), *map(str, arguments)])
        out, err = capsys.readouterr()
        assert status == 0, err
        return out.splitlines()

    return run


@pytest.fixture
def tiny_home(tmp_path) -> Home:
    """A home with a model called `tiny`, in float32."""
    home = Home(tmp_path / "home")
    tiny.make_model(home.models / "tiny")
    return home


@pytest.fixture
def alpaca(tmp_path):
    """Call it with a number: a file of so many rows as people have them, with and without inputs and further keys."""

    def write(count: int) -> Path:
        more = ({"input": ""}, {"input": "the fox"}, {}, {"input": "", "id": 7, "source": None})
        rows = [{"instruction": f"Say {n}", "output": f"Paris {n % 8}", **more[n % len(more)]} for n in range(count)]
        (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
        return tmp_path / "rows.json"

    return write
