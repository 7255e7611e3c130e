"""A loader that trains a few numbers instead of a network: deterministic, with checkpoints, commands and mishaps.

Settings: `pace` is in seconds a step; `mishap` is Python that runs before every step, with `step` and `model` known.
"""

import hashlib
import json
import math
import os
import shutil
import struct
import time
from pathlib import Path

from desktop.api import (
    AttachReceipt,
    Capabilities,
    CheckpointSaved,
    Chunk,
    Evaluated,
    Evaluation,
    LoaderError,
    LoaderInfo,
    Model,
    Reply,
    RowTokens,
    Sampled,
    SaveNow,
    StepDone,
    StopAndKeep,
    StopAtLoss,
    TrainPlan,
    TrainReport,
    TrainStarted,
    Unsupported,
    Verdict,
    hookimpl,
)

SIZE = 16
MARK = "pretend.txt"


class PretendModel(Model):
    """Holds a stack; what it computes is made up of the adapters' weights."""

    def __init__(self, request):
        self.pace = float(request.settings.get("pace", 0.0))
        self.mishap = compile(str(request.settings.get("mishap", "")), "mishap", "exec")
        self.loras = {}

    def generate(self, request):
        yield Chunk(text=request.prompt, tokens=(1,))
        return Reply()

    def evaluate(self, request):
        rows = Path(request.rows).read_bytes().splitlines()
        for number in range(len(rows)):
            yield number / len(rows)
        loss = 2.0 - sum(0.1 * lora.effective_weight for lora in self.loras.values())
        return Evaluation(loss=loss, accuracy=0.5, tokens=10 * len(rows), rows=len(rows))

    def plan_training(self, request):
        rows = Path(request.rows).read_bytes().splitlines()
        return TrainPlan(
            rows=len(rows), lengths=tuple(len(row) for row in rows), rows_cut=1, rows_without_label=0,
            tokens=10 * len(rows), steps=request.settings.max_steps, trainable_parameters=SIZE,
            memory_bytes=2_000_000, notes=("A plan is not a run.",),
        )  # fmt: skip

    def show_row(self, row, settings):
        words = tuple(part.text for part in row.parts)
        trained = tuple(part.trained for part in row.parts)
        return (RowTokens(ids=tuple(range(len(words))), texts=words, trained=trained),)

    def train(self, request):
        folder, settings = Path(request.folder), request.settings
        rows = Path(request.rows).read_bytes().splitlines()
        steps = settings.max_steps or max(1, math.ceil(len(rows) * settings.epochs / settings.batch_size))
        step, numbers, smoothed = 0, [settings.seed / 1000.0] * SIZE, 0.0
        stop_at = settings.stop_at_loss
        if request.resume_from:
            state = json.loads((Path(request.resume_from) / "state.json").read_text())
            step, numbers, smoothed = state["step"], state["numbers"], state["smoothed"]
        commands = []

        def hear(command):
            if command is not None:
                commands.append(command)

        started = TrainStarted(
            steps=steps, first_step=step, rows=len(rows), tokens=10 * len(rows), trainable_parameters=SIZE, modules=1
        )
        hear((yield started))
        reason, evaluated = "steps", None
        if step == 0:
            for sample, asked in enumerate(request.samples):
                hear((yield Sampled(step=0, sample=sample, text=f"{asked.prompt} at 0")))
        while step < steps:
            step += 1
            exec(self.mishap, {"step": step, "model": self, "os": os})
            time.sleep(self.pace)
            row = rows[(step * 7 + settings.seed) % len(rows)]
            push = int.from_bytes(hashlib.sha256(row).digest()[:4], "big") / 2**32
            numbers = [0.98 * number + settings.learning_rate * math.sin(step + push * k) for k, number in
                       enumerate(numbers)]  # fmt: skip
            loss = 3.0 * math.exp(-step / 20) + 0.1 * push
            smoothed = loss if step == 1 else 0.9 * smoothed + 0.1 * loss
            done = StepDone(
                step=step, epoch=step * settings.batch_size / len(rows), loss=loss, smoothed_loss=smoothed,
                learning_rate=settings.learning_rate, gradient_norm=push, tokens=80, seconds=self.pace + 1e-6,
            )  # fmt: skip
            hear((yield done))
            if request.evaluation_rows and settings.eval_every and step % settings.eval_every == 0:
                hear((yield Evaluated(step=step, loss=loss + 0.1, accuracy=0.5, tokens=50)))
            if settings.sample_every and step % settings.sample_every == 0:
                for sample, asked in enumerate(request.samples):
                    hear((yield Sampled(step=step, sample=sample, text=f"{asked.prompt} at {step}")))
            stop_at = next((told.loss for told in reversed(commands) if isinstance(told, StopAtLoss)), stop_at)
            save = any(isinstance(told, SaveNow) for told in commands)
            if save or (settings.save_every and step % settings.save_every == 0 and step < steps):
                hear((yield self.save(folder, step, numbers, smoothed, settings.keep_checkpoints)))
            stop = any(isinstance(told, StopAndKeep) for told in commands)
            commands.clear()
            if stop or (stop_at and smoothed <= stop_at):
                reason = "stopped" if stop else "loss"
                break
        if request.evaluation_rows:
            evaluated = loss + 0.1
            yield Evaluated(step=step, loss=evaluated, accuracy=0.5, tokens=50)
        size = write_adapter(folder / "adapter", numbers, settings, request.record)
        yield CheckpointSaved(step=step, folder=str(folder / "adapter"), bytes=size, final=True)
        return TrainReport(
            folder=str(folder / "adapter"), steps=step, reason=reason, final_loss=loss, evaluation_loss=evaluated
        )

    def save(self, folder, step, numbers, smoothed, keep):
        made = folder / "checkpoints" / f"step-{step}"
        temporary = made.with_name(f".{made.name}.part")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        text = json.dumps({"step": step, "numbers": numbers, "smoothed": smoothed})
        (temporary / "state.json").write_text(text)
        shutil.rmtree(made, ignore_errors=True)
        temporary.rename(made)
        others = sorted(made.parent.glob("step-*"), key=lambda path: int(path.name[5:]))
        for old in others[: -keep if keep else 0]:
            shutil.rmtree(old)
        return CheckpointSaved(step=step, folder=str(made), bytes=len(text))


