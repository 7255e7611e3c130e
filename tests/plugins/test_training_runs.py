"""Whole runs: equal to transformers' Trainer, resumed to the bit, and leaving the model as it was however they end."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from desktop.api import (
    CheckpointSaved,
    Evaluated,
    GenerateRequest,
    LoaderError,
    LogitsRequest,
    Lora,
    Sampled,
    Sampling,
    SaveNow,
    StepDone,
    StopAndKeep,
    StopAtLoss,
    TrainNote,
    TrainStarted,
)
from loader_kit.training import writing
from loader_kit.training.adapter import TrainedAdapter
from loader_kit.training.batches import batches
from loader_kit.training.samples import make_samples, read_rows
from loader_kit.training.writing import write_folder
from tests import tiny
from tests.plugins.training_making import facts_of, finish, make_request, make_rows, of, peft_model, write_rows

PROMPT = "The capital of France is Paris. The quick brown fox"
SAMPLE = GenerateRequest(prompt="the quick", sampling=Sampling(greedy=True), max_new_tokens=5)


@pytest.fixture
def model(load, tiny_folder):
    return load(tiny_folder, dtype="float32")


def losses(events):
    return [event.loss for event in of(StepDone, events)]


def trained(folder):
    return load_file(Path(folder) / "adapter_model.safetensors")


def test_losses_equal_those_of_the_trainer_with_peft(model, tiny_model, tmp_path):
    """Twenty steps at equal settings, rows in the same order, from the same first factors."""
    from transformers import Trainer, TrainingArguments

    settings = {"max_steps": 20, "warmup": 4, "weight_decay": 0.01, "learning_rate": 2e-3, "batch_size": 3}
    request = make_request(tmp_path / "ours", settings=settings)
    start = TrainedAdapter(model.model, request.settings)
    write_folder(tmp_path / "start", start.files())
    events, report = finish(model.train(request))

    data = make_samples(model.tokenizer, read_rows(request.rows), request.settings).samples
    order = batches(data, request.settings, 0)
    rows = [sample for _ in range(20) for sample in next(order)]

    def collate(some):
        longest = max(len(one.ids) for one in some)
        ids = torch.zeros(len(some), longest, dtype=torch.int64)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
        for at, one in enumerate(some):
            length = len(one.ids)
            ids[at, :length], mask[at, :length] = one.ids, 1
            labels[at, :length] = one.ids.masked_fill(~one.trained, -100)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "theirs"), max_steps=20, per_device_train_batch_size=3, learning_rate=2e-3,
        lr_scheduler_type="cosine", warmup_steps=4, weight_decay=0.01, max_grad_norm=1.0, logging_steps=1,
        train_sampling_strategy="sequential", use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
        remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Trainer(
        model=peft_model(tiny_model, tmp_path / "start"), args=arguments, train_dataset=rows, data_collator=collate
    )
    trainer.train()
    history = [row for row in trainer.state.log_history if "loss" in row]
    assert report.steps == 20
    assert losses(events) == pytest.approx([row["loss"] for row in history], rel=1e-4)
    norms = [event.gradient_norm for event in of(StepDone, events)]
    assert norms == pytest.approx([float(row["grad_norm"]) for row in history], rel=1e-3)
    assert losses(events)[-1] < losses(events)[0] - 0.1


def test_the_adapter_loads_in_plain_peft_with_equal_logits(model, tiny_model, tmp_path):
    request = make_request(tmp_path / "a", settings={"rslora": True}, record={"data": "beef", "base": "tiny/llama"})
    _, report = finish(model.train(request))
    model.stack.apply(Lora(id="new", name="new", path=report.folder))
    ours = torch.frombuffer(
        bytearray(model.logits(LogitsRequest(prompt=PROMPT, last=999)).data), dtype=torch.float32
    ).view(-1, 320)
    ids = torch.tensor([model.tokenizer(PROMPT)["input_ids"]])
    with torch.no_grad():
        theirs = peft_model(tiny_model, Path(report.folder)).eval()(ids).logits[0]
        base = tiny_model(ids).logits[0]
    assert float((ours - theirs).abs().max()) < 1e-4
    assert float((base - theirs).abs().max()) > 0.1
    record = json.loads((Path(report.folder) / "lora_deck.json").read_text())
    assert record["record"] == {"data": "beef", "base": "tiny/llama"}
    assert record["steps"] == 6
    assert record["settings"]["rslora"] is True
    assert json.loads((Path(report.folder) / "adapter_config.json").read_text())["target_modules"] == [
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"
    ]  # fmt: skip


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


def test_the_model_is_what_it_was(model, tiny_model, tmp_path):
    tiny.make_adapter(tmp_path / "worn", tiny_model)
    model.stack.replace([Lora(id="w", name="worn", path=str(tmp_path / "worn"))])
    before, logits = facts_of(model.model), model.logits(LogitsRequest(prompt=PROMPT, last=999)).data
    settings = {"gradient_checkpointing": True, "dropout": 0.1, "eval_every": 2, "sample_every": 2}
    finish(model.train(make_request(tmp_path / "a", held_out=make_rows(3), settings=settings, samples=(SAMPLE,))))
    assert facts_of(model.model) == before
    assert model.logits(LogitsRequest(prompt=PROMPT, last=999)).data == logits


@pytest.mark.parametrize("kind", [TrainStarted, StepDone, Evaluated, Sampled, CheckpointSaved])
def test_the_model_is_what_it_was_after_a_cancel_anywhere(model, tmp_path, kind):
    before, logits = facts_of(model.model), model.logits(LogitsRequest(prompt=PROMPT, last=999)).data
    settings = {"eval_every": 1, "sample_every": 1, "save_every": 1}
    request = make_request(tmp_path / "a", held_out=make_rows(3), settings=settings, samples=(SAMPLE,))
    running = model.train(request)
    while not isinstance(next(running), kind):
        pass
    running.close()
    assert facts_of(model.model) == before
    assert model.logits(LogitsRequest(prompt=PROMPT, last=999)).data == logits
    assert not (Path(request.folder) / "adapter").exists()


def test_samples_and_evaluations_disturb_nothing(model, tmp_path):
    settings = {"dropout": 0.2}
    quiet, _ = finish(model.train(make_request(tmp_path / "quiet", settings=settings)))
    busy_settings = {**settings, "eval_every": 1, "sample_every": 1, "save_every": 1}
    sampled = GenerateRequest(prompt="the", sampling=Sampling(seed=1), max_new_tokens=3)
    request = make_request(tmp_path / "busy", held_out=make_rows(3), settings=busy_settings, samples=(SAMPLE, sampled))
    busy, _ = finish(model.train(request))
    assert losses(quiet) == losses(busy)
    assert [(event.step, event.sample) for event in of(Sampled, busy)] == [(n, m) for n in range(7) for m in (0, 1)]
    assert [event.step for event in of(Evaluated, busy)] == list(range(1, 7))


def test_samples_come_from_the_adapter_as_it_is(model, tmp_path):
    text = "".join(chunk.text for chunk in model.generate(SAMPLE))
    settings = {"sample_every": 6, "learning_rate": 0.05}
    events, report = finish(model.train(make_request(tmp_path / "a", settings=settings, samples=(SAMPLE,))))
    first, last = of(Sampled, events)
    model.stack.apply(Lora(id="new", name="new", path=report.folder))
    assert first.text == text
    assert last.text == "".join(chunk.text for chunk in model.generate(SAMPLE))
    assert last.text != text


def test_commands_save_stop_and_move_the_loss(model, tmp_path):
    request = make_request(tmp_path / "a", settings={"epochs": 10})
    events, report = finish(model.train(request), {2: SaveNow(), 4: StopAndKeep()})
    assert [event.step for event in of(CheckpointSaved, events) if not event.final] == [2, 4]
    assert (report.reason, report.steps) == ("stopped", 4)
    assert Path(report.folder, "adapter_model.safetensors").is_file()
    events, report = finish(model.train(make_request(tmp_path / "b", settings={"epochs": 10})), {3: StopAtLoss(99)})
    assert (report.reason, report.steps) == ("loss", 3)


def test_a_run_without_improvement_ends_by_patience(model, tmp_path):
    settings = {"epochs": 20, "eval_every": 1, "patience": 2, "learning_rate": 0.9, "optimizer": "sgd"}
    other = [row for row in make_rows(4) if row.source % 2]
    _, report = finish(model.train(make_request(tmp_path / "a", held_out=other, settings=settings)))
    assert report.reason == "patience"
    assert report.evaluation_loss is not None


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


def test_plain_rows_without_labels_are_nothing_to_learn(model, tmp_path):
    request = make_request(tmp_path / "a", rows=[])
    assert "nothing to learn" in model.plan_training(request).notes[0]
    with pytest.raises(LoaderError, match="No row has a token that counts"):
        next(model.train(request))


def test_the_plan_is_what_the_run_then_is(model, tmp_path):
    request = make_request(tmp_path / "a", settings={"cutoff": 32})
    plan = model.plan_training(request)
    events, report = finish(model.train(request))
    started = events[0]
    assert (plan.steps, plan.tokens) == (report.steps, started.tokens)
    assert plan.trainable_parameters == started.trainable_parameters
    assert plan.rows_cut == started.rows_cut > 0
    assert len(plan.lengths) == plan.rows == 12
    assert sum(event.tokens for event in of(StepDone, events)) == 2 * plan.tokens


def test_evaluation_equals_transformers_own_loss_with_and_without_the_adapter(model, tiny_model, tmp_path):
    from desktop.api import EvaluateRequest

    request = make_request(tmp_path / "a", held_out=make_rows(5))
    events, report = finish(model.train(request))
    told = of(Evaluated, events)[-1]
    data = make_samples(model.tokenizer, make_rows(5), request.settings).samples

    def reference(peft):
        total = count = 0
        for sample in data:
            labels = sample.ids.masked_fill(~sample.trained, -100)
            with torch.no_grad():
                total += float(peft(input_ids=sample.ids[None], labels=labels[None]).loss) * sample.labels
            count += sample.labels
        return total / count

    ask = EvaluateRequest(rows=request.evaluation_rows, settings=request.settings)
    shares, base = finish(model.evaluate(ask))
    model.stack.apply(Lora(id="new", name="new", path=report.folder))
    _, adapted = finish(model.evaluate(ask))
    assert shares[-1] == 1
    assert base.loss == pytest.approx(reference(tiny_model), rel=1e-5)
    assert adapted.loss == pytest.approx(reference(peft_model(tiny_model, Path(report.folder)).eval()), rel=1e-5)
    assert adapted.loss == pytest.approx(told.loss, rel=1e-5) == report.evaluation_loss
    assert (adapted.tokens, adapted.rows) == (told.tokens, 5)


def test_raw_text_is_measured_in_windows(model, tmp_path):
    from desktop.api import EvaluateRequest, Part, TrainingRow, TrainSettings

    text = tiny.TEXT * 2
    rows = write_rows(tmp_path / "rows.jsonl", [TrainingRow(parts=(Part(text),), cut=True)])
    length = len(model.tokenizer(text)["input_ids"]) + 1
    settings = TrainSettings(cutoff=32)
    _, apart = finish(model.evaluate(EvaluateRequest(rows=rows, settings=settings)))
    _, sliding = finish(model.evaluate(EvaluateRequest(rows=rows, settings=settings, stride=8)))
    assert sliding.tokens == length - 1
    assert apart.tokens == length - -(-length // 32)
    assert sliding.loss != apart.loss


def test_damaged_factors_of_a_checkpoint_are_refused(model, tmp_path):
    request = make_request(tmp_path / "a", settings={"save_every": 2})
    finish(model.train(request))
    step = Path(request.folder) / "checkpoints" / "step-2"
    tensors = trained(step)
    save_file({name: tensor[:1] for name, tensor in tensors.items()}, step / "adapter_model.safetensors")
    with pytest.raises(LoaderError, match="another rank or on other modules"):
        finish(model.train(make_request(tmp_path / "b", resume_from=str(step))))
