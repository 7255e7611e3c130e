"""Checkpoints: resumed to the bit, refused where they don't fit, never half written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from desktop.api import (
    CheckpointSaved,
    GenerateRequest,
    LoaderError,
    Sampling,
    StepDone,
    StopAndKeep,
    TrainNote,
)
from loader_kit.training import writing
from loader_kit.training.writing import write_folder
from tests.plugins.training_making import finish, make_request, make_rows, of

PROMPT = "The capital of France is Paris. The quick brown fox"
SAMPLE = GenerateRequest(prompt="the quick", sampling=Sampling(greedy=True), max_new_tokens=5)


@pytest.fixture
def model(load, tiny_folder):
    return load(tiny_folder, dtype="float32")


def losses(events):
    return [event.loss for event in of(StepDone, events)]


def trained(folder):
    return load_file(Path(folder) / "adapter_model.safetensors")


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.2}, {"optimizer": "sgd"}, {"packing": False}])
def test_a_resumed_run_equals_the_uninterrupted_one_to_the_bit(model, tmp_path, changes):
    settings = {"save_every": 2, "epochs": 3, "keep_checkpoints": 0, "warmup": 3, **changes}
    request = make_request(tmp_path / "whole", settings=settings)
    whole, report = finish(model.train(request))
    assert len(losses(whole)) == 9
    for step in (2, 4):
        again = make_request(
            tmp_path / f"from-{step}", settings=settings, resume_from=f"{request.folder}/checkpoints/step-{step}"
        )
        events, resumed = finish(model.train(again))
        assert events[0].first_step == step
        assert losses(events) == losses(whole)[step:]
        assert [event.smoothed_loss for event in of(StepDone, events)] == [
            event.smoothed_loss for event in of(StepDone, whole)
        ][step:]
        ours, theirs = trained(resumed.folder), trained(report.folder)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_adamw_in_8_bits_learns_and_resumes(model, tmp_path):
    pytest.importorskip("bitsandbytes")
    settings = {"save_every": 2, "optimizer": "adamw8bit", "rank": 64}  # smaller tensors keep 32-bit moments
    request = make_request(tmp_path / "whole", settings=settings)
    whole, _ = finish(model.train(request))
    again = make_request(tmp_path / "b", settings=settings, resume_from=f"{request.folder}/checkpoints/step-2")
    events, _ = finish(model.train(again))
    assert losses(whole)[-1] < losses(whole)[0]
    assert losses(events) == losses(whole)[2:]


def test_old_checkpoints_go_but_the_one_resumed_from_stays(model, tmp_path):
    settings = {"save_every": 1, "keep_checkpoints": 2}
    request = make_request(tmp_path / "a", settings=settings)
    finish(model.train(request), {3: StopAndKeep()})
    place = Path(request.folder) / "checkpoints"
    assert sorted(path.name for path in place.iterdir()) == ["step-2", "step-3"]
    again = make_request(tmp_path / "a", settings=settings, resume_from=str(place / "step-3"))
    finish(model.train(again))
    assert sorted(path.name for path in place.iterdir()) == ["step-3", "step-5", "step-6"]


def test_a_run_continues_from_an_adapter(model, tmp_path):
    _, first = finish(model.train(make_request(tmp_path / "first")))
    frozen = {"learning_rate": 1e-12, "epochs": 1, "alpha": 4}
    _, second = finish(model.train(make_request(tmp_path / "b", settings=frozen, continue_from=first.folder)))
    ours, theirs = trained(second.folder), trained(first.folder)
    for name, tensor in theirs.items():
        # Half the alpha, so twice the B: it does what it did.
        assert torch.allclose(ours[name], tensor * (2 if "lora_B" in name else 1), atol=1e-6)
    with pytest.raises(LoaderError, match=r"can't be continued here: .* rank 4"):
        finish(model.train(make_request(tmp_path / "c", settings={"rank": 8}, continue_from=first.folder)))
    attention = {"targets": "attention"}
    with pytest.raises(LoaderError, match="other modules"):
        finish(model.train(make_request(tmp_path / "d", settings=attention, continue_from=first.folder)))


def test_numbers_that_overflow_stop_the_run_before_they_reach_the_adapter(model, tmp_path, monkeypatch):
    request = make_request(tmp_path / "a", settings={"save_every": 2})
    running = model.train(request)
    while not isinstance(next(running), CheckpointSaved):
        pass
    kept = trained(Path(request.folder) / "checkpoints" / "step-2")
    monkeypatch.setattr(
        "loader_kit.training.loss.functional.cross_entropy",
        lambda logits, *a, **k: (logits * float("nan")).sum(),
    )
    with pytest.raises(LoaderError, match=r"loss of step 3 is not finite .* The last checkpoint is step-2"):
        next(running)
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())
    assert [path.name for path in (Path(request.folder) / "checkpoints").iterdir()] == ["step-2"]


def test_a_full_disk_is_said_before_the_first_step(model, tmp_path, monkeypatch):
    request = make_request(tmp_path / "a")
    full = type(shutil.disk_usage(tmp_path))(10**9, 10**9, 1000)
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda path: full)
    with pytest.raises(LoaderError, match="MB are needed"):
        next(model.train(request))


def test_a_checkpoint_that_does_not_fit_is_told_and_the_run_goes_on(model, tmp_path, monkeypatch):
    request = make_request(tmp_path / "a", settings={"save_every": 2})
    running = model.train(request)
    next(running)
    usage = shutil.disk_usage
    full = type(usage(tmp_path))(10**9, 10**9, 1000)
    with monkeypatch.context() as patch:
        patch.setattr(writing.shutil, "disk_usage", lambda path: full)
        events = [next(running) for _ in range(4)]
    (note,) = of(TrainNote, events)
    assert note.text.startswith("No checkpoint was written at step 2; there is none yet.")
    assert not list(Path(request.folder).rglob("*"))
    events, report = finish(running)
    assert report.steps == 6


def test_a_failed_write_leaves_the_old_folder(tmp_path, monkeypatch):
    write_folder(tmp_path / "adapter", {"a": b"old"})

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LoaderError, match="No space left"):
        write_folder(tmp_path / "adapter", {"a": b"new"})
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]
    assert (tmp_path / "adapter" / "a").read_bytes() == b"old"


def test_a_checkpoint_of_other_rows_or_another_rank_is_refused(model, tmp_path):
    request = make_request(tmp_path / "a", settings={"save_every": 2})
    finish(model.train(request))
    step = f"{request.folder}/checkpoints/step-2"
    with pytest.raises(LoaderError, match="other rows"):
        finish(model.train(make_request(tmp_path / "b", rows=make_rows(5), resume_from=step)))
    with pytest.raises(LoaderError, match="another rank"):
        finish(model.train(make_request(tmp_path / "c", settings={"rank": 8}, resume_from=step)))
    with pytest.raises(LoaderError, match="no checkpoint"):
        finish(model.train(make_request(tmp_path / "d", resume_from=str(tmp_path))))
    state = Path(step) / "optimizer.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(LoaderError, match="damaged"):
        finish(model.train(make_request(tmp_path / "e", resume_from=step)))


def test_a_resumed_run_with_other_settings_says_so(model, tmp_path):
    request = make_request(tmp_path / "a", settings={"save_every": 2})
    finish(model.train(request))
    again = make_request(
        tmp_path / "b",
        settings={"save_every": 3, "learning_rate": 1e-3},
        resume_from=f"{request.folder}/checkpoints/step-2",
    )
    events, _ = finish(model.train(again))
    assert any(note.endswith("differently: learning_rate.") for note in events[0].notes)


def test_damaged_factors_of_a_checkpoint_are_refused(model, tmp_path):
    request = make_request(tmp_path / "a", settings={"save_every": 2})
    finish(model.train(request))
    step = Path(request.folder) / "checkpoints" / "step-2"
    tensors = trained(step)
    save_file({name: tensor[:1] for name, tensor in tensors.items()}, step / "adapter_model.safetensors")
    with pytest.raises(LoaderError, match="another rank or on other modules"):
        finish(model.train(make_request(tmp_path / "b", resume_from=str(step))))
