"""ExLlama and ExLlamaV2 without a card, through strict stand-ins: loading, answering, and the whole adapter stack."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from desktop.api import GenerateRequest, LoaderError, Sampling, Unsupported
from exllama_loader import plugin
from exllama_loader.joined_stack import Row, join
from loader_kit.adapter_files import Factors
from tests.plugins.exllama_making import PROMPT, agrees, answer, engine_model, logits, make_shelf, open_with
from tests.plugins.gptq_reader import read_layer
from tests.plugins.gptq_writer import write_checkpoint
from tests.plugins.stack_making import row

ENGINES = ("exllama", "exllamav2")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A packed checkpoint, its float64 twin, and adapters of many kinds."""
    return make_shelf(tmp_path_factory.mktemp("exllama"))


@pytest.fixture(params=ENGINES)
def loaded(request, shelf, monkeypatch, tmp_path):
    """The model in the hands of one engine's stand-in."""
    return open_with(request.param, shelf, monkeypatch, tmp_path)


def test_the_base_computes_what_its_packed_weights_say(loaded, shelf):
    agrees(loaded, shelf.expected())
    assert loaded.info.context_length == 256
    assert (loaded.info.bits, loaded.info.dtype, loaded.info.architecture) == (4, "float16", "LlamaForCausalLM")


def test_any_number_of_weighted_adapters_is_their_sum(loaded, shelf):
    rows = [shelf.row("small", 0.7), shelf.row("large", -0.3), shelf.row("rs", 1.5), shelf.row("pattern", 0.5)]
    receipts = plugin.set_stack(loaded, rows)
    assert [receipt.kind for receipt in receipts] == ["LoRA", "LoRA", "rsLoRA", "LoRA"]
    assert [receipt.modules_matched for receipt in receipts] == [6, 14, 6, 3]
    assert receipts[0].bytes == 2 * 4 * (2 * (64 + 64) + 2 * (64 + 32) + 2 * (96 + 64))
    agrees(loaded, shelf.expected(*rows))
    plugin.apply_lora(loaded, shelf.row("rs", 0.25))
    rows[2] = shelf.row("rs", 0.25)
    agrees(loaded, shelf.expected(*rows))


def test_removal_and_weights_that_come_back_are_exact_to_the_bit(loaded, shelf):
    base = logits(loaded)
    small, large = shelf.row("small", 0.7), shelf.row("large", 0.3)
    plugin.apply_lora(loaded, small)
    alone = logits(loaded)
    plugin.apply_lora(loaded, large)
    for weight in (3.0, 0.1, -2.0, 0.7):
        plugin.apply_lora(loaded, shelf.row("small", weight))
    plugin.remove_lora(loaded, large)
    assert np.array_equal(logits(loaded), alone)
    plugin.apply_lora(loaded, shelf.row("small", 0.0))
    assert np.array_equal(logits(loaded), base)
    plugin.apply_lora(loaded, shelf.row("small", 1.0, enabled=False))
    assert np.array_equal(logits(loaded), base)
    plugin.remove_lora(loaded, small)
    assert np.array_equal(logits(loaded), base)
    assert not np.array_equal(alone, base)


def test_an_answer_reads_the_prompt_once_and_each_token_once(loaded):
    first = answer(loaded)
    calls = engine_model(loaded).calls
    length = calls[0][0]
    assert calls[0] == (length, 0)
    assert calls[1:] == [(1, length + token) for token in range(len(first) - 1)]
    calls.clear()
    assert answer(loaded) == first
    assert calls[0] == (length, 0)


