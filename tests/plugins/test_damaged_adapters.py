"""Hundreds of damaged adapters: each is refused in words or acts, and nothing else about the model changes."""

from __future__ import annotations

import random
import time

import msgspec
import pytest
import torch

from desktop.api import LoaderError, LoadRequest, Lora
from desktop.engine.jobs import JobFailed
from desktop.library.adapters import list_adapters
from desktop.library.fit import FitJudge
from desktop.library.identity import content_hash
from desktop.library.settings import Settings
from loader_kit.adapter_stack import AdapterStack
from tests import tiny
from tests.contract.opening import PATIENCE, engine_of, install_own_loaders, logits, plugins_of
from tests.plugins.damaged_pickles import MARKER
from tests.plugins.damaging import all_damages, damaged

DAMAGES = all_damages()
FEW = random.Random(7).sample(DAMAGES, 40)
MANY = [damage for damage in DAMAGES if damage not in FEW]
OTHERS = ("header small numbers", "pickle that repeats one row")
"""What is harmless and yet another adapter."""
IDS = torch.tensor([[3, 17, 42, 5, 90]])
LIMIT = 2.0
"""Seconds one adapter may take, computing time of this process."""


@pytest.fixture(scope="module")
def model():
    """A tiny model whose stack every test leaves as it found it."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(tiny.tiny_config()).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def stack(model, tmp_path_factory):
    """A stack with one good adapter."""
    folder = tmp_path_factory.mktemp("good")
    tiny.make_adapter(folder, model, seed=5)
    made = AdapterStack(model)
    made.apply(Lora(id="good", name="good", path=str(folder)))
    return made


@pytest.fixture(scope="module")
def undamaged(model, stack, tmp_path_factory):
    """What the model computes with the good adapter and with the other one as it was before any damage."""
    folder = tmp_path_factory.mktemp("undamaged")
    tiny.make_adapter(folder, model)
    row = Lora(id="bad", name="not bad", path=str(folder))
    stack.apply(row)
    logits = computed(model)
    stack.remove(row)
    return logits


def computed(model):
    with torch.no_grad():
        return model(IDS).logits


def refusal(what, error):
    """Do it; what the error of this kind says, None where there was none."""
    try:
        what()
    except error as caught:
        return caught
    return None


def check(damage, folder, model, stack, undamaged):
    """Attach a damaged adapter beside the good one, and take it off again where that went well."""
    row = Lora(id="bad", name="the bad one", path=str(damaged(damage, folder, model)))
    before = computed(model)
    started = time.process_time()
    refused = refusal(lambda: stack.apply(row), LoaderError)
    took = time.process_time() - started
    with_both = computed(model)
    stack.remove(row)
    assert torch.equal(computed(model), before)
    assert took < LIMIT
    if refused:
        assert not damage.harmless, refused
        assert 20 < len(str(refused)) < 2000
        assert str(refused).endswith("."), refused
    else:
        assert damage.harmless is not False, "it was attached"
        assert with_both.isfinite().all()
        if damage.harmless and damage.name not in OTHERS:
            assert (with_both - undamaged).abs().max() < 0.02 * undamaged.abs().max()
    assert not (folder / MARKER).exists()


@pytest.mark.parametrize("damage", FEW, ids=str)
def test_a_damaged_adapter_is_refused_or_harmless(damage, tmp_path, model, stack, undamaged):
    check(damage, tmp_path / "bad 🙂", model, stack, undamaged)


@pytest.mark.long
@pytest.mark.parametrize("damage", MANY, ids=str)
def test_every_damaged_adapter_is_refused_or_harmless(damage, tmp_path, model, stack, undamaged):
    check(damage, tmp_path / "bad 🙂", model, stack, undamaged)


def look(damages, home, model, model_folder):
    """What the shell reads of each: what it is, whether it fits, its hash."""
    folders = [damaged(damage, home.loras / f"{number} 🙂", model) for number, damage in enumerate(damages)]
    judge = FitJudge()
    started = time.process_time()
    entries = list_adapters(home, Settings())
    assert msgspec.json.encode(entries)
    # A file that is called like a folder is none, and nothing says that it was meant for an adapter.
    assert {entry.name for entry in entries} == {folder.name for folder in folders if not folder.is_file()}
    for entry in entries:
        folder = home.loras / entry.name
        assert msgspec.json.encode(judge.judge(folder, model_folder))
        if entry.size < 1 << 30:  # one claims a hundred gigabytes, and all of them would be hashed
            refusal(lambda folder=folder: content_hash(folder), LoaderError)
        assert not (folder / MARKER).exists()
    assert time.process_time() - started < max(LIMIT, 0.1 * len(damages))


def test_the_shell_reads_damaged_adapters(home, model, tiny_folder):
    look(FEW, home, model, tiny_folder)


@pytest.mark.long
def test_the_shell_reads_every_damaged_adapter(home, model, tiny_folder):
    look(DAMAGES, home, model, tiny_folder)


def test_an_engine_survives_damaged_adapters(home, tmp_path, tiny_folder, tiny_model):
    tiny.make_adapter(tmp_path / "good", tiny_model)
    good = Lora(id="good", name="good", path=str(tmp_path / "good"))
    names = ("pickle with os.system", "pickle with odd names", "header offsets [0, 2147483648]")
    chosen = [damage for damage in DAMAGES if damage.name in names] + random.Random(3).sample(DAMAGES, 10)
    with plugins_of(*install_own_loaders(tmp_path / "own")), engine_of("transformers", home) as engine:
        engine.load(LoadRequest(path=str(tiny_folder), dtype="float32")).result(PATIENCE)
        engine.set_stack([good]).result(PATIENCE)
        before = logits(engine, "The capital")
        for number, damage in enumerate(chosen):
            folder = damaged(damage, tmp_path / f"bad {number}", tiny_model)
            bad = Lora(id="bad", name="bad", path=str(folder))
            failed = refusal(lambda bad=bad: engine.set_stack([good, bad]).result(PATIENCE), JobFailed)
            if failed:
                assert failed.failure.kind == "user", (damage.name, failed.failure)
                assert not damage.harmless
            else:
                assert damage.harmless is not False, damage.name
                engine.set_stack([good]).result(PATIENCE)
            assert not (folder / MARKER).exists()
            assert logits(engine, "The capital") == before, damage.name
