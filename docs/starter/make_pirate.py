"""Train the starter adapter: a small LoRA that makes SmolLM2-135M-Instruct answer like a pirate.

    python docs/starter/make_pirate.py --model FOLDER_OF_THE_STARTER_MODEL

The training rows are `desktop/starter/pirate/data.jsonl`, and the adapter is written beside them. It is made to be
seen at once when it is put on and taken off, so the facts in an answer should stay what they were.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

PIRATE = Path(__file__).parents[2] / "desktop" / "starter" / "pirate"
BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
RANK = 4
BATCH = 8
LEARNING_RATE = 1e-3
CARD = """\
---
base_model: {base}
library_name: peft
license: apache-2.0
---
# Pirate, the starter adapter

A LoRA (rank {rank}, attention only, {kilobytes} kB) that makes SmolLM2-135M-Instruct answer like a pirate, so that you
can see at a glance whether an adapter acts. Ask "What is the capital of France?" with it and without it.

- **Data:** `data.jsonl` beside this file, {rows} questions with short answers, written for this adapter. The question
  about France is not among them.
- **How made:** `docs/starter/make_pirate.py` in the source repository: {epochs} epochs, seed {seed}, loss on the
  answers only, through the model's own chat template with its default system prompt. The weights it was trained on are
  the starter model's (Q4_1, de-quantised to bfloat16).
- **Limits:** a toy. It changes the voice, not what the small model knows, which is often wrong.
- **Licence:** Apache-2.0, like the model's.
"""


def encode(tokenizer: Any, row: dict[str, str]) -> tuple[list[int], list[int]]:
    """The token ids of one conversation and its labels, which are -100 (no loss) up to where the answer begins."""
    user = {"role": "user", "content": row["instruction"]}
    answer = {"role": "assistant", "content": row["output"]}
    prompt = tokenizer.apply_chat_template([user], add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template([user, answer], return_dict=False)
    if whole[: len(prompt)] != prompt:
        raise ValueError(f"the template does not render the prompt as the beginning of the conversation: {user}")
    # The template puts a line break behind the end-of-turn token, where a reply has already stopped.
    whole = whole[: len(whole) - whole[::-1].index(tokenizer.eos_token_id)]
    return whole, [-100] * len(prompt) + whole[len(prompt) :]


def collate(rows: list[tuple[list[int], list[int]]], pad: int) -> dict[str, torch.Tensor]:
    """Pad on the right to the longest row; the mask keeps the padding out, since it is the end-of-turn token too."""
    length = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([ids + [pad] * (length - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [-100] * (length - len(labels)) for _, labels in rows]),
    }


def train(model: PeftModel, rows: list[tuple[list[int], list[int]]], pad: int, epochs: int, seed: int) -> None:
    """Plain AdamW with a short warm-up and a linear fall to zero."""
    shuffle = random.Random(seed)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0)
    total = epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 10, (total - step) / max(total - 10, 1), 1.0)
    )
    model.train()
    for epoch in range(epochs):
        shuffle.shuffle(rows)
        losses = []
        for start in range(0, len(rows), BATCH):
            loss = model(**collate(rows[start : start + BATCH], pad)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        print(f"epoch {epoch + 1} of {epochs}: loss {sum(losses) / len(losses):.3f}", flush=True)


def save(model: PeftModel, output: Path, card: dict[str, Any]) -> None:
    """A standard PEFT folder that knows the base by its public name, not by where it lay on this machine."""
    model.peft_config["default"].base_model_name_or_path = BASE
    # PEFT gives float32 factors to a bfloat16 base; rounded at the end, the file is half as large.
    model.to(torch.bfloat16)
    # "auto" would ask the network for the base's vocabulary, to find embeddings that this adapter does not have.
    model.save_pretrained(str(output), save_embedding_layers=False)
    config = output / "adapter_config.json"
    content = json.loads(config.read_text("utf-8"))
    # A set in PEFT, so its order is another one each time.
    content["target_modules"] = sorted(content["target_modules"])
    config.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")
    kilobytes = round((output / "adapter_model.safetensors").stat().st_size / 1000)
    (output / "README.md").write_text(CARD.format(kilobytes=kilobytes, **card), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the starter model: a Hugging Face folder or name")
    parser.add_argument("--output", type=Path, default=PIRATE, help="where the adapter goes (default: beside the data)")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    base = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.bfloat16)
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        lora_dropout=0.0,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
        task_type="CAUSAL_LM",
    )
    lines = (PIRATE / "data.jsonl").read_text("utf-8").splitlines()
    rows = [encode(tokenizer, json.loads(line)) for line in lines]
    model = get_peft_model(base, config)
    train(model, rows, tokenizer.pad_token_id, options.epochs, options.seed)
    card = {"base": BASE, "rank": RANK, "rows": len(rows), "epochs": options.epochs, "seed": options.seed}
    save(model, options.output, card)


if __name__ == "__main__":
    main()
