"""A stack changed in the middle of an answer: what follows is what the new stack makes of the text so far."""

import torch

from desktop.api import GenerateRequest, Lora, Sampling
from tests import tiny

PROMPT = "The capital of France is"
BEFORE, AFTER = 5, 12


def answer_changed_midway(model, change):
    steps = model.generate(
        GenerateRequest(prompt=PROMPT, sampling=Sampling(greedy=True), max_new_tokens=BEFORE + AFTER)
    )
    tokens = []
    for chunk in steps:
        tokens += chunk.tokens
        if len(tokens) == BEFORE:
            change()
    return tokens


def continued(model, ids, count):
    """What transformers' own `generate` makes of these tokens with the stack as it is now."""
    with torch.no_grad():
        out = model.model.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), pad_token_id=0, eos_token_id=None,
            do_sample=False, max_new_tokens=count,
        )  # fmt: skip
    return out[0, len(ids) :].tolist()


def test_the_next_token_comes_from_the_new_stack_and_from_no_old_cache(load, tiny_folder, tiny_model, tmp_path):
    tiny.make_adapter(tmp_path / "a", tiny_model, rank=8, alpha=64)
    row = Lora(id="a", name="a", path=str(tmp_path / "a"))
    model = load(tiny_folder, dtype="float32")
    model._end_tokens = frozenset()
    ids = model.tokenizer(PROMPT)["input_ids"]
    base = continued(model, ids, BEFORE + AFTER)

    changed = answer_changed_midway(model, lambda: model.stack.apply(row))
    assert changed[:BEFORE] == base[:BEFORE]
    assert changed[BEFORE:] == continued(model, ids + base[:BEFORE], AFTER)
    assert changed != base

    # And back: the base again, to the last token, from the same point.
    back = answer_changed_midway(model, lambda: model.stack.remove(row))
    assert back[BEFORE:] == continued(model, ids + back[:BEFORE], AFTER)
    assert back[:BEFORE] != base[:BEFORE]


def test_a_weight_counts_as_a_change(load, tiny_folder, tiny_model, tmp_path):
    tiny.make_adapter(tmp_path / "a", tiny_model, rank=8, alpha=64)
    row = Lora(id="a", name="a", path=str(tmp_path / "a"), weight=0.0)
    model = load(tiny_folder, dtype="float32")
    model.stack.apply(row)
    before = model.stack.version()
    model.stack.apply(Lora(id="a", name="a", path=row.path, weight=2.0))
    assert model.stack.version() != before
