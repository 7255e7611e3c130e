"""Training an adapter: the rows, what is asked for, what is told while it runs, and what came out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .generating import GenerateRequest


class Part(msgspec.Struct, frozen=True):
    """A piece of a row's text, and whether its tokens count in the loss."""

    text: str
    trained: bool = True


class TrainingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One example, ready for the tokenizer. The parts' texts joined are the exact text the model sees."""

    parts: tuple[Part, ...]
    source: int = 0
    """Number of the row in the user's data, from 1, for messages about it."""
    add_special_tokens: bool = True
    """Whether BOS and EOS are added as the settings say; off where a chat template has written them already."""
    cut: bool = False
    """Raw text of any length, to be cut into blocks of `TrainSettings.cutoff` tokens instead of shortened to one."""


class TrainSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run besides the base model and the rows."""

    rank: Annotated[
        int, Meta(ge=1, le=4096, description="Width of the adapter: higher can learn more, and overfit.")
    ] = 16
    alpha: Annotated[
        float,
        Meta(gt=0, description="The adapter's effect is scaled by alpha / rank (by alpha / sqrt(rank) with rsLoRA)."),
    ] = 32.0
    dropout: Annotated[float, Meta(ge=0, lt=1, description="Share of the adapter's inputs left out at random.")] = 0.0
    targets: Annotated[
        str | tuple[str, ...],
        Meta(description='"all-linear", "attention", or the names of the modules that get factors.'),
    ] = "all-linear"
    rslora: Annotated[bool, Meta(description="Scale by alpha / sqrt(rank), steadier at high ranks.")] = False
    dora: Annotated[bool, Meta(description="Train magnitudes too (DoRA): slower, sometimes better at low ranks.")] = (
        False
    )
    learning_rate: Annotated[float, Meta(gt=0, le=1, description="Size of the optimiser's steps.")] = 3e-4
    schedule: Annotated[
        Literal["cosine", "linear", "constant"], Meta(description="How the learning rate falls after the warm-up.")
    ] = "cosine"
    warmup: Annotated[
        float, Meta(ge=0, description="Steps in which the learning rate rises; below 1, a share of all steps.")
    ] = 0.05
    epochs: Annotated[float, Meta(gt=0, le=10_000, description="How often every row is seen.")] = 3.0
    max_steps: Annotated[int, Meta(ge=0, description="End after this many optimiser steps; 0 goes by epochs.")] = 0
    batch_size: Annotated[int, Meta(ge=1, description="Rows in one optimiser step.")] = 8
    micro_batch_tokens: Annotated[
        int, Meta(ge=0, description="Most tokens computed at once; 0 picks by memory. Does not change the result.")
    ] = 0
    cutoff: Annotated[int, Meta(ge=8, description="Longest row in tokens; the rest is cut off.")] = 512
    overlap: Annotated[int, Meta(ge=0, description="Tokens that two neighbouring blocks of raw text share.")] = 0
    newline_reach: Annotated[
        int, Meta(ge=0, description="A block of raw text begins at a line's start if one is this many tokens away.")
    ] = 0
    add_bos: Annotated[
        bool, Meta(description="Begin rows with the begin token, where the model's prompts get one.")
    ] = True
    add_eos: Annotated[bool, Meta(description="End rows with the model's end token, so that it learns to stop.")] = True
    packing: Annotated[bool, Meta(description="Lay rows end to end without padding: faster, the same result.")] = True
    optimizer: Annotated[
        Literal["adamw", "adamw8bit", "sgd"], Meta(description="The rule that turns gradients into steps.")
    ] = "adamw"
    weight_decay: Annotated[float, Meta(ge=0, le=1, description="Pulls the factors towards zero.")] = 0.0
    max_grad_norm: Annotated[float, Meta(ge=0, description="Longer gradients are shortened to this; 0 is off.")] = 1.0
    gradient_checkpointing: Annotated[
        bool, Meta(description="Compute activations twice instead of keeping them: less memory, about a third slower.")
    ] = False
    seed: Annotated[
        int, Meta(ge=0, lt=2**31, description="Decides the first factors, the order of rows and dropout.")
    ] = 42
    eval_every: Annotated[int, Meta(ge=0, description="Evaluate every this many steps; 0 only at the end.")] = 0
    sample_every: Annotated[
        int, Meta(ge=0, description="Answer the sample prompts every this many steps; 0 never.")
    ] = 0
    save_every: Annotated[
        int, Meta(ge=0, description="Write a checkpoint every this many steps; 0 only at the end.")
    ] = 50
    keep_checkpoints: Annotated[int, Meta(ge=0, description="Keep the newest this many checkpoints; 0 keeps all.")] = 3
    stop_at_loss: Annotated[float, Meta(ge=0, description="End when the smoothed loss is at most this; 0 is off.")] = (
        0.0
    )
    patience: Annotated[
        int, Meta(ge=0, description="End after this many evaluations without improvement; 0 is off.")
    ] = 0


class TrainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One run on the model that is loaded, on top of its present stack (which stays as it is)."""

    folder: str
    """Absolute path of the run's folder; checkpoints are written to `checkpoints/step-N/` in it, the result to
    `adapter/`."""
    rows: str
    """Absolute path of the training rows: JSON lines of `TrainingRow`."""
    evaluation_rows: str = ""
    """The same for the held-out rows; empty for none."""
    settings: TrainSettings = TrainSettings()
    samples: tuple[GenerateRequest, ...] = ()
    """Prompts answered at step 0 and every `sample_every` steps, with the adapter as it is then."""
    continue_from: str = ""
    """Folder of an adapter whose factors the run starts with; empty for fresh ones."""
    resume_from: str = ""
    """Folder of one of the run's own checkpoints to go on from; empty to begin."""
    together: bool = False
    """Whether this process is one of those that torchrun started for this run: they share every step's rows out, and
    the first alone writes and resumes."""
    record: dict[str, str] = {}
    """Facts kept in the adapter's folder beside its weights: base, data hash, lineage."""


