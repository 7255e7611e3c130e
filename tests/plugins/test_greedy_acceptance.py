"""Greedy answers token for token as transformers' `generate` has them in float32, for many prompts, base and stacks."""

from __future__ import annotations

import random

import pytest
import torch

from desktop.api import GenerateRequest, Lora, Sampling
from tests import tiny

WORDS = tiny.TEXT.split()


def prompts(count):
    """Texts of 1 to 25 words, the same in every run."""
    drawn = random.Random(7)
    return [" ".join(drawn.choices(WORDS, k=drawn.randint(1, 25))) for _ in range(count)]


def check(model, reference, count, tokens):
    """Compare with `reference`, a model of transformers' own that computes what the stack should."""
    for prompt in prompts(count):
        request = GenerateRequest(prompt=prompt, sampling=Sampling(greedy=True), max_new_tokens=tokens)
        drawn = [token for chunk in model.generate(request) for token in chunk.tokens]
        ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
        with torch.no_grad():
            out = reference.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=tokens,
                pad_token_id=0,
                eos_token_id=sorted(model._end_tokens),
            )
        theirs = out[0, ids.shape[1] :].tolist()
        ends = [at for at, token in enumerate(theirs) if token in model._end_tokens]
        assert drawn == theirs[: ends[0] if ends else None], prompt


@pytest.fixture
def stack(tmp_path):
    """Call it with a model: two adapters on disk, and the base with both of them in its weights."""

    def make(base):
        rows, added = [], []
        for number, weight in ((1, 0.8), (2, -0.5)):
            folder = tmp_path / f"a{number}"
            factors = tiny.make_adapter(folder, base, rank=4 * number, seed=number)
            rows.append(Lora(id=f"a{number}", name=f"a{number}", path=str(folder), weight=weight))
            added.append((factors, lambda _, number=number: 8 / (4 * number), weight))
        return rows, tiny.merged_float64(base, added).float()

    return make


def test_a_few_prompts_on_a_tiny_model(load, tiny_folder, tiny_model, stack):
    model = load(tiny_folder, dtype="float32")
    check(model, tiny_model, 8, 12)
    rows, merged = stack(tiny_model)
    model.stack.replace(rows)
    check(model, merged, 8, 12)


def test_the_same_seed_draws_the_same_answer_after_other_prompts(load, tiny_folder):
    """What is kept between answers must not be heard in them."""
    model = load(tiny_folder, dtype="float32")
    sampling = Sampling(seed=3, temperature=1.5, top_k=0, xtc_probability=0.5, dry_multiplier=0.8, typical_p=0.9)
    request = GenerateRequest(prompt=prompts(1)[0], sampling=sampling, max_new_tokens=24)
    first = [token for chunk in model.generate(request) for token in chunk.tokens]
    for prompt in [*prompts(3), request.prompt[:30]]:
        list(model.generate(GenerateRequest(prompt=prompt, sampling=sampling, max_new_tokens=5)))
        assert [token for chunk in model.generate(request) for token in chunk.tokens] == first


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stacked", [False, True], ids=["base", "stack"])
def test_fifty_prompts_on_the_starter(load, stack, stacked):
    from transformers import AutoModelForCausalLM

    from tests.benchmarks.starter import starter_model

    folder = starter_model()
    model = load(folder, dtype="float32")
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if stacked:
        rows, base = stack(base)
        model.stack.replace(rows)
    check(model, base, 50, 16)


@pytest.mark.long
def test_equal_tokens_with_and_without_reuse_on_the_starter(load):
    from tests.benchmarks.starter import starter_model

    model = load(starter_model(), dtype="float32")
    text = ""
    for words in prompts(12):
        text += words + " "
        drawn = []
        for reuse in (True, False):
            request = GenerateRequest(prompt=text, sampling=Sampling(greedy=True), max_new_tokens=12, reuse_cache=reuse)
            drawn.append([token for chunk in model.generate(request) for token in chunk.tokens])
        assert drawn[0] == drawn[1]
        text += model.tokenizer.decode(drawn[0]) + " "