def test_a_change_of_the_stack_in_the_middle_of_an_answer_reads_everything_anew(loaded, shelf):
    wanted = GenerateRequest(prompt=PROMPT, sampling=Sampling(greedy=True), max_new_tokens=6)
    running, base = loaded.generate(wanted), answer(loaded, 6)
    tokens = [token for _ in range(2) for token in next(running).tokens]
    assert tuple(tokens) == base[:2]
    plugin.apply_lora(loaded, shelf.row("large", 2.0))
    calls = engine_model(loaded).calls
    calls.clear()
    tokens += [token for chunk in running for token in chunk.tokens]
    length = calls[0][0]
    assert calls[0][1] == 0, "the cache was made with another stack"
    assert calls[1] == (1, length)
    passes, ids = loaded._answers.model, loaded._answers.tokenizer(PROMPT)["input_ids"] + tokens[:2]
    for token in tokens[2:]:
        fresh = passes(input_ids=torch.tensor([ids])).logits[0, -1]
        assert int(fresh.argmax()) == token
        ids.append(token)


def test_two_texts_never_share_the_one_cache(loaded):
    running = loaded.generate(GenerateRequest(prompt=PROMPT, sampling=Sampling(greedy=True), max_new_tokens=5))
    tokens = list(next(running).tokens)
    logits(loaded)  # between two tokens, as a probe does
    tokens += [token for chunk in running for token in chunk.tokens]
    assert tuple(tokens) == answer(loaded, 5)


def test_answers_can_be_stopped_sampled_counted_and_rendered(loaded):
    whole = "".join(chunk.text for chunk in loaded.generate(GenerateRequest(prompt=PROMPT, max_new_tokens=12)))
    assert whole
    running = loaded.generate(GenerateRequest(prompt=PROMPT, max_new_tokens=12))
    next(running)
    running.close()
    drawn = [answer(loaded, 12) for _ in range(2)]
    assert drawn[0] == drawn[1]
    seeded = GenerateRequest(prompt=PROMPT, sampling=Sampling(temperature=2.0, top_k=0, seed=7), max_new_tokens=9)
    texts = ["".join(chunk.text for chunk in loaded.generate(seeded)) for _ in range(2)]
    assert texts[0] == texts[1]
    assert loaded.count_tokens("The capital") > 0
    assert len(answer(loaded, logprobs=2)) == 8


@pytest.mark.parametrize(
    ("name", "weight", "error", "words"),
    [
        ("dora", 1.0, Unsupported, "dora is a DoRA adapter, which ExLlama can't compute"),
        ("head", 1.0, Unsupported, "head has factors for lm_head; ExLlama adds factors only inside the layers"),
        ("foreign", 1.0, LoaderError, "foreign does not fit: its .* is 128 wide, this model has 64"),
        ("large", 1e6, LoaderError, "float16, which can't hold the factors of this stack .*large at 1e"),
        ("gone", 1.0, LoaderError, "gone is not a folder"),
    ],
)
def test_what_can_t_be_attached_is_refused_by_name_and_nothing_changes(loaded, shelf, name, weight, error, words):
    plugin.set_stack(loaded, [shelf.row("small", 0.7), shelf.row("large", 0.2)])
    before = logits(loaded)
    with pytest.raises(error, match=words):
        plugin.apply_lora(loaded, shelf.row(name, weight))
    assert np.array_equal(logits(loaded), before)
    assert [row.name for row in loaded.stack.rows] == ["small", "large"]


def test_joined_factors_are_the_float64_sum_rounded_once():
    dice = torch.Generator().manual_seed(3)
    rows, exact = [], torch.zeros(24, 40, dtype=torch.float64)
    for number, (rank, weight, scaling) in enumerate([(4, 0.7, 2.0), (16, -0.3, 1.0), (1, 1.3, 0.17), (9, 2.0, 0.5)]):
        a, b = torch.randn(rank, 24, generator=dice), torch.randn(40, rank, generator=dice) / 8
        lora = row(Path(f"/a{number}"), weight)
        rows.append(Row(lora, None, {"m": Factors(a, b)}, {"m": scaling}))
        exact += weight * scaling * (b.double() @ a.double()).T
    a, b = join(rows)["m"]
    assert (a.shape, b.shape) == ((24, 30), (30, 40))
    assert torch.equal(a[:, 4:20], rows[1].factors["m"].a.T.half())
    assert torch.equal(b[20:21], (rows[2].factors["m"].b.T * (1.3 * 0.17)).half())
    # Each factor is rounded to 11 bits; 30 products are summed.
    bound = 2**-10 * (a.double().abs() @ b.double().abs())
    assert ((a.double() @ b.double() - exact).abs() <= bound + 1e-6).all()