class TrainStarted(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """Everything is ready; the first step comes next."""

    steps: int
    """Optimiser steps of the whole run."""
    first_step: int = 0
    """Steps already done, where a run is resumed."""
    rows: int = 0
    rows_cut: int = 0
    tokens: int = 0
    """Tokens in one epoch, those without a label included."""
    trainable_parameters: int = 0
    modules: int = 0
    notes: tuple[str, ...] = ()


class StepDone(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """One optimiser step."""

    step: int
    epoch: float
    loss: float
    """Mean cross-entropy over the labelled tokens of this step, in nats."""
    smoothed_loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    """Tokens computed in this step."""
    seconds: float


class Evaluated(msgspec.Struct, frozen=True, kw_only=True, tag="evaluated"):
    """How the adapter does on the held-out rows after a step."""

    step: int
    loss: float
    accuracy: float
    """Share of labelled tokens that are the likeliest one."""
    tokens: int


class Sampled(msgspec.Struct, frozen=True, kw_only=True, tag="sampled"):
    """One sample prompt's answer after a step."""

    step: int
    sample: int
    """Index into `TrainRequest.samples`."""
    text: str


class CheckpointSaved(msgspec.Struct, frozen=True, kw_only=True, tag="saved"):
    """A checkpoint lies complete on disk."""

    step: int
    folder: str
    bytes: int
    final: bool = False
    """Whether this is the result (`adapter/`) and not a checkpoint."""


class TrainNote(msgspec.Struct, frozen=True, kw_only=True, tag="note"):
    """Something the user should know, in a sentence; the run goes on."""

    step: int
    text: str


TrainEvent = TrainStarted | StepDone | Evaluated | Sampled | CheckpointSaved | TrainNote


class SaveNow(msgspec.Struct, frozen=True, tag="save"):
    """Write a checkpoint after this step."""


class StopAndKeep(msgspec.Struct, frozen=True, tag="stop"):
    """End after this step as if it were the last: the adapter is written."""


class StopAtLoss(msgspec.Struct, frozen=True, tag="stop_at_loss"):
    """Change `TrainSettings.stop_at_loss` while the run goes on."""

    loss: float


TrainCommand = SaveNow | StopAndKeep | StopAtLoss

EndReason = Literal["steps", "stopped", "loss", "patience"]


class TrainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `Model.train` returns when the adapter is written."""

    folder: str
    """The adapter's folder, as PEFT reads it."""
    steps: int
    reason: EndReason = "steps"
    final_loss: float = 0.0
    evaluation_loss: float | None = None


class TrainPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would be, from tokenizer and configuration alone."""

    rows: int
    lengths: tuple[int, ...]
    """Tokens of each row before any cut, in order."""
    rows_cut: int
    rows_without_label: int
    """Rows in which no token counts in the loss; they are left out."""
    tokens: int
    steps: int
    trainable_parameters: int
    memory_bytes: int
    """Estimated peak, weights included."""
    notes: tuple[str, ...] = ()
    """Settings that make little sense with these rows, one sentence each."""


class RowTokens(msgspec.Struct, frozen=True, kw_only=True):
    """One row exactly as the training step sees it."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]
    """What each token stands for; joined they give the row's text where the tokenizer allows it."""
    trained: tuple[bool, ...]
    """Whether each token counts in the loss."""
    cut: int = 0
    """Tokens beyond the cutoff, left out."""


class EvaluateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Rows on which the loaded model with its present stack is measured."""

    rows: str
    settings: TrainSettings = TrainSettings()
    stride: Annotated[int, Meta(ge=0)] = 0
    """For raw text: each window of `cutoff` tokens moves on by this many and counts the new ones; 0 is `cutoff`."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Mean loss over all labelled tokens; `exp(loss)` is the perplexity."""

    loss: float
    accuracy: float
    tokens: int
    rows: int
