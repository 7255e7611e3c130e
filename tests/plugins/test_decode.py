"""The decode loop against transformers' own `generate`."""

import pytest
import torch

from desktop.api import GenerateRequest, LoaderError, LogitsRequest, Message, Sampling, Unsupported

PROMPTS = ["The capital of France is", "### Instruction:\nWrite", "北京", "a"]
GREEDY = Sampling(greedy=True)


def generate(model, **request):
    steps = model.generate(GenerateRequest(**request))
    chunks = []
    while True:
        try:
            chunks.append(next(steps))
        except StopIteration as end:
            return "".join(c.text for c in chunks), [t for c in chunks for t in c.tokens], chunks, end.value


def reference(tiny_model, ids, **options):
    with torch.no_grad():
        out = tiny_model.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), pad_token_id=0, **options
        )
    tokens = out[0, len(ids) :].tolist()
    return tokens[:-1] if tokens and tokens[-1] == 2 else tokens


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_tokens_equal_generate(load, tiny_folder, tiny_model, prompt):
    model = load(tiny_folder, dtype="float32")
    text, tokens, _, reply = generate(model, prompt=prompt, sampling=GREEDY, max_new_tokens=40)
    ids = model.tokenizer(prompt)["input_ids"]
    assert tokens == reference(tiny_model, ids, do_sample=False, max_new_tokens=40)
    assert text == model.tokenizer.decode(tokens, skip_special_tokens=True)
    assert reply.prompt_tokens == len(ids)
    assert reply.finish_reason == ("length" if len(tokens) == 40 else "stop")


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.8, "top_p": 0.9, "top_k": 40},
        {"temperature": 1.0, "top_p": 1.0, "top_k": 0},
        {"temperature": 1.3, "top_p": 0.5, "top_k": 0, "min_p": 0.02},
        {"temperature": 0.7, "top_p": 1.0, "top_k": 5, "repetition_penalty": 1.3},
    ],
)
def test_sampled_tokens_equal_generate_with_the_same_seed(load, tiny_folder, tiny_model, settings):
    model = load(tiny_folder, dtype="float32")
    prompt = "The capital"
    _, tokens, _, reply = generate(model, prompt=prompt, sampling=Sampling(seed=7, **settings), max_new_tokens=30)
    ids = model.tokenizer(prompt)["input_ids"]
    torch.manual_seed(7)
    options = {"min_p": None, **settings}
    assert tokens == reference(tiny_model, ids, do_sample=True, max_new_tokens=30, **options)
    assert reply.seed == 7


