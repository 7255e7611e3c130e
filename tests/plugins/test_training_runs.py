"""Whole runs: equal to transformers' Trainer, and leaving the model as it was however they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

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
    TrainStarted,
)
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