def write_adapter(folder, numbers, settings, record):
    """A LoRA on one module, as PEFT reads it, whole or not at all."""
    temporary = folder.with_name(".adapter.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": settings.alpha, "target_modules": ["q_proj"]}
    config["base_model_name_or_path"] = record.get("base", "")
    (temporary / "adapter_config.json").write_text(json.dumps(config, sort_keys=True))
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    half = 4 * SIZE // 2
    table = {f"{name}A.weight": {"dtype": "F32", "shape": [1, SIZE // 2], "data_offsets": [0, half]}}
    table[f"{name}B.weight"] = {"dtype": "F32", "shape": [SIZE // 2, 1], "data_offsets": [half, 2 * half]}
    header = json.dumps(table).encode()
    whole = struct.pack("<Q", len(header)) + header + struct.pack(f"<{SIZE}f", *numbers)
    (temporary / "adapter_model.safetensors").write_bytes(whole)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    return len(whole)


@hookimpl
def describe():
    return LoaderInfo(title="Pretend trainer", capabilities=Capabilities(train=True))


@hookimpl
def probe(path):
    there = (path / MARK).is_file()
    return Verdict(fits=there, native=there, reason="" if there else "It is no pretended model.")


@hookimpl
def load(request, progress):
    if not (Path(request.path) / MARK).is_file():
        return None
    progress("Pretending", 0.5)
    return PretendModel(request)


@hookimpl
def apply_lora(model, lora):
    if "bad" in lora.name:
        raise LoaderError("It is bad.")
    model.loras[lora.id] = lora
    return AttachReceipt(id=lora.id, name=lora.name, weight=lora.effective_weight, modules_matched=1)


@hookimpl
def remove_lora(model, lora):
    if lora.id not in model.loras:
        raise Unsupported("It is not there.")
    del model.loras[lora.id]