def test_a_linear_that_is_padded_gets_padded_factors(shelf, monkeypatch, tmp_path):
    loaded = open_with("exllamav2", shelf, monkeypatch, tmp_path)
    module = loaded._engine._modules["model.layers.0.self_attn.q_proj"]
    module.padding, module.out_features = 32, 96
    plugin.apply_lora(loaded, shelf.row("small"))
    (b,) = module.lora_b_tensors.values()
    assert b.shape == (4, 96)
    assert not b[:, 64:].any()
    agrees(loaded, shelf.expected(shelf.row("small")))


def test_exllamav2_takes_back_a_change_that_it_can_t_make(shelf, monkeypatch, tmp_path):
    loaded = open_with("exllamav2", shelf, monkeypatch, tmp_path)
    plugin.apply_lora(loaded, shelf.row("small"))
    before = logits(loaded)
    real, calls = engine_model(loaded).update_loras, []

    def failing():
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("no room")
        real()

    monkeypatch.setattr(engine_model(loaded), "update_loras", failing)
    with pytest.raises(torch.OutOfMemoryError):
        plugin.apply_lora(loaded, shelf.row("large"))
    assert np.array_equal(logits(loaded), before)


def test_a_text_longer_than_the_cache_is_refused_in_words(shelf, monkeypatch, tmp_path):
    model = open_with("exllama", shelf, monkeypatch, tmp_path, settings={"context": "8"})
    assert "room for 8 of the 256 tokens" in " ".join(model.info.notes)
    with pytest.raises(LoaderError, match="the model's context holds 8"):
        answer(model)
    with pytest.raises(LoaderError, match=r"the cache has room for 8\. Shorten it, or load the model with a larger"):
        logits(model)


def test_later_zero_points_and_a_foreign_file_beside_them(shelf, monkeypatch, tmp_path):
    folder = tmp_path / "v2"
    layers = write_checkpoint(folder, shelf.packed.parent / "plain", writer="v2")
    (folder / "old.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    model = open_with("exllamav2", shelf, monkeypatch, tmp_path, path=folder)
    weight = engine_model(model)._twin.model.get_submodule("model.layers.0.mlp.up_proj").weight
    assert np.array_equal(weight.numpy(), read_layer(layers["model.layers.0.mlp.up_proj"], 4, 32, "v2"))
    assert len(engine_model(model).config.tensor_files) == 1
    assert engine_model(model).gpu_split == [99_999.0]


def test_closing_gives_back_what_is_not_torch_s(loaded):
    engine = engine_model(loaded)
    loaded.close()
    assert engine.freed if loaded.name == "exllama" else not engine.loaded


def test_the_configuration_is_told_as_engines_of_2023_read_it(shelf):
    from exllama_loader.engine_config import engine_config

    config = json.loads((shelf.packed / "config.json").read_text())
    assert "rope_theta" not in config
    assert config["pad_token_id"] is None
    told = engine_config(config | {"eos_token_id": [2, 7]}, {"checkpoint_format": "gptq_v2"})
    assert (told["rope_theta"], told["pad_token_id"], told["eos_token_id"]) == (50_000.0, 0, 2)
    assert "rope_scaling" not in told
    assert "rope_parameters" not in told
    assert told["quantization_config"] == {"checkpoint_format": "gptq_v2"}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "rope_theta": 500_000.0}
    told = engine_config(config | {"rope_parameters": llama3}, {})
    assert (told["rope_theta"], told["rope_scaling"]) == (500_000.0, {"type": "llama3", "factor": 8.0})
    del config["vocab_size"]
    with pytest.raises(LoaderError, match=r"config.json has no vocab_size"):
        engine_config(config, {})
