"""Rows, requests and references for the tests of training."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch

from desktop.api import Part, TrainingRow, TrainRequest, TrainSettings

ANSWERS = (
    "the quick brown fox jumps over the dog",
    "Paris",
    "The capital of France is Paris. The quick brown fox",
    "0123456789 Élève, garçon",
)


def make_rows(count: int = 12) -> list[TrainingRow]:
    """Instructions that don't count, and answers of several lengths that do."""
    return [
        TrainingRow(
            parts=(
                Part(f"### Instruction: say {at}\n### Response: ", trained=False),
                Part(ANSWERS[at % len(ANSWERS)] + f" {at * 7}"),
            ),
            source=at + 1,
        )
        for at in range(count)
    ]


def write_rows(path: Path, rows) -> str:
    """A file of JSON lines; its path."""
    path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows) + b"\n")
    return str(path)


def make_request(folder: Path, rows=None, *, held_out=None, settings=None, **changes) -> TrainRequest:
    """A short run in `folder`, with settings that change the tiny model visibly."""
    usual = {"rank": 4, "alpha": 8, "batch_size": 4, "learning_rate": 5e-3, "warmup": 0, "epochs": 2, "save_every": 0}
    folder.mkdir(parents=True, exist_ok=True)
    written = write_rows(folder / "rows.jsonl", make_rows() if rows is None else rows)
    held = write_rows(folder / "held_out.jsonl", held_out) if held_out else ""
    return TrainRequest(
        folder=str(folder / "run"),
        rows=written,
        evaluation_rows=held,
        settings=TrainSettings(**(usual | (settings or {}))),
        **changes,
    )


def finish(generator, commands=None):
    """Every event and what the generator returned. `commands` are sent as the answer to the step of that number."""
    events, command = [], None
    try:
        while True:
            event = generator.send(command)
            events.append(event)
            step = getattr(event, "step", -1) if type(event).__name__ == "StepDone" else -1
            command = (commands or {}).get(step)
    except StopIteration as ending:
        return events, ending.value


def of(kind, events):
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def peft_model(model, config_folder: Path):
    """A copy of a transformers model with the adapter of a folder, trainable, as plain PEFT loads it."""
    import copy

    from peft import PeftModel

    return PeftModel.from_pretrained(copy.deepcopy(model), config_folder, is_trainable=True)


def facts_of(model) -> list[tuple]:
    """What a run must leave as it was: modules, their mode and forward, their weights to the bit, gradients, hooks."""
    found = []
    for name, module in model.named_modules():
        weights = [
            (key, id(one), one.requires_grad, one.grad is None, one.detach().float().sum().item())
            for key, one in module._parameters.items()
            if one is not None
        ]
        hooks = len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        found.append((name, id(module), module.training, module.__dict__.get("forward"), hooks, weights))
    return [found, model.config._attn_implementation, torch.get_rng_state().tolist()]
