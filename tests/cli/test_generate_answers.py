"""`lora-deck generate` with a real, tiny model: the answer, the object `--json` prints, the recipe, the adapters."""

from __future__ import annotations

import hashlib
import platform

import pytest
import torch

from desktop.library.identity import content_hash, fingerprint
from tests import tiny

MODEL, LORA = "tiny llama v1.0 é🙂", "pirate=v1.5 (é🙂)"
FIXED = ("generate", "--model", MODEL, "-p", "The capital", "--max-new-tokens", "5")


@pytest.fixture
def reference(made):
    """The greedy answer transformers' own `generate` gives, and what it computes at its first step."""
    root, model = made
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(root / MODEL)
    rows = [{"role": "user", "content": "The capital"}]
    text = tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
    answer = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=5, pad_token_id=2)
    with torch.no_grad():
        logprobs = model(ids).logits[0, -1].log_softmax(-1)
    return text, answer[0, ids.shape[1] :].tolist(), logprobs


def test_json_with_an_adapter_at_zero_is_the_base_s_own_answer(run, tiny_home, reference):
    text, tokens, logprobs = reference
    ran = run(*FIXED, "--greedy", "--json", "--logprobs", "3", "--stop", "nobody", "--lora", f"{LORA}=0")
    assert ran.status == 0, ran.err
    told = ran.json
    assert (told["prompt"], told["tokens"]) == (text, tokens)
    assert (told["generated_tokens"], told["finish_reason"]) == (5, "length")
    assert told["prompt_seconds"] > 0
    assert told["tokens_per_second"] == pytest.approx(4 / told["decode_seconds"], rel=0.05)
    first = told["logprobs"][0]
    assert len(told["logprobs"]) == 5
    assert [one["token"] for one in first["top"]] == logprobs.topk(3).indices.tolist()
    assert first["chosen"] == first["top"][0]
    # float32 rounding: with a cache and without one.
    assert [one["logprob"] for one in first["top"]] == pytest.approx(logprobs.topk(3).values.tolist(), abs=1e-4)
    (receipt,) = told["receipts"]
    assert (receipt["name"], receipt["weight"], receipt["rank"], receipt["modules_matched"]) == (LORA, 0.0, 4, 6)
    check_recipe(told["recipe"], tiny_home)


def check_recipe(recipe, home):
    assert recipe["base"] == {
        "name": MODEL,
        "path": str(home.models / MODEL),
        "fingerprint": fingerprint(home.models / MODEL),
        "loader": "transformers",
        "dtype": "float32",
        "bits": 16,
        "device": "cpu",
        "settings": {},
    }
    (adapter,) = recipe["adapters"]
    assert adapter == {"name": LORA, "content_hash": content_hash(home.loras / LORA), "weight": 0.0, "enabled": True}
    assert len(bytes.fromhex(adapter["content_hash"])) == hashlib.sha256().digest_size
    assert (recipe["template"], recipe["seed"], recipe["mode"]) == ("model", None, "exact")
    assert (recipe["sampling"]["greedy"], recipe["max_new_tokens"], recipe["stop"]) == (True, 5, ["nobody"])
    assert recipe["versions"]["python"] == platform.python_version()
    assert recipe["versions"]["torch"] == torch.__version__
    assert recipe["machine"]["platform"] == platform.platform()
    assert recipe["machine"]["device"] == "cpu"


def test_an_adapter_changes_the_answer_as_the_formula_says(run, tiny_home, made):
    root, model = made
    factors = tiny.make_adapter(root / "again", model)
    ran = run(*FIXED, "--greedy", "--json", "--template", "plain", "--lora", f"{LORA}=-0.75", "--logprobs", "1")
    assert ran.status == 0, ran.err
    from transformers import AutoTokenizer

    ids = torch.tensor([AutoTokenizer.from_pretrained(root / MODEL)("The capital")["input_ids"]])
    with torch.no_grad():
        merged = tiny.merged_float64(model, [(factors, lambda _: 8 / 4, -0.75)])
        expected = merged(ids).logits[0, -1].log_softmax(-1)
    best = int(expected.argmax())
    assert ran.json["tokens"][0] == best
    # float32 rounding over two layers, on logits of about 30.
    assert ran.json["logprobs"][0]["chosen"]["logprob"] == pytest.approx(float(expected[best]), abs=2e-4)


def test_a_tag_in_the_prompt_is_the_same_as_the_adapter_beside_it(run, tiny_home):
    options = (*FIXED[:3], "--max-new-tokens", "5", "--greedy", "--json")
    beside = run(*options, "-p", "The capital", "--lora", f"{LORA}=-0.75").json
    tagged = run(*options, "-p", f"The <lora:{LORA}:-0.75> capital").json
    assert tagged["recipe"]["adapters"] == beside["recipe"]["adapters"]
    assert (tagged["prompt"], tagged["tokens"]) == (beside["prompt"], beside["tokens"])


def test_the_seed_that_was_drawn_stands_in_the_recipe(run, tiny_home):
    told = run(*FIXED, "--temperature", "3", "--top-k", "0", "--json").json
    assert 0 <= told["recipe"]["seed"] < 2**48
    assert told["recipe"]["sampling"]["temperature"] == 3
    assert told["recipe"]["adapters"] == told["receipts"] == []
