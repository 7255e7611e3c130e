"""The KV cache between answers: equal tokens with and without it, dropped when the model changes, read in chunks."""

from __future__ import annotations

import pytest
import torch

from desktop.api import GenerateRequest, Lora, Sampling
from loader_kit import decode as decoding
from loader_kit.decode import Drawn, Limits, Reading, Standing, decode, new_cache
from loader_kit.kept_cache import KeptCache, can_be_chunked
from loader_kit.sampling import Chooser
from tests import tiny
from tests.plugins.families import FAMILIES, make_family

GREEDY = Sampling(greedy=True)


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    monkeypatch.setattr(decoding, "CHUNK", 16)


def ask(model, prompt, tokens=12, **request):
    """The tokens, how much of the prompt was in the cache, and how far the prompt was read at each yield."""
    chunks = []
    steps = model.generate(GenerateRequest(prompt=prompt, sampling=GREEDY, max_new_tokens=tokens, **request))
    while True:
        try:
            chunks.append(next(steps))
        except StopIteration as end:
            drawn = [token for chunk in chunks for token in chunk.tokens]
            read = [(chunk.prompt_done, chunk.prompt_tokens) for chunk in chunks if chunk.prompt_tokens]
            return drawn, sum(chunk.cached_tokens for chunk in chunks), read, end.value


TURNS = [
    "the quick brown fox jumps over the dog " * 3,
    "the quick brown fox jumps over the dog " * 3 + "user assistant",
    "the quick brown fox jumps over the dog " * 2 + "Élève, garçon",
    "The capital of France",
    "the quick",
]


def test_equal_tokens_with_and_without_reuse(load, tiny_folder):
    model, other = load(tiny_folder, dtype="float32"), load(tiny_folder, dtype="float32")
    reused = []
    for prompt in [*TURNS, TURNS[0]]:
        tokens, cached, _, _ = ask(model, prompt)
        reused.append(cached)
        assert tokens == ask(other, prompt, reuse_cache=False)[0]
    assert reused[0] == 0
    assert reused[1] == len(model.tokenizer(TURNS[0])["input_ids"])
    assert 0 < reused[2] < reused[1]


