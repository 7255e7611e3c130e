"""Tiny models for the tests of the built-in loaders, made once a run."""

import pytest
import torch

from tests import tiny


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    # The models are so small that a second thread only waits.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A float32 model folder; read only."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny.make_model(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_folder):
    """The same model as transformers itself loads it; never to be changed."""
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval()


@pytest.fixture
def load():
    """Load a model as the engine would, and close it after the test."""
    from desktop.api import LoadRequest
    from transformers_loader.loading import load_model

    loaded = []
    steps = []

    def make(path, **request):
        model = load_model(LoadRequest(path=str(path), **request), lambda step, fraction=None: steps.append(step))
        loaded.append(model)
        model.steps = steps
        return model

    yield make
    for model in loaded:
        model.close()
