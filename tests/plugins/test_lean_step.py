"""One token at a time, the short way: the model's own logits to the last bit, and only where it is known to be so."""

import pytest
import torch

from desktop.api import GenerateRequest, Lora, Sampling
from loader_kit.decode import Limits, Standing, decode, new_cache
from loader_kit.lean_step import SPARE, LeanStep
from loader_kit.sampling import Chooser
from tests import tiny

LIMITS = Limits(frozenset(), 40, 0)


def make(name, dtype, **config):
    """A tiny model of a family, with weights large enough for the logits to differ."""
    import transformers

    sizes = tiny.tiny_config().to_dict()
    keep = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    values = {key: sizes[key] for key in (*keep, "num_key_value_heads", "max_position_embeddings")}
    torch.manual_seed(3)
    model = getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**(values | config)))
    for parameter in model.parameters():
        parameter.data.mul_(4) if parameter.dim() > 1 else parameter.data.add_(torch.randn_like(parameter) / 8)
    return model.to(dtype).eval()


def answer(model, lean, tokens=40):
    prompt = torch.arange(5, 15).view(1, -1)
    drawn = decode(model, prompt, Chooser(Sampling(greedy=True), prompt, tokens), LIMITS, Standing(lean=lean))
    return [(one.token, one.logits) for one in drawn]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("Llama", {}),
        ("Llama", {"num_key_value_heads": 4, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
        ("Llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}),
        ("Mistral", {"sliding_window": None, "head_dim": 24}),
        ("Qwen2", {}),
    ],
)
def test_its_logits_are_the_models_own_to_the_last_bit(family, config, dtype):
    model = make(family, dtype, **config)
    lean = LeanStep(model)
    mine, own = answer(model, lean), answer(model, None)
    assert lean._trusted is True
    assert [token for token, _ in mine] == [token for token, _ in own]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(mine, own, strict=True))


@pytest.mark.parametrize(
    ("family", "config"),
    [("Mistral", {"sliding_window": 8}), ("Qwen3", {}), ("GPTNeoX", {}), ("Llama", {"attn_implementation": "eager"})],
)
def test_a_model_built_otherwise_is_left_to_its_own_pass(family, config):
    if family == "GPTNeoX":
        config = {"hidden_act": "gelu"}
    model = make(family, torch.float32, **config)
    lean = LeanStep(model)
    lean.refresh()
    cache = new_cache(model)
    with torch.no_grad():
        model(input_ids=torch.tensor([[1, 2, 3]]), past_key_values=cache, use_cache=True)
    assert not lean.fits(cache)
    assert [token for token, _ in answer(model, lean)] == [token for token, _ in answer(model, None)]


def test_a_model_that_computes_something_else_is_found_out(monkeypatch):
    model = make("Llama", torch.float32)
    monkeypatch.setattr(type(model.model.layers[0].self_attn), "forward", _scaled_attention)
    lean = LeanStep(model)
    mine = answer(model, lean)
    assert lean._trusted is False
    assert [token for token, _ in mine] == [token for token, _ in answer(model, None)]


def _scaled_attention(self, hidden_states, **kwargs):
    from transformers.models.mistral.modeling_mistral import MistralAttention

    out, weights = MistralAttention.forward(self, hidden_states, **kwargs)
    return out * 1.5, weights


@pytest.mark.parametrize("where", ["self_attn", "mlp", "input_layernorm"])
def test_what_stands_in_a_layer_acts(where):
    model = make("Llama", torch.float32)
    lean = LeanStep(model)
    answer(model, lean)
    plain = answer(model, None)
    module = getattr(model.model.layers[1], where)

    def doubled(_, __, output):
        return (output[0] * 2, *output[1:]) if isinstance(output, tuple) else output * 2

    handle = module.register_forward_hook(doubled)
    mine, own = answer(model, lean), answer(model, None)
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(mine, own, strict=True))
    assert not torch.equal(mine[1][1], plain[1][1])
    handle.remove()
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(answer(model, lean), plain, strict=True))


def test_the_cache_stays_the_models_own():
    model = make("Llama", torch.float32)
    lean = LeanStep(model)
    lean.refresh()
    prompt, one = torch.arange(5, 15).view(1, -1), torch.tensor([[7]])
    with torch.no_grad():
        mine, own = new_cache(model), new_cache(model)
        for cache in (mine, own):
            model(input_ids=prompt, past_key_values=cache, use_cache=True)
        for turn in range(6):
            lean(one, mine)
            model(input_ids=one, past_key_values=own, use_cache=True)
            if turn == 3:
                for cache in (mine, own):
                    cache.crop(-2)
                    model(input_ids=prompt[:, :3], past_key_values=cache, use_cache=True)
        assert mine.get_seq_length() == own.get_seq_length() == 10 + 6 + 1
        for a, b in zip(mine.layers, own.layers, strict=True):
            assert torch.equal(a.keys, b.keys)
            assert torch.equal(a.values, b.values)


def test_it_goes_on_where_the_buffers_space_ends():
    model = make("Llama", torch.float32, max_position_embeddings=2 * SPARE)
    lean = LeanStep(model)
    limits = Limits(frozenset(), SPARE + 40, 0)
    prompt = torch.arange(5, 15).view(1, -1)

    def tokens(step):
        chooser = Chooser(Sampling(greedy=True), prompt, limits.new_tokens)
        return [one.token for one in decode(model, prompt, chooser, limits, Standing(lean=step))]

    assert tokens(lean) == tokens(None)


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_adapters_act_and_go_without_a_trace(load, tiny_folder, tiny_model, tmp_path, bits):
    tiny.make_adapter(tmp_path / "a", tiny_model, modules=tiny.linear_names(tiny_model))
    model = load(tiny_folder, dtype="float32" if bits == 16 else "auto", bits=bits)
    request = GenerateRequest(prompt="The capital", sampling=Sampling(greedy=True), max_new_tokens=20, logprobs=3)

    def chunks():
        return list(model.generate(request))

    def plain():
        lean, model._lean = model._lean, None
        try:
            return chunks()
        finally:
            model._lean = lean

    before = chunks()
    assert before == plain()
    model.stack.replace([Lora(id="a", name="a", path=str(tmp_path / "a"), weight=0.7)])
    acting = chunks()
    assert acting == plain()
    assert acting != before
    model.stack.replace([])
    assert chunks() == before
