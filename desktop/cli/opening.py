"""From `--model` and `--lora` to a loaded engine: the name, the starter, the loader, a conversion, the load."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from desktop.api import LoadRequest, Lora, ModelInfo
from desktop.discovery.choice import Choice, nobody_fits, ordered, with_bits
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.jobs import Job
from desktop.engine.messages import LoaderRef, Step
from desktop.library.conversions import find_conversion, free_name, note_conversion
from desktop.library.home import Home
from desktop.library.names import NameNotFound, find_model, parse_loras
from desktop.library.settings import Settings, read_settings_file
from desktop.prompting.lora_tags import Tag, lay_over, rows_of_tags
from desktop.starter.install import MODEL, install_named
from desktop.starter.making import make_starter

from .arguments import load_request_from
from .output import CommandError, ProgressLine, plain, say


class Opened(msgspec.Struct, frozen=True):
    """A model in an engine."""

    name: str
    """What the user called it."""
    engine: EngineClient
    info: ModelInfo
    request: LoadRequest
    loader: LoaderRef


def adapters_from(args: argparse.Namespace, tags: Sequence[Tag] = ()) -> tuple[Lora, ...]:
    """The rows of the stack, those of a prompt's tags included, before anything is loaded. Raises CommandError."""
    home, settings = _home(args)
    install_named(home.loras, {*(text.partition("=")[0] for text in args.lora), *(tag.name for tag in tags)})
    try:
        rows = parse_loras(args.lora, home, settings)
        return lay_over(rows, rows_of_tags(tags, rows, home, settings))
    except NameNotFound as error:
        raise CommandError(str(error)) from error


@contextmanager
def open_model(args: argparse.Namespace, progress: ProgressLine) -> Iterator[Opened]:
    """Load the model the arguments name; the engine ends with the context. Raises CommandError and JobFailed."""
    home, settings = _home(args)
    path = model_path(args, home, progress)
    with Loaders(home, settings) as loaders:
        choices = ordered(with_bits(loaders.probe(path, args.loader), args.bits), args.loader, settings.loader)
        fitting = [choice for choice in choices if choice.can_load]
        if not fitting:
            raise CommandError(nobody_fits(path, choices))
        for choice in fitting:
            launch = loaders.launch(choice.found.ref)
            engine = EngineClient(launch, choice.found.ref, home.logs)
            try:
                opened = _load(engine, choice, path, args, home, progress)
                if opened is not None:
                    yield opened
                    return
            finally:
                progress.clear()
                engine.close()
    raise CommandError(f"Every loader that seemed to fit says that {plain(args.model)} is not its own.")


def _load(
    engine: EngineClient, choice: Choice, path: Path, args: argparse.Namespace, home: Home, progress: ProgressLine
) -> Opened | None:
    target = _conversion_target(choice, path, home)
    engine.start()
    request = load_request_from(args, str(path), str(target) if target else None)
    job = engine.load(request)
    info = _follow(job, progress)
    if info is None:
        return None
    if target is not None:
        note_conversion(target, path)
        say(f"Converted to {target}")
    _tell(info)
    return Opened(args.model, engine, info, request, choice.found.ref)


def _follow(job: Job[ModelInfo | None], progress: ProgressLine) -> ModelInfo | None:
    for event in job.events():
        if isinstance(event, Step):
            progress.show(event.step, event.fraction)
    progress.clear()
    return job.result()


def _tell(info: ModelInfo) -> None:
    parts = [info.architecture, f"{info.bits}-bit" if info.bits != 16 else "", info.dtype, info.device]
    size = f"{info.memory_bytes / 1e9:.2f} GB" if info.memory_bytes else ""
    said = ", ".join(part for part in (*parts, size) if part)
    if said:
        say(f"Loaded: {said}")
    for note in info.notes:
        say(plain(note))


def _conversion_target(choice: Choice, path: Path, home: Home) -> Path | None:
    """Where a model that must be converted first is written; what that costs is told."""
    cost = choice.verdict.conversion
    if cost is None:
        return None
    target = free_name(home.models, path.stem)
    say(
        f"{plain(path.name)} is {cost.source} and is converted to {cost.target} once: {cost.disk_bytes / 1e9:.2f} GB "
        f"in {target}, {cost.memory_bytes / 1e9:.1f} GB of memory, about {cost.seconds:.0f} s."
    )
    return target


def model_path(args: argparse.Namespace, home: Home, progress: ProgressLine) -> Path:
    """Where `--model` points; the starter is made first where it is not there yet. Raises CommandError."""
    return _starter(home, args, progress) if args.model == MODEL else find_path(args, home)


def find_path(args: argparse.Namespace, home: Home) -> Path:
    """Where `--model` points; for the starter also where it will be. Raises CommandError."""
    if args.model == MODEL:
        return home.models / MODEL
    try:
        path = find_model(args.model, home, read_settings_file(home.settings_file))
    except NameNotFound as error:
        raise CommandError(str(error)) from error
    return (find_conversion(home.models, path) if path.suffix.lower() == ".gguf" else None) or path


def _starter(home: Home, args: argparse.Namespace, progress: ProgressLine) -> Path:
    """The starter model's folder, made first where it is not there yet."""
    target = home.models / MODEL
    if target.exists():
        return target
    settings = read_settings_file(home.settings_file)
    say("The starter model (SmolLM2-135M-Instruct, Apache-2.0) is fetched once: 93 MB to download, 0.3 GB on the disk.")

    def follow(_: EngineClient, job: Job[ModelInfo | None]) -> None:
        _follow(job, progress)

    try:
        with Loaders(home, settings) as loaders:
            return make_starter(home, loaders, progress.show, follow, args.loader)
    finally:
        progress.clear()


def _home(args: argparse.Namespace) -> tuple[Home, Settings]:
    home = Home.find(args.home)
    return home, read_settings_file(home.settings_file)
