"""`lora-deck generate`: one prompt, one answer, with any stack of adapters."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from desktop.api import AttachReceipt, Chunk, GenerateRequest, Lora, StepLogprobs
from desktop.engine.client import EngineClient
from desktop.engine.messages import GenerateResult
from desktop.library.automatic_template import choose_automatically
from desktop.library.hashes import ContentHashes
from desktop.library.home import Home
from desktop.library.prompt_files import PromptFileError
from desktop.library.textgen.prompting import all_templates
from desktop.prompting.dressing import Dressed, Wish, dress
from desktop.prompting.lora_tags import read_tags
from desktop.prompting.recipe import Asked, Recipe
from desktop.prompting.templates import MODEL_TEMPLATE, PLAIN_TEMPLATE, TemplateError, template_names

from .arguments import add_model_arguments, add_sampling_arguments, sampling_from
from .opening import Opened, adapters_from, open_model
from .output import CommandError, ProgressLine, plain, put, put_json, say
from .recording import make_recipe
from .reproducing import Followed, add_recipe_argument, follow_recipe, judge_tokens, tell_differences


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    text: str
    tokens: tuple[int, ...]
    prompt: str
    """The prompt as the tokenizer got it."""
    asked: Asked
    """The prompt as it was given; with the recipe and the tokens it lets `--recipe` make this answer again."""
    finish_reason: str
    prompt_tokens: int
    generated_tokens: int
    prompt_seconds: float
    decode_seconds: float
    tokens_per_second: float | None
    receipts: tuple[AttachReceipt, ...]
    recipe: Recipe
    places: tuple[str, ...]
    """Where the adapters of the recipe's stack are, so that `--recipe` finds them first."""
    notes: tuple[str, ...]
    logprobs: tuple[StepLogprobs, ...] = ()
    differences: tuple[str, ...] = ()
    """With `--recipe`: what differs from the recipe, a sentence each."""
    reproduced: bool | None = None
    """With `--recipe`: whether the recorded tokens came again; None where there was nothing to compare with."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "generate",
        help="answer a prompt",
        description="Answer one prompt with a model and a stack of adapters. The answer goes to standard output as it "
        "comes, everything else to standard error.",
    )
    parser.set_defaults(run=run, usage_error=parser.error, recorded_prompt=False, before=(), start="")
    add_recipe_argument(parser)
    add_model_arguments(parser, required=False)
    parser.add_argument(
        "--folded",
        action="store_true",
        help="fold the stack into a copy of the weights first: faster tokens for more memory, 16 and 32 bits only",
    )
    group = parser.add_argument_group("prompt")
    group.add_argument(
        "-p",
        "--prompt",
        metavar="TEXT",
        help="the prompt; `-` reads it from standard input. <lora:NAME:WEIGHT> in it attaches an adapter as --lora "
        "does and is not sent; \\<lora:...> is sent as text",
    )
    group.add_argument(
        "--template",
        metavar="NAME",
        help=f"how the prompt is dressed: {', '.join(template_names())}, or one of your own in templates/*.jinja "
        "(default: what the last adapter was trained with if its files tell, else the model's own if it has one)",
    )
    group.add_argument("--input", default="", metavar="TEXT", help="the input that goes with an Alpaca instruction")
    group.add_argument("--system", default="", metavar="TEXT", help="a system message, for the model's own template")
    add_sampling_arguments(parser)
    group = parser.add_argument_group("answer")
    group.add_argument("--max-new-tokens", type=int, default=512, metavar="N", help="longest answer (default: 512)")
    group.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end the answer at this text")
    group.add_argument(
        "--logprobs", type=int, default=0, metavar="K", help="with --json: the K likeliest tokens a step"
    )
    group.add_argument(
        "--json", action="store_true", help="print one JSON object: text, token ids, speed, receipts, recipe"
    )


def run(args: argparse.Namespace) -> int:
    """Answer the prompt; 0 if the answer is whole, and with a recipe if it is the recorded one."""
    if args.model is None and args.recipe is None:
        args.usage_error("one of the arguments --model --recipe is required")
    hashes = ContentHashes(Home.find(args.home).cache)
    followed = follow_recipe(args, hashes)
    prompt = read_tags(_prompt(args))
    sampling = sampling_from(args)
    _check(args)
    loras = followed.rows if followed and followed.rows is not None else adapters_from(args, prompt.tags)
    progress = ProgressLine()
    with open_model(args, progress) as opened:
        receipts = attach(opened, loras)
        if args.folded:
            opened.engine.set_mode("folded").result()
        dressed = _dress(args, prompt.text, opened)
        request = GenerateRequest(
            prompt=dressed.text,
            add_special_tokens=dressed.add_special_tokens,
            sampling=sampling,
            max_new_tokens=args.max_new_tokens,
            stop=tuple(dict.fromkeys((*args.stop, *dressed.stop))),
            logprobs=args.logprobs,
        )
        chunks, result = _answer(opened.engine, request, stream=not args.json)
        whole = _conclude(args, opened, _Outcome(request, chunks, result, receipts, dressed.template), followed, hashes)
    _tell_speed(result, quiet=args.json)
    return 0 if whole else 1


class _Outcome(msgspec.Struct, frozen=True):
    """An answer as the engine gave it."""

    request: GenerateRequest
    chunks: list[Chunk]
    result: GenerateResult
    receipts: tuple[AttachReceipt, ...]
    template: str


def _conclude(
    args: argparse.Namespace, opened: Opened, outcome: _Outcome, followed: Followed | None, hashes: ContentHashes
) -> bool:
    """Compare with the recipe that was followed and print the object; False where the recorded tokens did not come."""
    if not args.json and followed is None:
        return True
    recipe = make_recipe(opened, outcome.result, outcome.template, outcome.request, hashes.of)
    told: tuple[str, ...] = ()
    same: bool | None = None
    if followed is not None:
        told = tell_differences(followed.file.recipe, recipe, followed)
        same = judge_tokens(followed, [token for chunk in outcome.chunks for token in chunk.tokens])
    if args.json:
        asked = Asked(prompt=args.prompt, input=args.input, system=args.system, before=args.before, start=args.start)
        record = _record(outcome, recipe, asked, opened)
        put_json(msgspec.structs.replace(record, differences=told, reproduced=same))
    return same is not False


def _check(args: argparse.Namespace) -> None:
    if args.max_new_tokens < 1:
        raise CommandError("--max-new-tokens must be at least 1.")
    if args.logprobs and not args.json:
        raise CommandError("--logprobs needs --json.")
    if not 0 <= args.logprobs <= 1000:
        raise CommandError("--logprobs must be between 0 and 1000.")


def attach(opened: Opened, loras: Sequence[Lora]) -> tuple[AttachReceipt, ...]:
    """Make the stack and say what it is."""
    if not loras:
        return ()
    receipts = tuple(opened.engine.set_stack(loras).result())
    for receipt in receipts:
        kind = f"{receipt.kind} rank {receipt.rank}, alpha {receipt.alpha:g}, " if receipt.rank else ""
        say(
            f"{plain(receipt.name)}: weight {receipt.weight:g}, {kind}"
            f"{receipt.modules_matched} of {receipt.modules_targeted} modules, {receipt.milliseconds:.0f} ms"
        )
        for note in receipt.notes:
            say(f"  {plain(note)}")
    return receipts


def _prompt(args: argparse.Namespace) -> str:
    if args.prompt is None:
        raise CommandError("There is no prompt. Give one with -p TEXT, or -p - to read it from standard input.")
    if args.prompt == "-" and not args.recorded_prompt:
        try:
            args.prompt = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise CommandError(f"Standard input is not UTF-8 text: {error}.") from error
    return str(args.prompt)


def _dress(args: argparse.Namespace, prompt: str, opened: Opened) -> Dressed:
    chosen = args.template
    if chosen is None:
        found = choose_automatically(opened.engine.stack, opened.info.path, opened.info.has_template)
        chosen = found.name
        if chosen not in (MODEL_TEMPLATE, PLAIN_TEMPLATE):
            say(f"Template {chosen}: {found.reason}")
    wish = Wish(
        prompt=prompt, template=chosen, input=args.input, system=args.system, before=args.before, start=args.start
    )
    try:
        own = all_templates(Home.find(args.home))
        return dress(wish, opened.info.has_template, lambda rows: opened.engine.render(rows).result(), own)
    except (TemplateError, PromptFileError) as error:
        raise CommandError(str(error)) from error


def _answer(engine: EngineClient, request: GenerateRequest, *, stream: bool) -> tuple[list[Chunk], GenerateResult]:
    job = engine.generate(request)
    chunks = []
    progress = ProgressLine()
    try:
        for event in job.events():
            if isinstance(event, Chunk) and event.prompt_tokens:
                progress.show(
                    f"Reading the prompt of {event.prompt_tokens:,} tokens", event.prompt_done / event.prompt_tokens
                )
            elif isinstance(event, Chunk):
                progress.clear()
                chunks.append(event)
                if stream and event.text:
                    put(event.text, end="")
    except KeyboardInterrupt:
        job.cancel()
        raise
    finally:
        if stream and chunks:
            put("")
    return chunks, job.result()


def _record(outcome: _Outcome, recipe: Recipe, asked: Asked, opened: Opened) -> Answer:
    result, chunks = outcome.result, outcome.chunks
    return Answer(
        text="".join(chunk.text for chunk in chunks),
        tokens=tuple(token for chunk in chunks for token in chunk.tokens),
        prompt=outcome.request.prompt,
        asked=asked,
        finish_reason=result.finish_reason,
        prompt_tokens=result.prompt_tokens,
        generated_tokens=result.generated_tokens,
        prompt_seconds=round(result.prompt_seconds, 4),
        decode_seconds=round(result.decode_seconds, 4),
        tokens_per_second=result.tokens_per_second and round(result.tokens_per_second, 2),
        receipts=outcome.receipts,
        recipe=recipe,
        places=tuple(row.path for row in result.stack),
        notes=opened.info.notes,
        logprobs=tuple(step for chunk in chunks for step in chunk.logprobs),
    )


def _tell_speed(result: GenerateResult, *, quiet: bool) -> None:
    if quiet:
        return
    speed = result.tokens_per_second
    words = f", {speed:.1f} tokens/s" if speed else ""
    cut = {"length": " (cut at --max-new-tokens)", "context": " (the context is full)"}.get(result.finish_reason, "")
    say(f"{result.generated_tokens} tokens after {result.prompt_seconds:.2f} s{words}{cut}")