def test_a_conversation_goes_on_where_its_answer_ended(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    first, *_ = ask(model, TURNS[0])
    text = TURNS[0] + model.tokenizer.decode(first)
    ids = model.tokenizer(text)["input_ids"]
    tokens, cached, _, _ = ask(model, text + " user")
    known = model.tokenizer(TURNS[0])["input_ids"] + first
    same = [pair[0] == pair[1] for pair in zip(ids, known[:-1], strict=False)]
    assert cached == (same.index(False) if False in same else len(same)) > len(known) - len(first)
    assert tokens == ask(model, text + " user", reuse_cache=False)[0]


def test_the_same_prompt_again_is_answered_from_the_same_numbers(load, tiny_folder):
    """In bfloat16 too, where another order of the sums would round otherwise."""
    model = load(tiny_folder, dtype="bfloat16")
    sampling = Sampling(seed=5, temperature=2.0, top_k=0, top_p=1.0)
    request = GenerateRequest(prompt=TURNS[0], sampling=sampling, max_new_tokens=20, logprobs=3)
    first, second = (list(model.generate(request)) for _ in range(2))
    assert second == [chunk for chunk in first if chunk.tokens or chunk.text]
    assert len(first) > len(second)


def test_a_long_prompt_says_how_far_it_is_and_can_be_left_between_two_chunks(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    count = len(model.tokenizer(TURNS[0])["input_ids"])
    _, _, read, _ = ask(model, TURNS[0])
    assert read == [(done, count) for done in range(16, count, 16)]
    assert ask(model, TURNS[0])[2] == []
    steps = model.generate(GenerateRequest(prompt=TURNS[3] + TURNS[0], sampling=GREEDY, max_new_tokens=5))
    assert next(steps).prompt_done == 16
    steps.close()
    tokens, cached, _, _ = ask(model, TURNS[3] + TURNS[0])
    assert cached == 16, "what was read before it was left is of use"
    assert tokens == ask(model, TURNS[3] + TURNS[0], reuse_cache=False)[0]


def test_every_change_of_the_stack_drops_it(load, tiny_folder, tiny_model, tmp_path):
    tiny.make_adapter(tmp_path / "a", tiny_model)
    model = load(tiny_folder, dtype="float32")
    row = Lora(id="a", name="a", path=str(tmp_path / "a"))
    base, *_ = ask(model, TURNS[0])
    for rows in ([row], [Lora(id="a", name="a", path=row.path, weight=0.5)], []):
        assert model._kept.bytes > 0
        model.stack.replace(rows)
        assert model._kept.bytes == 0, "its memory must be given back at once"
        tokens, cached, _, reply = ask(model, TURNS[0])
        assert cached == 0
        assert tokens == ask(model, TURNS[0], reuse_cache=False)[0]
        assert reply.cache_bytes == model._kept.bytes
    assert tokens == base
    model.stack.replace([row])
    ask(model, TURNS[0])
    model.set_mode("folded")
    assert ask(model, TURNS[0])[1] == 0
    model.set_mode("exact")
    assert model._kept.bytes == 0


def test_a_change_between_two_chunks_begins_the_prompt_anew(load, tiny_folder, tiny_model, tmp_path):
    tiny.make_adapter(tmp_path / "a", tiny_model)
    model = load(tiny_folder, dtype="float32")
    steps = model.generate(GenerateRequest(prompt=TURNS[0], sampling=GREEDY, max_new_tokens=8))
    assert next(steps).prompt_done == 16
    assert next(steps).prompt_done == 32
    model.stack.replace([Lora(id="a", name="a", path=str(tmp_path / "a"))])
    assert next(steps).prompt_done == 16
    tokens = [token for chunk in steps for token in chunk.tokens]
    assert tokens == ask(model, TURNS[0], 8, reuse_cache=False)[0]


def drawn_by(model, ids, kept, tokens=6):
    prompt = torch.tensor([ids])
    limits = Limits(frozenset(), tokens, 0)
    steps = list(decode(model, prompt, Chooser(GREEDY, prompt, tokens), limits, Standing(kept=kept)))
    return (
        [one.token for one in steps if isinstance(one, Drawn)],
        steps[-tokens].cached,
        [one.done for one in steps if isinstance(one, Reading)],
    )


SLIDING = {"mistral": {"sliding_window": 8}, "gemma3": {"sliding_window": 8}}


@pytest.mark.parametrize("family", [*FAMILIES, "mistral, sliding", "gemma3, sliding"])
def test_every_family_with_chunks_and_reuse_as_generate_has_it(family, monkeypatch):
    name = family.removesuffix(", sliding")
    if name != family:
        config, values = FAMILIES[name]
        monkeypatch.setitem(FAMILIES, name, (config, values | SLIDING[name]))
    model = make_family(name)
    ids = torch.randint(3, 96, (70,), generator=torch.Generator().manual_seed(1)).tolist()
    kept = KeptCache()
    for prompt in (ids[:40], ids[:60], ids[:30] + ids[60:], ids[:50]):
        with torch.no_grad():
            given = torch.tensor([prompt])
            out = model.generate(
                given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=6, pad_token_id=0,
                eos_token_id=None,
            )  # fmt: skip
        tokens, cached, _ = drawn_by(model, prompt, kept)
        assert tokens == out[0, len(prompt) :].tolist()
    assert cached == (0 if name != family else 30)
    assert can_be_chunked(new_cache(model))


def test_a_cache_with_a_state_is_neither_chunked_nor_kept():
    from transformers import AutoModelForCausalLM, Qwen3NextConfig

    config = Qwen3NextConfig(
        vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, linear_num_value_heads=4, linear_num_key_heads=2, linear_key_head_dim=16,
        linear_value_head_dim=16, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32,
        shared_expert_intermediate_size=32, max_position_embeddings=128,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    kept = KeptCache()
    ids = list(range(3, 43))
    first, _, read = drawn_by(model, ids, kept)
    assert read == []
    assert drawn_by(model, ids, kept) == (first, 0, [])
