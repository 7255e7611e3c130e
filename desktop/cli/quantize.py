"""`lora-deck quantize`: a GPTQ copy of a model, made here from its 16 or 32-bit weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

import msgspec

from desktop.api import QuantizeReport, QuantizeRequest
from desktop.api.quantising import GptqBits, GptqGroup
from desktop.library.home import Home

from .arguments import add_model_arguments
from .export import follow, target_of
from .library import in_units
from .opening import find_path, open_model
from .output import CommandError, ProgressLine, plain, put, put_json, say

WORST = 3
"""So many of the least exact linears are named."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "quantize",
        help="write a GPTQ copy of a model in 2, 3, 4 or 8 bits",
        description="Quantise a model's linears with GPTQ, layer after layer, and write the copy as AutoGPTQ lays it "
        "out. The whole calibration text goes through each layer: minutes for a small model on the CPU, hours for a "
        "large one. Nothing that exists is overwritten, and a cancelled run leaves nothing behind.",
    )
    parser.set_defaults(run=run)
    add_model_arguments(parser)
    _add_scheme(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="NAME",
        help="a name for the library (it lands in models/), or a path (default: MODEL-gptq-4bit-128g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_scheme(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("quantisation")
    group.add_argument(
        "--bits", dest="to_bits", type=int, choices=get_args(GptqBits), default=4, help="bits of a weight (default: 4)"
    )
    group.add_argument(
        "--group-size",
        type=int,
        choices=get_args(GptqGroup),
        default=128,
        help="inputs that share a scale; -1: all (default: 128; smaller is more exact and takes more room)",
    )
    group.add_argument(
        "--act-order", action="store_true", help="largest activations first: more exact, slower on some kernels"
    )
    zeros = group.add_mutually_exclusive_group()
    zeros.add_argument(
        "--symmetric", action="store_true", help="zero points in the middle, as some GPU kernels want them"
    )
    zeros.add_argument(
        "--asymmetric", action="store_false", dest="symmetric", help="a zero point for each group (default)"
    )
    search = group.add_mutually_exclusive_group()
    search.add_argument(
        "--mse", action="store_true", dest="search", default=True, help="search for the best scales (default)"
    )
    search.add_argument("--no-mse", action="store_false", dest="search", help="take each group's whole range: faster")
    group.add_argument("--damp", type=float, default=0.01, metavar="SHARE", help="damping (default: 0.01)")
    group.add_argument(
        "--calibration",
        metavar="FILE",
        help="a text file, or .json or .jsonl rows, like what the model will read (default: a text that comes along, "
        "in English, French and code)",
    )
    group.add_argument(
        "--samples", type=int, default=128, metavar="N", help="most blocks of 512 tokens to use (default: 128)"
    )


def run(args: argparse.Namespace) -> int:
    """Write it; 0 if all of it stands on disk."""
    if args.lora:
        raise CommandError(
            "The base alone is quantised. Leave --lora out, or merge the adapters first with `lora-deck export "
            "--merged`."
        )
    home = Home.find(args.home)
    request = _request(args, home)
    if Path(request.folder).exists():
        raise CommandError(
            f"{request.folder} exists already. Choose another name with --output; nothing was overwritten."
        )
    progress = ProgressLine()
    with open_model(args, progress) as opened:
        if not request.calibration:
            say(
                "Calibrating with the text that comes along. One like your own prompts, with --calibration, suits "
                "better."
            )
        report = follow(opened.engine.quantize(request), progress)
    if args.json:
        put_json(report)
        return 0
    _tell(report)
    put(report.folder)
    return 0


def _request(args: argparse.Namespace, home: Home) -> QuantizeRequest:
    values = {
        "folder": str(target_of(args.output or _usual_name(args, home), home.models)),
        "bits": args.to_bits,
        "group_size": args.group_size,
        "symmetric": args.symmetric,
        "act_order": args.act_order,
        "search": args.search,
        "damp": args.damp,
        "calibration": str(Path(args.calibration).expanduser().absolute()) if args.calibration else "",
        "samples": args.samples,
    }
    try:
        return msgspec.convert(values, QuantizeRequest)
    except msgspec.ValidationError as error:
        raise CommandError(f"The model can't be quantised like this: {error}.") from error


def _usual_name(args: argparse.Namespace, home: Home) -> str:
    path = find_path(args, home)
    group = f"{args.group_size}g" if args.group_size > 0 else "one-group"
    return f"{path.name if path.is_dir() else path.stem}-gptq-{args.to_bits}bit-{group}"


def _tell(report: QuantizeReport) -> None:
    mean = sum(layer.error for layer in report.layers) / len(report.layers)
    say(
        f"{in_units(report.bytes_before)} became {in_units(report.bytes_after)} in {report.seconds:.0f} s, calibrated "
        f"on {report.tokens:,} tokens."
    )
    say(f"Error of the {len(report.layers)} linears' outputs: {mean:.3%} on average. The least exact:")
    for layer in sorted(report.layers, key=lambda one: one.error, reverse=True)[:WORST]:
        say(f"  {plain(layer.name)} {layer.error:.3%}")
    for note in report.notes:
        say(note)
