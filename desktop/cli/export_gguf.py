"""`lora-deck export --gguf`: one adapter as a GGUF LoRA file. Reads files only; no engine is started."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from desktop.api import ExportReport, LoaderError, Lora
from desktop.library.gguf_lora import export_gguf_lora
from desktop.library.home import Home

from .library import in_units
from .opening import find_path
from .output import CommandError, plain, put, put_json, say


def export_as_gguf(args: argparse.Namespace, loras: Sequence[Lora]) -> int:
    """Write it; 0 if the file is there. A plain name lands in the present folder. Raises CommandError."""
    if args.merged:
        raise CommandError("--gguf writes an adapter and --merged a model. Choose one.")
    if len(loras) > 1:
        raise CommandError(
            "A GGUF LoRA file holds one adapter. Write the stack as one first (`lora-deck export` without --gguf), and "
            "then that one."
        )
    path = Path(args.output).expanduser()
    if path.suffix.lower() != ".gguf":
        path = path.with_name(f"{path.name}.gguf")
    try:
        base = find_path(args, Home.find(args.home))
        size = export_gguf_lora(Path(loras[0].path), base, path.absolute(), loras[0].weight)
    except LoaderError as error:
        raise CommandError(plain(str(error))) from error
    if args.json:
        put_json(ExportReport(folder=str(path.absolute()), bytes=size))
        return 0
    say(in_units(size))
    put(str(path.absolute()))
    return 0
