"""Arguments that several commands share: the model and its adapters, and how tokens are drawn."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from desktop.api import LoadRequest, Sampling, settings_schema
from desktop.engine.messages import LoaderRef
from desktop.library.sizes import SizeError, parse_memory_limit

from .output import CommandError


def add_model_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """`--model`, `--lora` and everything about how the model is held in memory."""
    group = parser.add_argument_group("model and adapters")
    words = "a model of the library, any path, or `starter`"
    group.add_argument("--model", required=required, metavar="NAME", help=words)
    group.add_argument(
        "--lora",
        action="append",
        default=[],
        metavar="NAME[=WEIGHT]",
        help="attach an adapter of the library or of any path; repeat it for a stack (weight: 1 if not given)",
    )
    group.add_argument("--loader", metavar="LOADER", help="the loader to use, instead of the first that fits")
    bits = group.add_mutually_exclusive_group()
    bits.add_argument(
        "--load-in-8bit", action="store_const", const=8, dest="bits", default=16, help="quantise to 8 bits"
    )
    bits.add_argument("--load-in-4bit", action="store_const", const=4, dest="bits", help="quantise to 4 bits")
    device = group.add_mutually_exclusive_group()
    device.add_argument(
        "--cpu",
        action="store_const",
        const="cpu",
        dest="device",
        default="auto",
        help="compute on the CPU, in float32 where the memory allows",
    )
    device.add_argument("--device", metavar="DEVICE", dest="device", help="cuda, cuda:1, mps, ... (default: auto)")
    group.add_argument("--dtype", choices=("auto", "bfloat16", "float16", "float32"), default="auto")
    group.add_argument(
        "--memory-limit",
        action="append",
        default=[],
        metavar="DEVICE=SIZE",
        help="most memory to use on a device, for example cuda:0=10GB; repeat it for several",
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the loader; `lora-deck loaders show LOADER` lists them",
    )
    group.add_argument("--trust-remote-code", action="store_true", help="execute Python files of the model's folder")


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for each field of `Sampling`, with its description and bounds."""
    group = parser.add_argument_group("sampling")
    for name, field in settings_schema(Sampling)["properties"].items():
        option = "--" + name.replace("_", "-")
        words = field["description"].replace("%", "%%")
        if name == "greedy":
            group.add_argument(option, action="store_true", help=words)
            continue
        default = field["default"]
        if field.get("type") == "array":
            shown = f" Default: {' '.join(repr(text) for text in default)}." if default else ""
            group.add_argument(
                option, nargs="*", metavar="TEXT", default=default, help=words + shown.replace("%", "%%")
            )
            continue
        kind = float if field.get("type") == "number" else int
        shown = "" if default is None else f" Default: {default}."
        group.add_argument(option, type=kind, metavar="N", default=default, help=words + shown)


def sampling_from(args: argparse.Namespace) -> Sampling:
    """The checked sampling settings. Raises CommandError naming the one that can't be used."""
    values = {name: getattr(args, name) for name in Sampling.__struct_fields__}
    try:
        return msgspec.convert(values, Sampling)
    except msgspec.ValidationError as error:
        raise CommandError(f"A sampling setting can't be used: {error}.") from error


def load_request_from(args: argparse.Namespace, path: str, convert_to: str | None) -> LoadRequest:
    """What is asked of the loader."""
    return LoadRequest(
        path=path,
        dtype=args.dtype,
        bits=args.bits,
        device=args.device,
        memory_limits=dict(_memory_limit(text) for text in args.memory_limit),
        trust_remote_code=args.trust_remote_code,
        convert_to=convert_to,
        settings=dict(_setting(text) for text in args.set),
    )


def loader_name(ref: LoaderRef) -> str:
    """The loader and the distribution it came with, for people."""
    return f"{ref.name} ({ref.distribution} {ref.version})" if ref.distribution else ref.name


def _setting(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise CommandError(f"--set {text}: write it as KEY=VALUE.")
    return key.strip().replace("-", "_"), value.strip()


def _memory_limit(text: str) -> tuple[str, int]:
    try:
        return parse_memory_limit(text)
    except SizeError as error:
        raise CommandError(f"--memory-limit {error}") from error
