"""What a run would be, told before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.api import TrainPlan, TrainRequest, TrainSettings
from loader_kit.matching import linear_sizes

from .batches import split, steps_an_epoch, total_steps
from .memory import choose_micro_batch, memory_estimate
from .refusals import refuse_what_cannot_be, strange_settings
from .samples import Samples, make_samples, read_rows
from .schedule import warmup_steps
from .targets import choose_targets

if TYPE_CHECKING:
    from loader_kit.torch_model import TorchModel


def plan_training(owner: TorchModel, request: TrainRequest) -> TrainPlan:
    """Lengths, steps, numbers to train and memory. Raises LoaderError for what can't be trained at all."""
    settings = request.settings
    refuse_what_cannot_be(owner, settings)
    read = make_samples(owner.tokenizer, read_rows(request.rows), settings)
    parameters = count_parameters(owner, settings)
    longest = max((len(sample.ids) for sample in read.samples), default=settings.cutoff)
    at_once = choose_micro_batch(owner.model, settings, parameters, longest)
    first = sorted(read.samples, key=lambda sample: -len(sample.ids))[: settings.batch_size]
    # The longest rows of one step, as they would be shared out.
    passes = split(first, at_once, padded=not settings.packing) if first else []
    tokens = max(
        (one.tokens if settings.packing else len(one.samples) * max(one.lengths) for one in passes), default=at_once
    )
    steps = total_steps(len(read.samples), settings) if read.samples else 0
    return TrainPlan(
        rows=read.rows,
        lengths=read.lengths,
        rows_cut=read.rows_cut,
        rows_without_label=read.rows_without_label,
        tokens=read.tokens,
        steps=steps,
        trainable_parameters=parameters,
        memory_bytes=memory_estimate(owner.model, settings, parameters, tokens),
        notes=(*read.notes, *strange_settings(owner.tokenizer, settings), *_strange_with(read, settings, steps, owner)),
    )


def count_parameters(owner: TorchModel, settings: TrainSettings) -> int:
    """Numbers of a LoRA on the modules the settings name: rank * (in + out) of each, and out more with magnitudes."""
    sizes = [linear_sizes(module) for module in choose_targets(owner.model, settings.targets).values()]
    return sum(settings.rank * (size[0] + size[1]) + settings.dora * size[1] for size in sizes if size)


def _strange_with(read: Samples, settings: TrainSettings, steps: int, owner: TorchModel) -> list[str]:
    notes = []
    rows, context = len(read.samples), owner.info.context_length
    if not rows:
        return ["No row has a token that counts in the loss, so there is nothing to learn."]
    if read.rows_without_label:
        notes.append(f"{read.rows_without_label} of {read.rows} rows have no token that counts, and are left out.")
    if read.rows_cut:
        notes.append(f"{read.rows_cut} of {read.rows} rows lose what is beyond {settings.cutoff} tokens.")
    if context and settings.cutoff > context and max(len(one.ids) for one in read.samples) > context:
        notes.append(f"Rows of up to {settings.cutoff} tokens are longer than the {context} the model was made for.")
    if settings.batch_size > rows:
        notes.append(f"The batch has {settings.batch_size} rows and the data only {rows}: each step takes all of them.")
    if warmup_steps(settings, steps) >= steps:
        notes.append(f"The warm-up of {warmup_steps(settings, steps)} steps is as long as the run of {steps}.")
    if steps < 10:
        notes.append(f"The run has only {steps} steps; a smaller batch or more epochs give it more to learn from.")
    if settings.max_steps and settings.max_steps > 20 * steps_an_epoch(rows, settings):
        epochs = settings.max_steps / steps_an_epoch(rows, settings)
        notes.append(f"{settings.max_steps} steps see every row {epochs:.0f} times, which learns them by heart.")
    return notes
