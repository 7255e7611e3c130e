"""Makes docs/adapter-kinds.md from what really happens: `python -m tests.plugins.adapter_kinds_table` writes it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.plugins.kinds import ATTACHED, CONVERTED, NOT_WRITTEN, REFUSED, Case, Outcome, other_kinds, try_case

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "adapter-kinds.md"
HEAD = """# Which adapters can be attached

Every kind of adapter that PEFT 0.21 knows, and every option of its LoRA, was written by PEFT on a tiny Llama and tried.
"Attached" means: the logits in float32 are PEFT's own, and after removal the base's to the last bit. "Refused" means:
before anything changes, with a message that begins as quoted. This table is made by the tests
(`python -m tests.plugins.adapter_kinds_table`) and checked by them.

PEFT needs data, trained adapters or another package to write some. Of these the configuration alone was written, which
decides: {}.
"""
TITLES = "| {} | what happens | why |\n|---|---|---|\n"


@cache
def outcome_of(label: str) -> Outcome:
    """What becomes of the case of that name; tried once a run."""
    with TemporaryDirectory() as folder:
        return try_case(cases()[label], Path(folder) / "adapter")


@cache
def cases() -> dict[str, Case]:
    """All cases by label, in the order of the table."""
    return {case.label: case for case in (*ATTACHED, CONVERTED, *REFUSED, *other_kinds())}


def make_table() -> str:
    """The whole document."""
    of_lora = "".join(_row(case) for case in cases().values() if case.kind == "LORA")
    others = "".join(_row(case) for case in cases().values() if case.kind != "LORA")
    lora, kinds = TITLES.format("LoRA with"), TITLES.format("kind")
    by_hand = ", ".join(case.label for case in cases().values() if case.edits or case.kind in NOT_WRITTEN)
    return f"{HEAD.format(by_hand)}\n## Options of LoRA\n\n{lora}{of_lora}\n## Other kinds\n\n{kinds}{others}"


def _row(case: Case) -> str:
    outcome = outcome_of(case.label)
    if outcome.refusal:
        # What every refusal of the sort says again is left out.
        what, why = "refused", outcome.refusal.split(" This ")[0]
        why = why[0].upper() + why[1:]
    else:
        what, why = "attached through PEFT" if outcome.through_peft else "attached", case.note
    return f"| {case.label} | {what} | {why} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(make_table(), encoding="utf-8")
