"""The handle of a causal language model of transformers, whatever its linears are made of."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import torch

from desktop.api import (
    Chunk,
    EvaluateRequest,
    Evaluation,
    ExportReport,
    ExportRequest,
    GenerateRequest,
    LoaderError,
    Logits,
    LogitsRequest,
    Message,
    Mode,
    Model,
    ModelInfo,
    Progress,
    QuantizeReport,
    QuantizeRequest,
    Reply,
    RowTokens,
    StackCheck,
    StepLogprobs,
    TokenLogprob,
    TrainCommand,
    TrainEvent,
    TrainingRow,
    TrainPlan,
    TrainReport,
    TrainRequest,
    TrainSettings,
    Unsupported,
)

from .adapter_stack import AdapterStack
from .checking import check_stack
from .decode import Drawn, Limits, Reading, Standing, decode, last_logits_only, read
from .exporting import export
from .kept_cache import KeptCache
from .lean_step import LeanStep
from .sampling import Chooser
from .text_stream import StopTexts, TextStream
from .training.evaluation import evaluate
from .training.planning import plan_training
from .training.run import train
from .training.samples import show_row


class TorchModel(Model):
    """Answers prompts with the model as its adapter stack makes it."""

    def __init__(self, model: Any, tokenizer: Any, info: ModelInfo, end_tokens: frozenset[int]) -> None:
        """`model` is in evaluation mode on its device; `tokenizer` is one of transformers'."""
        self.model = model
        self.tokenizer = tokenizer
        self.info = info
        self._kept = KeptCache()
        self.stack = AdapterStack(model, self._kept.drop)
        self._end_tokens = end_tokens
        self._lean = LeanStep(model)

    def generate(self, request: GenerateRequest) -> Generator[Chunk, None, Reply]:
        """Answer a prompt, one token a chunk."""
        prompt = self._encode(request.prompt, request.add_special_tokens)
        count = prompt.shape[1]
        context = self.info.context_length
        if context and count >= context:
            raise LoaderError(
                f"The prompt takes {count:,} tokens and the model's context holds {context:,}. Shorten the prompt."
            )
        room = min(request.max_new_tokens, context - count) if context else request.max_new_tokens
        end_tokens = self._end_tokens | end_tokens_of(self.tokenizer, request.stop)
        chooser = Chooser(request.sampling, prompt, room, self.tokenizer, end_tokens)
        text = TextStream(self.tokenizer, prompt[0].tolist())
        stops = StopTexts(request.stop)
        limits = Limits(end_tokens, request.max_new_tokens, context)
        if not request.reuse_cache:
            self._kept.drop()
        steps = decode(self.model, prompt, chooser, limits, Standing(self.stack.version, self._kept, self._lean))
        stopped = False
        try:
            while not stopped:
                try:
                    drawn = next(steps)
                except StopIteration as ending:
                    reason = ending.value
                    break
                if isinstance(drawn, Reading):
                    yield Chunk(prompt_done=drawn.done, prompt_tokens=drawn.total)
                    continue
                shown, stopped = stops.push(text.push(drawn.token))
                yield Chunk(
                    text=shown,
                    tokens=(drawn.token,),
                    logprobs=self._logprobs(drawn, request.logprobs),
                    cached_tokens=drawn.cached,
                )
        finally:
            steps.close()
        if not stopped:
            shown, stopped = stops.push(text.finish())
            rest = shown if stopped else shown + stops.finish()
            if rest:
                yield Chunk(text=rest)
        return Reply(
            finish_reason="stop" if stopped else reason,
            prompt_tokens=count,
            seed=chooser.seed,
            cache_bytes=self._kept.bytes,
        )

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt the model's own chat template makes; transformers runs it in a sandbox."""
        if not self.info.has_template:
            return super().render(messages)
        rows = [{"role": message.role, "content": message.content} for message in messages]
        try:
            text: str = self.tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # a template is a stranger's program and may raise anything
            raise LoaderError(
                f"The model's chat template can't take this conversation: {error}. Choose another template."
            ) from error
        return text

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes, special tokens not counted."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def logits(self, request: LogitsRequest) -> Logits:
        """Logits of the last positions with the present stack, as float32."""
        ids = self._encode(request.prompt, request.add_special_tokens)
        output = read(self.model, ids, use_cache=False, **last_logits_only(self.model, request.last))
        rows = output.logits[0, -request.last :].float().contiguous().cpu()
        return Logits(positions=rows.shape[0], vocabulary=rows.shape[1], data=rows.numpy().astype("<f4").tobytes())

    def set_mode(self, mode: Mode) -> None:
        """Fold the stack into new weights, or swap the base's own back."""
        self.stack.set_mode(mode)

    def check_stack(self, prompt: str) -> StackCheck:
        """What each module adds on this prompt, against float64."""
        return check_stack(self.model, self.stack, self._encode(prompt, True))

    def export(self, request: ExportRequest, progress: Progress) -> ExportReport:
        """Write the stack as one adapter, or merged into a copy of the base."""
        return export(self.model, self.tokenizer, self.stack, request, progress)

    def plan_training(self, request: TrainRequest) -> TrainPlan:
        """What a run would be."""
        return plan_training(self, request)

    def show_row(self, row: TrainingRow, settings: TrainSettings) -> tuple[RowTokens, ...]:
        """The tokens of a row as the training step sees them."""
        return show_row(self.tokenizer, row, settings)

    def train(self, request: TrainRequest) -> Generator[TrainEvent, TrainCommand | None, TrainReport]:
        """Train a new adapter on top of the stack."""
        self._kept.drop()
        try:
            return (yield from train(self, request))
        finally:
            self._kept.drop()

    def evaluate(self, request: EvaluateRequest) -> Generator[float, None, Evaluation]:
        """Loss of the model with its stack."""
        return evaluate(self, request)

    def quantize(self, request: QuantizeRequest, progress: Progress) -> QuantizeReport:
        """Write a GPTQ copy of the base."""
        from .quantising.making import ALREADY, quantise

        if self.info.bits != 16:
            raise Unsupported(ALREADY)
        if self.stack.rows:
            raise LoaderError(
                "The base alone is quantised. Take the adapters off, or export them merged into a copy and quantise "
                "that."
            )
        return quantise(self.model, self.tokenizer, Path(self.info.path), request, progress)

    def _encode(self, text: str, add_special_tokens: bool) -> torch.Tensor:
        ids = self.tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"]
        begin = self.tokenizer.bos_token_id
        if not ids and begin is not None:
            ids = [begin]
        if not ids:
            raise LoaderError("The prompt is empty. Type something for the model to continue.")
        return torch.tensor([ids], dtype=torch.int64, device=self.model.device)

    def _logprobs(self, drawn: Drawn, count: int) -> tuple[StepLogprobs, ...]:
        if not count:
            return ()
        logprobs = drawn.logits[0].float().log_softmax(-1)
        best = logprobs.topk(min(count, logprobs.shape[0]))
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        chosen = self._candidate(drawn.token, float(logprobs[drawn.token]))
        return (StepLogprobs(chosen, tuple(self._candidate(token, value) for token, value in rows)),)

    def _candidate(self, token: int, logprob: float) -> TokenLogprob:
        return TokenLogprob(token, self.tokenizer.decode([token]), logprob)


def find_end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer: the generation config's, the model config's and the tokenizer's."""
    found: set[int] = set()
    for source in (getattr(model, "generation_config", None), model.config, tokenizer):
        value = getattr(source, "eos_token_id", None)
        found.update(value if isinstance(value, list | tuple) else () if value is None else (value,))
    return frozenset(found)


def end_tokens_of(tokenizer: Any, stops: Sequence[str]) -> frozenset[int]:
    """The stop texts that are tokens of their own: text leaves those out, so they must end an answer as tokens."""
    special = getattr(tokenizer, "added_tokens_decoder", {})
    numbers = {str(token): number for number, token in special.items() if token.special}
    return frozenset(numbers[stop] for stop in stops if stop in numbers)


def require_torch_model(model: Model) -> TorchModel:
    """The model as this kit's handle. Raises Unsupported for any other, which only a bug can bring."""
    if not isinstance(model, TorchModel):
        raise Unsupported("This model was not made by this loader.")
    return model