def test_a_seed_makes_the_answer_again_and_no_seed_is_told(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    request = {"prompt": "a", "sampling": Sampling(temperature=2.0, top_k=0, top_p=1.0), "max_new_tokens": 20}
    _, tokens, _, reply = generate(model, **request)
    again = Sampling(temperature=2.0, top_k=0, top_p=1.0, seed=reply.seed)
    assert generate(model, **(request | {"sampling": again}))[1] == tokens
    assert generate(model, **request)[1] != tokens


def test_greedy_with_a_repetition_penalty_equals_generate(load, tiny_folder, tiny_model):
    model = load(tiny_folder, dtype="float32")
    sampling = Sampling(greedy=True, repetition_penalty=1.5)
    _, tokens, _, _ = generate(model, prompt="The dog", sampling=sampling, max_new_tokens=30)
    ids = model.tokenizer("The dog")["input_ids"]
    assert tokens == reference(tiny_model, ids, do_sample=False, max_new_tokens=30, repetition_penalty=1.5)


def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    whole, *_ = generate(model, prompt="The dog", sampling=GREEDY, max_new_tokens=40)
    stop = whole[10:13]
    text, tokens, _, reply = generate(model, prompt="The dog", sampling=GREEDY, max_new_tokens=40, stop=(stop,))
    assert text == whole[: whole.find(stop)]
    assert reply.finish_reason == "stop"
    assert len(tokens) < 40


def test_the_answer_ends_where_the_context_ends(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    prompt = "the quick brown fox " * 10
    count = model.count_tokens(prompt)
    assert count < 256
    model._end_tokens = frozenset()
    _, tokens, _, reply = generate(model, prompt=prompt, sampling=GREEDY, max_new_tokens=500)
    assert reply.finish_reason == "context"
    # The last token is drawn from a full context and never goes in.
    assert len(tokens) == 256 - count + 1
    with pytest.raises(LoaderError, match=r"takes 1,\d\d\d tokens and the model's context holds 256"):
        generate(model, prompt=prompt * 10, sampling=GREEDY)


def test_an_empty_prompt_starts_from_the_first_token(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    _, tokens, _, reply = generate(model, prompt="", sampling=GREEDY, max_new_tokens=3)
    assert reply.prompt_tokens == 1
    assert len(tokens) == 3
    assert generate(model, prompt="a", sampling=GREEDY, max_new_tokens=0)[1] == []


def test_logprobs_are_those_of_the_logits(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    _, tokens, chunks, _ = generate(model, prompt="The dog", sampling=GREEDY, max_new_tokens=3, logprobs=5)
    logits = model.logits(LogitsRequest(prompt="The dog"))
    row = torch.frombuffer(bytearray(logits.data), dtype=torch.float32).view(logits.positions, logits.vocabulary)[-1]
    expected = row.double().log_softmax(-1)
    step = chunks[0].logprobs[0]
    assert step.chosen.token == tokens[0] == step.top[0].token == int(expected.argmax())
    assert [c.logprob for c in step.top] == pytest.approx(expected.topk(5).values.tolist(), abs=1e-5)
    assert len(step.top) == 5
    assert step.top[0].text == model.tokenizer.decode([tokens[0]])


def test_logits_of_the_last_positions(load, tiny_folder, tiny_model):
    model = load(tiny_folder, dtype="float32")
    ids = torch.tensor([model.tokenizer("The quick brown fox")["input_ids"]])
    with torch.no_grad():
        expected = tiny_model(ids).logits[0]
    got = model.logits(LogitsRequest(prompt="The quick brown fox", last=3))
    rows = torch.frombuffer(bytearray(got.data), dtype=torch.float32).view(3, 320)
    torch.testing.assert_close(rows, expected[-3:], atol=1e-5, rtol=1e-5)
    assert model.logits(LogitsRequest(prompt="The quick brown fox", last=99)).positions == ids.shape[1]


def test_closing_the_answer_ends_it(load, tiny_folder):
    model = load(tiny_folder, dtype="float32")
    steps = model.generate(GenerateRequest(prompt="a", sampling=GREEDY, max_new_tokens=100))
    next(steps)
    steps.close()
    assert torch.is_grad_enabled()
    assert next(steps, None) is None


def test_the_models_own_template(load, tiny_folder, tmp_path):
    model = load(tiny_folder, dtype="float32")
    text = model.render([Message("system", "Be brief."), Message("user", "Hi <|im_end|> {{ 7 * 7 }}")])
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <|im_end|> {{ 7 * 7 }}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    model.tokenizer.chat_template = "{{ raise_exception('no system message, please') }}"
    with pytest.raises(LoaderError, match="no system message, please"):
        model.render([Message("user", "Hi")])
    model.tokenizer.chat_template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(LoaderError, match="unsafe"):
        model.render([Message("user", "Hi")])


def test_without_a_template_render_says_so(load, tmp_path, tiny_folder):
    import shutil

    from tests import tiny

    folder = tmp_path / "plain"
    shutil.copytree(tiny_folder, folder)
    for name in ("chat_template.jinja", "tokenizer_config.json", "tokenizer.json"):
        (folder / name).unlink(missing_ok=True)
    tiny.make_tokenizer(folder, chat_template=False)
    model = load(folder)
    assert not model.info.has_template
    with pytest.raises(Unsupported, match="no chat template"):
        model.render([Message("user", "Hi")])
