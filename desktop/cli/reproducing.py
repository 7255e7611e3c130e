"""`lora-deck generate --recipe`: fills in what the recipe says, and tells what differs from it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from desktop.api import Lora, Sampling
from desktop.discovery.entry_points import registered_loaders
from desktop.library.adapters import list_adapters
from desktop.library.hashes import ContentHashes
from desktop.library.home import Home
from desktop.library.names import NameNotFound, find_model
from desktop.library.recipe_matching import (
    Here,
    Matched,
    compared_in_words,
    differences,
    first_difference,
    is_local,
    match_adapters,
    reproducible_tokens,
    segments_in_words,
)
from desktop.library.recipes import RecipeError, find_recipe, read_recipe_file
from desktop.library.settings import read_settings_file
from desktop.prompting.recipe import Recipe, RecipeFile

from .output import CommandError, plain, say


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe that is being followed."""

    file: RecipeFile
    matched: Matched
    own_stack: bool
    """Whether the stack is the recipe's, and not one given with `--lora`."""
    same_prompt: bool
    """Whether the prompt is the recipe's own, so that the tokens can be compared."""

    @property
    def recorded(self) -> tuple[int, ...]:
        """The tokens that are to come again; none where there is nothing to compare with."""
        file = self.file
        return file.tokens[: reproducible_tokens(file.recipe, file.tokens)] if self.same_prompt else ()

    @property
    def rows(self) -> tuple[Lora, ...] | None:
        """The recipe's stack; None where another was given."""
        return self.matched.rows if self.own_stack else None


def add_recipe_argument(parser: argparse.ArgumentParser) -> None:
    """`--recipe`."""
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="make a reply again from a recipe of the library or a file (also what --json printed); other options hold "
        "in place of what the recipe says",
    )


def follow_recipe(args: argparse.Namespace, hashes: ContentHashes) -> Followed | None:
    """Fill the arguments from the recipe they name, None where they name none. Raises CommandError."""
    if args.recipe is None:
        return None
    home = Home.find(args.home)
    try:
        file = read_recipe_file(find_recipe(args.recipe, home.recipes))
    except RecipeError as error:
        raise CommandError(str(error)) from error
    followed = Followed(
        file=file,
        matched=Matched() if args.lora else _matched(file, home, hashes),
        own_stack=not args.lora,
        same_prompt=args.prompt is None and file.asked is not None,
    )
    _fill_model(args, file.recipe, home)
    _fill_answer(args, followed)
    return followed


def tell_differences(recipe: Recipe, made: Recipe, followed: Followed) -> tuple[str, ...]:
    """Say what differs from the recipe: the machine, the versions, the model, the adapters."""
    here = Here(base=made.base, versions=made.versions, machine=made.machine, mode=made.mode)
    told = (*followed.matched.in_words(), *differences(recipe, here))
    if followed.recorded and (words := segments_in_words(recipe)):
        told = (*told, words)
    for sentence in told:
        say(plain(sentence))
    return told


def judge_tokens(followed: Followed, tokens: Sequence[int]) -> bool | None:
    """Whether the whole reply came again, said in words; None where there was nothing to compare."""
    recorded = followed.recorded
    if not recorded:
        return None
    made = tokens[: len(recorded)] if len(recorded) < len(followed.file.tokens) else tokens
    say(compared_in_words(made, recorded))
    return first_difference(made, recorded) is None and len(recorded) == len(followed.file.tokens)


def _matched(file: RecipeFile, home: Home, hashes: ContentHashes) -> Matched:
    settings = read_settings_file(home.settings_file)
    matched = match_adapters(file.recipe.adapters, list_adapters(home, settings), hashes.of, file.places)
    if matched.missing:
        raise CommandError(" ".join(plain(words) for words in matched.in_words()))
    return matched


def _fill_model(args: argparse.Namespace, recipe: Recipe, home: Home) -> None:
    base, holding = recipe.base, recipe.holding
    args.model = args.model or _model(recipe, home)
    known = {ref.name for ref in registered_loaders().loaders}
    _fill(args, "loader", base.loader if base.loader in known else None, None)
    _fill(args, "dtype", holding.dtype, "auto")
    _fill(args, "bits", holding.bits, 16)
    _fill(args, "device", holding.device, "auto")
    _fill(args, "folded", recipe.mode == "folded", False)
    _fill(args, "set", [f"{key}={_as_typed(value)}" for key, value in base.settings.items()], [])


def _fill_answer(args: argparse.Namespace, followed: Followed) -> None:
    file, recipe = followed.file, followed.file.recipe
    if args.prompt is None and file.asked is not None:
        # As it stands: a recorded "-" is a prompt and not standard input.
        args.prompt, args.recorded_prompt = file.asked.prompt, True
        _fill(args, "input", file.asked.input, "")
        _fill(args, "system", file.asked.system, "")
        args.before, args.start = file.asked.before, file.asked.start
    _fill(args, "template", recipe.template or None, None)
    sampling = msgspec.structs.replace(recipe.sampling, seed=recipe.seed)
    for name, value in msgspec.structs.asdict(sampling).items():
        _fill(args, name, value, getattr(Sampling(), name))
    recorded = followed.recorded
    stopped = file.finish_reason == "cancelled" or len(recorded) < len(file.tokens)
    _fill(args, "max_new_tokens", len(recorded) if recorded and stopped else recipe.max_new_tokens, 512)
    _fill(args, "stop", list(recipe.stop), [])


def _fill(args: argparse.Namespace, name: str, value: object, default: object) -> None:
    """What stands at its default was not given."""
    if getattr(args, name) == default:
        setattr(args, name, value)


def _model(recipe: Recipe, home: Home) -> str:
    """The name where it means the recipe's folder, else the folder where it is there, else the name."""
    base = recipe.base
    try:
        named = find_model(base.name, home, read_settings_file(home.settings_file))
    except NameNotFound:
        named = None
    there = is_local(base.path) and Path(base.path).exists()
    return base.path if there and named != Path(base.path) else base.name


def _as_typed(value: object) -> str:
    return msgspec.json.encode(value).decode() if not isinstance(value, str) else value
