"""What transformers' Trainer with PEFT learns from the same rows, in the same order, from the same first factors."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from desktop.api import TrainSettings
from loader_kit.training.adapter import TrainedAdapter
from loader_kit.training.batches import batches, total_steps
from loader_kit.training.samples import make_samples, read_rows
from loader_kit.training.schedule import warmup_steps
from loader_kit.training.writing import write_folder


class Learnt(NamedTuple):
    """Mean losses in nats over the held-out tokens that count."""

    before: float
    after: float
    with_ours: float
    """With the adapter that the product trained, loaded by PEFT."""
    steps: tuple[float, ...]
    """Of each step, before it."""


def learn(base: Path, run: Path, settings: TrainSettings, ours: Path, work: Path) -> Learnt:
    """Train on the rows of a run's folder in float32; `ours` is the adapter that came out of that run."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    rows, held_out = (
        make_samples(tokenizer, read_rows(str(run / name)), settings).samples
        for name in ("rows.jsonl", "evaluation.jsonl")
    )
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    before = loss_over(model, held_out)
    write_folder(work / "start", TrainedAdapter(model, settings, str(base)).files())
    wrapped = PeftModel.from_pretrained(model, work / "start", is_trainable=True)
    order = batches(rows, settings, 0)
    data = [as_row(one) for _ in range(total_steps(len(rows), settings)) for one in next(order)]
    steps = _train(wrapped, data, settings, work)
    after = loss_over(wrapped.eval(), held_out)
    wrapped.load_adapter(str(ours), "ours")
    wrapped.set_adapter("ours")
    return Learnt(before, after, loss_over(wrapped.eval(), held_out), steps)


def as_row(sample) -> dict[str, list[int]]:
    """What Trainer takes."""
    return {"input_ids": sample.ids.tolist(), "labels": sample.ids.masked_fill(~sample.trained, -100).tolist()}


@torch.no_grad()
def loss_over(model, samples) -> float:
    """Row by row, without padding."""
    total = labels = 0
    for sample in samples:
        logits = model(input_ids=sample.ids[None]).logits[0, :-1]
        wanted = sample.ids[1:].masked_fill(~sample.trained[1:], -100)
        total += float(torch.nn.functional.cross_entropy(logits, wanted, ignore_index=-100, reduction="sum"))
        labels += sample.labels
    return total / labels


def _train(model, data, settings: TrainSettings, work: Path) -> tuple[float, ...]:
    from transformers import Trainer, TrainingArguments

    assert len(data) % settings.batch_size == 0, "a shorter batch at an epoch's end would be filled from the next one"
    steps = len(data) // settings.batch_size
    arguments = TrainingArguments(
        output_dir=str(work / "trainer"), num_train_epochs=1, per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate, lr_scheduler_type=settings.schedule,
        warmup_steps=warmup_steps(settings, steps), weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm, optim="adamw_torch", use_cpu=True, bf16=False, report_to=[],
        train_sampling_strategy="sequential", save_strategy="no", disable_tqdm=True, remove_unused_columns=False,
        dataloader_pin_memory=False, logging_strategy="steps", logging_steps=1,
    )  # fmt: skip
    trainer = Trainer(model=model, args=arguments, train_dataset=data, data_collator=_pad)
    trainer.train()
    return tuple(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)


def _pad(some: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in some)

    def padded(name: str, filler: int) -> torch.Tensor:
        return torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in some])

    mask = torch.tensor([[1] * len(row["labels"]) + [0] * (longest - len(row["labels"])) for row in some])
    return {"input_ids": padded("input_ids", 0), "labels": padded("labels", -100), "attention_mask": mask}
