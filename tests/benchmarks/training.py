"""One side of the comparison of trainings, in a process of its own so that its memory is its own.

`python -m tests.benchmarks.training SIDE STEPS` trains a LoRA of rank 8 on all linears of the starter model, four rows
a step, and prints one JSON object: tokens a second after the first step, and the largest memory in bytes.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from desktop.api import LoadRequest, Part, StepDone, TrainingRow, TrainRequest, TrainSettings

from .starter import ROOT, starter_model

os.environ["HF_HUB_OFFLINE"] = "1"

OURS, PADDED, FLATTENING = SIDES = ("ours", "padded", "flattening")
BATCH, LONGEST_TALK = 4, 14


def rows(count: int) -> list[TrainingRow]:
    """Talks of one to fourteen turns, most of them short: 40 to 500 tokens as instruction data has them."""
    lines = (ROOT / "desktop/starter/pirate/data.jsonl").read_text(encoding="utf-8").splitlines()
    turns = [json.loads(line) for line in lines]
    drawn = random.Random(0)
    found = []
    for _ in range(count):
        parts = []
        for turn in drawn.sample(turns, min(LONGEST_TALK, 1 + int(drawn.expovariate(0.35)))):
            parts += [
                Part(f"<|im_start|>user\n{turn['instruction']}<|im_end|>\n<|im_start|>assistant\n", trained=False),
                Part(f"{turn['output']}<|im_end|>\n"),
            ]
        found.append(TrainingRow(parts=tuple(parts), add_special_tokens=False))
    return found


def settings(steps: int) -> TrainSettings:
    """The same work for all sides."""
    return TrainSettings(
        rank=8, alpha=16, learning_rate=2e-4, batch_size=BATCH, max_steps=steps, warmup=0, save_every=0, seed=1
    )


def type_name() -> str:
    """A CPU without bfloat16 arithmetic takes half a minute for a step that takes it a second in float32."""
    import torch

    slow = not torch.cuda.is_available() and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "float32" if slow else "bfloat16"


def ours(steps: int) -> float:
    """Tokens a second of the product's own run."""
    from transformers_loader.loading import load_model

    request = LoadRequest(path=str(starter_model()), dtype=type_name(), device="cpu")  # type: ignore[arg-type]
    model = load_model(request, lambda step, fraction=None: None)
    assert model is not None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        file.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows(steps * BATCH)))
        request = TrainRequest(folder=folder, rows=str(file), settings=settings(steps))
        done = [event for event in model.train(request) if isinstance(event, StepDone)]
    return sum(event.tokens for event in done[1:]) / sum(event.seconds for event in done[1:])


def theirs(steps: int, flattening: bool) -> float:
    """Tokens a second of transformers' Trainer with PEFT."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorWithFlattening,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from loader_kit.training.samples import make_samples

    model = AutoModelForCausalLM.from_pretrained(starter_model(), dtype=getattr(torch, type_name()))
    model.config.use_cache = False  # with a cache, rows that lie end to end leak into each other
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    samples = make_samples(AutoTokenizer.from_pretrained(starter_model()), rows(steps * BATCH), settings(steps)).samples
    data = [
        {"input_ids": one.ids.tolist(), "labels": one.ids.masked_fill(~one.trained, -100).tolist()} for one in samples
    ]
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=steps, per_device_train_batch_size=BATCH, learning_rate=2e-4, use_cpu=True,
            train_sampling_strategy="sequential", report_to=[], save_strategy="no", disable_tqdm=True, bf16=False,
            remove_unused_columns=False, dataloader_pin_memory=False, logging_strategy="no",
        )  # fmt: skip
        collate = DataCollatorWithFlattening() if flattening else _pad
        Trainer(model=model, args=arguments, train_dataset=data, data_collator=collate, callbacks=[Clock()]).train()
    return sum(len(row["input_ids"]) for row in data[BATCH:]) / (ends[-1] - ends[0])


def _pad(some: list[dict[str, list[int]]]) -> dict[str, Any]:
    import torch

    longest = max(len(row["input_ids"]) for row in some)

    def padded(name: str, filler: int) -> Any:
        return torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in some])

    mask = torch.tensor([[1] * len(row["labels"]) + [0] * (longest - len(row["labels"])) for row in some])
    return {"input_ids": padded("input_ids", 0), "labels": padded("labels", -100), "attention_mask": mask}


def main() -> None:
    """Train and tell. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    side, steps = sys.argv[1], int(sys.argv[2])
    speed = ours(steps) if side == OURS else theirs(steps, side == FLATTENING)
    print(json.dumps({"speed": speed, "bytes": peak_bytes()}), file=answers, flush=True)


def peak_bytes() -> int:
    """The largest memory this process ever had."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
