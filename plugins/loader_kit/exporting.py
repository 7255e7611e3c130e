"""Writes a stack to disk: as one adapter by concatenation, or merged into a copy of the base.

Concatenation is exact: with A = [A1; A2; ...] and B = [w1 s1 B1, w2 s2 B2, ...] the product B A is the stack's sum
(arXiv 2106.09685, section 4.1), so one LoRA whose alpha equals its rank does what all of them did.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from desktop.api import ExportReport, ExportRequest, LoaderError, Lora, Progress, Unsupported

from .adapter_files import AdapterFiles, Factors, read_adapter
from .adapter_stack import AdapterStack
from .matching import match_modules, scaling_of

Read = Sequence[tuple[Lora, AdapterFiles]]


def export(model: Any, tokenizer: Any, stack: AdapterStack, request: ExportRequest, progress: Progress) -> ExportReport:
    """Write what is asked for into a new folder; an exception leaves nothing behind. Raises LoaderError."""
    target = Path(request.folder)
    if target.exists():
        raise LoaderError(f"{target} exists already. Choose another name; nothing was overwritten.")
    acting = [row for row in stack.rows if row.effective_weight != 0]
    if not acting:
        raise LoaderError("No adapter acts, so there is nothing to write. Put one on the stack with a weight.")
    if stack.through_peft:
        raise Unsupported("A DoRA adapter is no sum of factors, so this stack can't be written as one. Take it off.")
    read = [(row, read_adapter(Path(row.path), row.name)) for row in acting]
    _refuse_parts(read)
    try:
        with staged(target) as folder:
            if request.what == "adapter":
                rank = _write_adapter(model, read, folder, progress)
            else:
                rank = 0
                _write_model(model, tokenizer, stack, folder, progress)
            (folder / "README.md").write_text(_card(read, request.what), encoding="utf-8")
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise LoaderError(f"{target} can't be written ({why}). Free some space, or choose another folder.") from error
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    return ExportReport(folder=str(target), bytes=size, rank=rank)


def _refuse_parts(read: Read) -> None:
    for row, files in read:
        if files.parts.tensors():
            raise Unsupported(
                f"{row.name} brings more than factors (biases, whole modules or trained tokens), which can't be "
                "written as one LoRA or merged. Take it off to export the others."
            )


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target that becomes the target when all is written."""
    folder = target.parent / f".{target.name}.part-{os.getpid()}"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write_adapter(model: Any, read: Read, folder: Path, progress: Progress) -> int:
    """As PEFT writes one; returns its largest rank."""
    from safetensors.torch import save_file

    progress("Joining the adapters")
    composed = compose(model, read)
    tensors = {}
    for name, factors in composed.items():
        form = "lora_embedding_{}" if factors.embedding else "lora_{}.weight"
        tensors[f"base_model.model.{name}.{form.format('A')}"] = factors.a
        tensors[f"base_model.model.{name}.{form.format('B')}"] = factors.b
    progress("Writing the adapter")
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = _config(composed, read)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return max(factors.rank for factors in composed.values())


def compose(model: Any, read: Read) -> dict[str, Factors]:
    """The factors of one adapter that does what these do together, in float32, by module."""
    parts: dict[str, list[tuple[float, Factors]]] = {}
    for row, files in read:
        for name, factors in match_modules(model, files).items():
            parts.setdefault(name, []).append((row.effective_weight * scaling_of(name, files), factors))
    return {
        name: Factors(
            torch.cat([factors.a.float() for _, factors in some]).contiguous(),
            torch.cat([factors.b.float() * factor for factor, factors in some], dim=1).contiguous(),
            some[0][1].embedding,
        )
        for name, some in parts.items()
    }


def _config(composed: dict[str, Factors], read: Read) -> dict[str, Any]:
    ranks = {name: factors.rank for name, factors in composed.items()}
    usual = Counter(ranks.values()).most_common(1)[0][0]
    unusual = {name: rank for name, rank in ranks.items() if rank != usual}
    bases = [files.config.get("base_model_name_or_path") for _, files in read]
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": next((base for base in bases if base), None),
        "r": usual,
        # alpha = r, so that the scaling is 1: it is in B already.
        "lora_alpha": usual,
        "rank_pattern": unusual,
        "alpha_pattern": unusual,
        "target_modules": sorted(ranks),
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "inference_mode": True,
    }


def _write_model(model: Any, tokenizer: Any, stack: AdapterStack, folder: Path, progress: Progress) -> None:
    """As transformers writes one, with the stack folded into its weights."""
    before = stack.mode
    progress("Folding the stack into a copy of the weights")
    stack.set_mode("folded")
    tied = getattr(model.config, "tie_word_embeddings", False)
    try:
        head, table = model.get_output_embeddings(), model.get_input_embeddings()
        if tied and head is not None and head.weight is not table.weight:
            # One of the two was folded: they are no longer the same tensor.
            model.config.tie_word_embeddings = False
        progress("Writing the weights")
        model.save_pretrained(folder)
        progress("Writing the tokenizer")
        tokenizer.save_pretrained(folder)
    finally:
        model.config.tie_word_embeddings = tied
        stack.set_mode(before)


def _card(read: Read, what: str) -> str:
    title = "Several LoRA adapters as one" if what == "adapter" else "A base model with LoRA adapters merged in"
    rows = "\n".join(f"| {row.name} | {row.effective_weight:g} | {files.kind} |" for row, files in read)
    return f"# {title}\n\nMade with LoRA Deck.\n\n| adapter | weight | kind |\n|---|---|---|\n{rows}\n"
