"""Alpaca rows to an adapter that answers, as a user types it; and whether others learn more from the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from desktop.library.runs.run_file import read_run_file
from tests.acceptance import plain_trainer
from tests.contract.opening import ROOT

PROMPT = "User: Say 3\nAssistant:"


def events_of(lines: list[str], kind: str) -> list[dict]:
    """The events of a kind among lines of JSON."""
    told = [json.loads(line) for line in lines]
    return [line["event"] for line in told if line.get("event", {}).get("type") == kind]


def test_rows_become_an_adapter_that_answers(command, tiny_home, alpaca):
    """64 rows, one epoch, in an engine of its own; the result is used by name, and PEFT answers the same with it."""
    lines = command(
        tiny_home, "train", "--model", "tiny", "--dtype", "float32", "--dataset", alpaca(64 + 8),
        "--format", "alpaca-chatbot", "--holdout", "8", "--output", "taught", "--json",
        "--set-train", "epochs=1", "batch_size=4", "learning_rate=1e-2", "eval_every=1",
    )  # fmt: skip
    assert len(events_of(lines, "step")) == 16
    losses = [event["loss"] for event in events_of(lines, "evaluated")]
    assert losses[-1] < 0.7 * losses[0]
    adapter = tiny_home.loras / "taught"
    assert json.loads(lines[-1])["result"] == str(adapter)
    asked = ("generate", "--model", "tiny", "--dtype", "float32", "--greedy", "--max-new-tokens", "8", "-p", PROMPT)
    base, taught = peft_answers(tiny_home.models / "tiny", adapter)
    assert base != taught
    assert command(tiny_home, *asked, "--lora", "taught") == taught.splitlines()


def peft_answers(base: Path, adapter: Path) -> tuple[str, str]:
    """What plain transformers and PEFT answer, greedily: without the adapter, and with it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
    prompt = tokenizer(PROMPT, return_tensors="pt")

    def answer() -> str:
        ids = model.generate(**prompt, do_sample=False, max_new_tokens=8, pad_token_id=0)
        return tokenizer.decode(ids[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)

    with model.disable_adapter():
        base_answer = answer()
    return base_answer, answer()


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_three_epochs_on_the_starter_learn_what_trainer_with_peft_learns(
    command, starter_home, starter_folder, tmp_path, capsys
):
    """48 rows of the starter's own data in float32, 16 more held out: the losses on those differ by at most 0.01."""
    lines = (ROOT / "desktop/starter/pirate/data.jsonl").read_text("utf-8").splitlines()[:64]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    told = command(
        starter_home, "train", "--model", "starter", "--dtype", "float32", "--dataset", tmp_path / "rows.jsonl",
        "--format", "alpaca-chatbot", "--holdout", "16", "--output", "three-epochs", "--json",
        "--set-train", "rank=8", "alpha=16", "epochs=3", "batch_size=8", "learning_rate=3e-4", "warmup=0.1",
    )  # fmt: skip
    run = starter_home.runs / json.loads(told[-1])["id"]
    settings = read_run_file(run / "run.toml").settings
    (ours,) = (event["loss"] for event in events_of(told, "evaluated"))
    adapter = starter_home.loras / "three-epochs"
    learnt = plain_trainer.learn(starter_folder, run, settings, adapter, tmp_path)
    steps = [event["loss"] for event in events_of(told, "step")]
    with capsys.disabled():
        print(f"\nheld out: ours {ours:.5f}, {learnt._replace(steps=())}")
        print(f"steps: {[(round(a, 4), round(b, 4)) for a, b in zip(steps, learnt.steps, strict=True)]}")
    assert len(steps) == 18
    assert learnt.after < learnt.before - 0.5
    assert abs(ours - learnt.after) <= 0.01
    assert abs(ours - learnt.with_ours) <= 1e-3
