"""`lora-deck verify`: the proof that adapters act as the formula says and that the base comes back to the bit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from desktop.api import LoaderError
from desktop.engine.proof import Proof
from desktop.engine.verification import verify
from desktop.library.identity import weights_hash

from .arguments import add_model_arguments
from .library import put_table
from .opening import adapters_from, open_model
from .output import CommandError, ProgressLine, plain, put, put_json, say


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    model: str
    path: str
    loader: str
    proofs: tuple[Proof, ...]
    base_hash: str
    """SHA-256 over the base's weight files, before it was loaded."""
    base_file_unchanged: bool
    """The files still have that hash after all adapters came and went."""
    holds: bool


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "verify",
        help="prove that adapters act and that the base comes back",
        description="Attach each adapter, compare what every module adds with the formula in float64, take it off, "
        "and compare the logits and the base's files with those before, to the bit. Several adapters are also proved "
        "together. The exit status is 0 only if everything holds.",
    )
    parser.set_defaults(run=run)
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Prove the stack; 0 if all of it holds."""
    loras = adapters_from(args)
    if not loras:
        raise CommandError("There is nothing to verify. Name one adapter or several with --lora.")
    progress = ProgressLine()
    with open_model(args, progress) as opened:
        path = Path(opened.info.path)
        before = _hash(path, progress)
        proofs = tuple(verify(opened.engine, loras, progress.show))
        progress.clear()
        unchanged = _hash(path, progress) == before
    verified = Verified(
        model=opened.name,
        path=opened.info.path,
        loader=opened.loader.name,
        proofs=proofs,
        base_hash=before,
        base_file_unchanged=unchanged,
        holds=unchanged and all(proof.holds for proof in proofs),
    )
    if args.json:
        put_json(verified)
    else:
        _show(verified)
    return 0 if verified.holds else 1


def _hash(path: Path, progress: ProgressLine) -> str:
    try:
        return weights_hash(path, lambda fraction: progress.show("Hashing the base's files", fraction))
    except LoaderError as error:
        raise CommandError(str(error)) from error
    finally:
        progress.clear()


def _show(verified: Verified) -> None:
    heads = ("ADAPTER", "WEIGHT", "RANK", "MODULES", "LOGITS MOVE", "ERROR", "ALLOWED", "BASE BACK", "HOLDS")
    put_table(heads, [_row(proof) for proof in verified.proofs], [""] * len(verified.proofs))
    same = "the same as before loading" if verified.base_file_unchanged else "NOT WHAT WAS LOADED"
    put(f"base files: {same}, SHA-256 {verified.base_hash[:16]}")
    for why in dict.fromkeys(proof.why_unchecked for proof in verified.proofs if proof.why_unchecked):
        say(plain(why))
    if not verified.holds:
        say("Not everything holds. An adapter that does not move the logits may be a checkpoint from before training.")


def _row(proof: Proof) -> tuple[str, ...]:
    check = proof.check
    return (
        " + ".join(proof.names),
        " ".join(f"{receipt.weight:g}" for receipt in proof.receipts),
        str(sum(receipt.rank for receipt in proof.receipts)),
        str(check.modules) if check else "?",
        f"{proof.moved:.3g}",
        f"{check.worst_error:.1e}" if check else "?",
        f"{check.allowed:.1e}" if check else "?",
        "bit for bit" if proof.base_is_back else "NO",
        "yes" if proof.holds else "NO",
    )
