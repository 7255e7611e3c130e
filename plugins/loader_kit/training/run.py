"""A run from its first step to its adapter on disk, as a generator of events."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from desktop.api import (
    CheckpointSaved,
    Evaluated,
    LoaderError,
    Sampled,
    StepDone,
    TrainCommand,
    TrainEvent,
    TrainNote,
    TrainReport,
    TrainRequest,
    TrainStarted,
)
from desktop.api.training import EndReason

from .adapter import TrainedAdapter
from .batches import batches, steps_an_epoch, total_steps
from .checkpoints import (
    RECORD,
    State,
    checkpoint_bytes,
    prune,
    record_of,
    write_checkpoint,
)
from .evaluation import Measured, measure, passes_over, refuse_empty
from .memory import choose_micro_batch
from .optimizers import optimizer_tensors
from .prepared import Prepared, prepared
from .refusals import refuse_not_finite, refuse_what_cannot_be, refuse_without_gradient, run_folder
from .resuming import go_on, shared_checkpoint
from .samples import Samples, make_samples, read_rows
from .schedule import learning_rate
from .stepping import Stepper
from .stopping import Stopping
from .together import Group, together
from .writing import refuse_full_disk, write_folder

if TYPE_CHECKING:
    from loader_kit.torch_model import TorchModel

Events = Generator[TrainEvent, TrainCommand | None, None]


def train(owner: TorchModel, request: TrainRequest) -> Generator[TrainEvent, TrainCommand | None, TrainReport]:
    """Train an adapter on top of the model's present stack. Raises LoaderError in words.

    However it ends, the model is what it was: its modules, their mode, its weights, the random numbers of others.
    """
    settings = request.settings
    refuse_what_cannot_be(owner, settings)
    folder = run_folder(request)
    data = make_samples(owner.tokenizer, read_rows(request.rows), settings)
    refuse_empty(data.samples)
    checkpointing = settings.gradient_checkpointing
    with (
        together(request, owner.model.device) as group,
        prepared(owner.model, training=True, checkpointing=checkpointing) as ready,
    ):
        group.refuse_other_rows(data.digest)
        adapter = TrainedAdapter(owner.model, settings, request.record.get("base") or owner.info.path)
        kind = owner.model.get_input_embeddings().weight.dtype
        refuse_without_gradient((site.module for site in adapter.sites.values()), kind)
        refuse_full_disk(folder, 2 * checkpoint_bytes(adapter.size, settings))
        adapter.enter()
        try:
            run = Run(owner, request, adapter, data, ready, group)
            return (yield from run.events())
        finally:
            adapter.leave()


class Run:
    """One run that is ready to start."""

    def __init__(
        self,
        owner: TorchModel,
        request: TrainRequest,
        adapter: TrainedAdapter,
        data: Samples,
        ready: Prepared,
        group: Group,
    ) -> None:
        """`adapter` acts on the owner's model, which is prepared. Raises LoaderError where nothing can begin."""
        self._owner = owner
        self._group = group
        self._request = request
        self._settings = request.settings
        self._folder = Path(request.folder)
        self._adapter = adapter
        self._data = data
        longest = max(len(sample.ids) for sample in data.samples)
        self._state = State(
            total_steps=total_steps(len(data.samples), self._settings),
            micro_batch_tokens=choose_micro_batch(owner.model, self._settings, adapter.size, longest),
            processes=group.count,
            data=data.digest,
            settings=self._settings,
        )
        self._notes = [*data.notes, *ready.notes]
        if request.continue_from and not request.resume_from:
            adapter.continue_from(Path(request.continue_from))
        self._stepper = Stepper(owner.model, self._settings, adapter, ready.widen, group)
        self._notes += self._stepper.forward.notes
        self._resumed = Path(request.resume_from) if request.resume_from else None
        if read := shared_checkpoint(group, self._resumed):
            self._notes += go_on(read, self._state, adapter, self._stepper, group)
        self._saved = self._resumed
        self._held_out = self._read_held_out()
        self._stopping = Stopping(self._settings, self._state)
        self._evaluation_loss: float | None = None
        self._sampled_at = self._evaluated_at = -1

    def events(self) -> Generator[TrainEvent, TrainCommand | None, TrainReport]:
        """Everything that happens, and the report."""
        yield from self._tell(self._started())
        if self._state.step == 0 and self._settings.sample_every:
            yield from self._sample()
        loss = self._state.smoothed_loss or 0.0
        rows = batches(self._data.samples, self._settings, self._state.step)
        reason: EndReason | None = self._group.agree(self._stopping.reason if self._state.step else None)
        while reason is None:
            loss = yield from self._step(next(rows))
            if self._due(self._settings.eval_every):
                yield from self._evaluate()
            if self._due(self._settings.sample_every):
                yield from self._sample()
            if self._group.agree(self._stopping.save or self._due(self._settings.save_every)):
                yield from self._save()
            reason = self._group.agree(self._stopping.reason)
        return (yield from self._finish(reason, loss))

    def _finish(self, reason: EndReason, loss: float) -> Generator[TrainEvent, TrainCommand | None, TrainReport]:
        yield from self._evaluate()
        if self._settings.sample_every:
            yield from self._sample()
        yield from self._save()
        folder = self._folder / "adapter"
        if self._group.first:
            size = write_folder(folder, self._adapter.files() | {RECORD: self._record()})
            yield from self._tell(CheckpointSaved(step=self._state.step, folder=str(folder), bytes=size, final=True))
        return TrainReport(
            folder=str(folder),
            steps=self._state.step,
            reason=reason,
            final_loss=loss,
            evaluation_loss=self._evaluation_loss,
        )

    def _step(self, samples: Any) -> Generator[TrainEvent, TrainCommand | None, float]:
        started = perf_counter()
        state = self._state
        found = self._stepper.gradients(samples, state.micro_batch_tokens)
        refuse_not_finite(found.loss, found.norm, state.step + 1, self._saved)
        rate = learning_rate(self._settings, state.step, state.total_steps)
        self._stepper.apply(rate)
        state.step += 1
        event = StepDone(
            step=state.step,
            epoch=state.step / steps_an_epoch(len(self._data.samples), self._settings),
            loss=found.loss,
            smoothed_loss=self._stopping.smooth(found.loss),
            learning_rate=rate,
            gradient_norm=found.norm,
            tokens=found.tokens,
            seconds=perf_counter() - started,
        )
        yield from self._tell(event)
        return found.loss

    def _evaluate(self) -> Events:
        if not self._held_out or self._evaluated_at == self._state.step:
            return
        forward, measured = self._stepper.forward, Measured()
        model = self._owner.model
        model.eval()
        try:
            own = self._group.share(self._held_out)
            passes = passes_over(own, self._state.micro_batch_tokens, padded=not forward.packed)
            for _ in measure(forward, passes, measured):
                pass
        finally:
            model.train()
        measured.total, *counts = self._group.add(measured.total, measured.correct, measured.tokens)
        measured.correct, measured.tokens = map(int, counts)
        self._evaluation_loss, self._evaluated_at = measured.loss, self._state.step
        self._stopping.evaluated(measured.loss)
        yield from self._tell(
            Evaluated(step=self._state.step, loss=measured.loss, accuracy=measured.accuracy, tokens=measured.tokens)
        )

    def _sample(self) -> Events:
        if self._sampled_at == self._state.step or not self._group.first:
            return
        self._sampled_at = self._state.step
        for number, prompt in enumerate(self._request.samples):
            model = self._owner.model
            model.eval()
            try:
                # The adapter is another one than at the last sample, which nobody has told the kept KV cache.
                asked = msgspec.structs.replace(prompt, reuse_cache=False)
                text = "".join(chunk.text for chunk in self._owner.generate(asked))
            finally:
                model.train()
            yield from self._tell(Sampled(step=self._state.step, sample=number, text=text))

    def _save(self) -> Events:
        self._stopping.save = False
        place = self._folder / "checkpoints"
        folder = place / f"step-{self._state.step}"
        randomness = self._group.gather(self._stepper.randomness.tensors())
        if self._saved == folder or not self._group.first:
            return
        tensors = {
            "optimizer": optimizer_tensors(self._stepper.optimizer, self._stepper.parameters),
            "randomness": randomness,
        }
        try:
            size = write_checkpoint(folder, self._adapter, self._state, tensors, self._record())
        except LoaderError as error:
            last = f"the last one is {self._saved.name}" if self._saved else "there is none yet"
            text = f"No checkpoint was written at step {self._state.step}; {last}. {error}"
            yield from self._tell(TrainNote(step=self._state.step, text=text))
            return
        self._saved = folder
        prune(place, self._settings.keep_checkpoints, self._resumed)
        yield from self._tell(CheckpointSaved(step=self._state.step, folder=str(folder), bytes=size))

    def _tell(self, event: TrainEvent) -> Events:
        self._stopping.take((yield event))

    def _due(self, every: int) -> bool:
        return bool(every) and self._state.step % every == 0

    def _started(self) -> TrainStarted:
        return TrainStarted(
            steps=self._state.total_steps,
            first_step=self._state.step,
            rows=len(self._data.samples),
            rows_cut=self._data.rows_cut,
            tokens=self._data.tokens,
            trainable_parameters=self._adapter.size,
            modules=len(self._adapter.sites),
            notes=tuple(self._notes),
        )

    def _record(self) -> bytes:
        stack = [{"name": row.name, "weight": row.effective_weight} for row in self._owner.stack.rows]
        facts = {
            "rows": self._data.rows,
            "tokens": self._data.tokens,
            "base": self._owner.info.path,
            "stack": stack,
            "versions": self._owner.info.versions,
        }
        return record_of(self._request, self._state, facts)

    def _read_held_out(self) -> Any:
        if not self._request.evaluation_rows:
            return ()
        rows = read_rows(self._request.evaluation_rows)
        return make_samples(self._owner.tokenizer, rows, self._settings, self._settings.cutoff).samples
