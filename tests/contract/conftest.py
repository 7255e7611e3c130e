"""Every loader there is: the program's own, the strangers' of tests/third_party and the README's parrot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from desktop.api import Capabilities, LoadRequest, Lora, ModelInfo
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.library.home import Home
from desktop.library.settings import Settings
from tests import tiny
from tests.contract.opening import (
    PATIENCE,
    ROOT,
    THIRD_PARTY,
    answer,
    engine_of,
    install_own_loaders,
    logits,
    plugins_of,
)
from tests.metadata import write_metadata
from tests.plugins.gptq_writer import write_checkpoint

PROMPT = "The capital of France is Paris. The quick brown fox"


class Case(msgspec.Struct, frozen=True):
    """A model that a loader opens, in one of the ways in which it can be held."""

    name: str
    loader: str
    model: str
    """Its name in the shelf."""
    request: dict[str, object] = {}


CASES = (
    Case("transformers-fp32", "transformers", "tiny", {"dtype": "float32"}),
    Case("transformers-bf16", "transformers", "tiny", {"dtype": "bfloat16"}),
    Case("transformers-8bit", "transformers", "tiny", {"bits": 8, "dtype": "float32"}),
    Case("transformers-4bit", "transformers", "tiny", {"bits": 4, "dtype": "float32"}),
    Case("autogptq-fp32", "autogptq", "tiny-autogptq", {"dtype": "float32"}),
    Case("autogptq-bf16", "autogptq", "tiny-autogptq", {"dtype": "bfloat16"}),
    Case("gptq_llama-fp32", "gptq_llama", "tiny-gptq-llama/tiny-4bit-32g.pt", {"dtype": "float32"}),
    Case("stranger", "echo", "word.echo"),
    Case("readme", "parrot", "polly.parrot"),
)


class Opened(msgspec.Struct, frozen=True):
    """A model in an engine, for every test of its case: each leaves the stack empty."""

    case: Case
    engine: EngineClient
    info: ModelInfo
    capabilities: Capabilities
    shelf: Path

    @property
    def real(self) -> bool:
        """Whether adapters are read and computed with; the strangers' loaders only say their names."""
        return self.case.loader in {"transformers", "autogptq", "gptq_llama"}

    @property
    def bits(self) -> int:
        """Bits of its weights: GPTQ's are the file's own."""
        return 4 if "gptq" in self.case.loader else int(str(self.case.request.get("bits", 16)))

    def observe(self) -> tuple[str, tuple[int, ...], bytes]:
        """What the model says and computes now: text, tokens and, where it gives some, logits to the bit."""
        # The answer first: on some machines 4-bit weights are repacked in the first pass.
        said = answer(self.engine, PROMPT, 6)
        return *said, logits(self.engine, PROMPT) if self.capabilities.logits else b""

    def row(self, name: str, weight: float = 1.0, **changes) -> Lora:
        """A row of the stack with an adapter of the shelf."""
        return Lora(id=f"ad_{name}", name=name, path=str(self.shelf / "loras" / name), weight=weight, **changes)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory) -> Path:
    """A model for each loader, adapters of rank 4 and 16, one for another base, and things that are no models."""
    folder = tmp_path_factory.mktemp("shelf")
    model = tiny.make_model(folder / "tiny")
    tiny.make_adapter(folder / "loras" / "small", model, rank=4, alpha=8, seed=1)
    every = tiny.linear_names(model)
    tiny.make_adapter(folder / "loras" / "large", model, rank=16, alpha=16, seed=2, modules=every)
    tiny.make_adapter(folder / "loras" / "foreign", type(model)(tiny.tiny_config(hidden_size=128)))
    write_checkpoint(folder / "tiny-autogptq", folder / "tiny", act_order=True)
    write_checkpoint(
        folder / "tiny-gptq-llama", folder / "tiny", era="qzeros", writer="gptq_for_llama", file="tiny-4bit-32g.pt",
        config=False,
    )  # fmt: skip
    for name in ("word.echo", "polly.parrot", "song.loud", "notes.txt"):
        (folder / name).write_text("nothing to load")
    (folder / "empty").mkdir()
    (folder / "garbage").mkdir()
    (folder / "garbage" / "config.json").write_bytes(b"\xff\x00{{{")
    (folder / "garbage" / "model.safetensors").write_bytes(b"\xff" * 99)
    (folder / "noise.gguf").write_bytes(b"GGUF" + b"\xff" * 99)
    return folder


@pytest.fixture(scope="session")
def plugin_folders(tmp_path_factory) -> tuple[Path, ...]:
    """Where all the loaders are installed."""
    parrot = tmp_path_factory.mktemp("parrot")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    (parrot / "parrot.py").write_text(next(block for block in blocks if "@hookimpl" in block), encoding="utf-8")
    write_metadata(parrot, {"parrot": "parrot"}, "parrot")
    strangers = (THIRD_PARTY / name for name in ("stranger", "prints_binary", "imports_torch"))
    return *install_own_loaders(tmp_path_factory.mktemp("own")), *strangers, parrot


@pytest.fixture(scope="session")
def long_home(tmp_path_factory) -> Home:
    """A home for what lives longer than a test."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def registry(long_home, plugin_folders) -> Iterator[Loaders]:
    """All the loaders, described and ready to judge; its describer is started before the first test that uses it."""
    with plugins_of(*plugin_folders), Loaders(long_home, Settings()) as loaders:
        loaders.probe(Path("/nowhere"))
        yield loaders


@pytest.fixture(scope="session", params=CASES, ids=lambda case: case.name)
def opened(request, long_home, plugin_folders, shelf) -> Iterator[Opened]:
    """One engine a case, for all the tests."""
    case: Case = request.param
    with plugins_of(*plugin_folders):
        with Loaders(long_home, Settings()) as loaders:
            capabilities = loaders.find(case.loader).info.capabilities
        with engine_of(case.loader, long_home) as engine:
            info = engine.load(LoadRequest(path=str(shelf / case.model), **case.request)).result(PATIENCE)
            assert info is not None
            yield Opened(case, engine, info, capabilities, shelf)


@pytest.fixture
def stack(opened) -> Iterator[Opened]:
    """The same with an empty stack, and empty again after the test."""
    opened.engine.set_stack([]).result(PATIENCE)
    yield opened
    opened.engine.set_stack([]).result(PATIENCE)
