"""Every way of choosing a token against transformers' own processor, or against a slow reference written here."""

from __future__ import annotations

import pytest
import torch

from desktop.api import LoaderError, Sampling
from loader_kit.sampling import HONOURED, Chooser, banned_ids
from loader_kit.xtc import Xtc
from tests import tiny

VOCABULARY = 320
PLAIN = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tiny.make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def logits(seed, scale=3.0):
    return torch.randn(1, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * scale


def repetitive(seed, length=60, kinds=6):
    return torch.randint(40, 40 + kinds, (1, length), generator=torch.Generator().manual_seed(seed))


def processed(sampling, prompt, answer, numbers, tokenizer=None):
    """The scores after all processors, with `answer` drawn already."""
    chooser = Chooser(sampling, prompt, 100, tokenizer, frozenset({2}))
    seen = torch.cat([prompt, answer], dim=1)
    scores = numbers.clone()
    for processor in chooser._processors:
        scores = processor(seen, scores)
    return scores


def test_every_field_is_honoured_and_the_loader_says_so():
    from transformers_loader.info import loader_info

    assert HONOURED == Sampling.__struct_fields__ == loader_info().capabilities.sampling


def test_at_its_default_a_field_makes_no_processor(tokenizer):
    assert Chooser(Sampling(greedy=True), repetitive(0), 5, tokenizer)._processors == []
    assert Chooser(Sampling(**PLAIN), repetitive(0), 5, tokenizer)._processors == []


@pytest.mark.parametrize(
    ("settings", "processor", "arguments"),
    [
        ({"typical_p": 0.6}, "TypicalLogitsWarper", (0.6,)),
        ({"min_p": 0.1}, "MinPLogitsWarper", (0.1,)),
        ({"top_k": 7}, "TopKLogitsWarper", (7,)),
        ({"top_p": 0.6}, "TopPLogitsWarper", (0.6,)),
        ({"temperature": 1.7}, "TemperatureLogitsWarper", (1.7,)),
        ({"repetition_penalty": 1.4}, "RepetitionPenaltyLogitsProcessor", (1.4,)),
        ({"no_repeat_ngram": 3}, "NoRepeatNGramLogitsProcessor", (3,)),
        ({"banned_tokens": ("id:7", "id:300")}, "NoBadWordsLogitsProcessor", ([[7], [300]],)),
    ],
)
def test_equal_to_the_processor_of_transformers(tokenizer, settings, processor, arguments):
    from transformers.generation import logits_process

    theirs = getattr(logits_process, processor)(*arguments)
    acted = 0
    for seed in range(5):
        prompt, answer, numbers = repetitive(seed), repetitive(seed + 50, 9), logits(seed)
        got = processed(Sampling(**(PLAIN | settings)), prompt, answer, numbers, tokenizer)
        expected = theirs(torch.cat([prompt, answer], dim=1), numbers.clone())
        assert torch.equal(got, expected)
        acted += not torch.equal(got, numbers)
    assert acted


@pytest.mark.parametrize(("presence", "frequency"), [(0.5, 0.0), (0.0, 0.3), (-1.0, 0.7)])
def test_presence_and_frequency_count_the_answer_alone(presence, frequency):
    sampling = Sampling(presence_penalty=presence, frequency_penalty=frequency, **PLAIN)
    for seed in range(3):
        prompt, answer, numbers = repetitive(seed), repetitive(seed + 9, 12), logits(seed)
        expected = numbers.double()
        for token in range(VOCABULARY):
            count = answer[0].tolist().count(token)
            expected[0, token] -= count * frequency + (presence if count else 0.0)
        got = processed(sampling, prompt, answer, numbers)
        torch.testing.assert_close(got.double(), expected, atol=1e-5, rtol=0)
    assert torch.equal(processed(sampling, prompt, answer[:, :0], numbers), numbers)


def dry_reference(seen, breakers, multiplier, base, allowed, longest=50):
    """By the definition: at each earlier place the length of the common end, read token by token."""
    penalties: dict[int, float] = {}
    for place in range(len(seen) - 1):
        length = 0
        while length < longest and length <= place:
            token = seen[place - length]
            if token != seen[-1 - length] or token in breakers:
                break
            length += 1
        if length >= allowed:
            penalty = multiplier * base ** (length - allowed)
            penalties[seen[place + 1]] = max(penalties.get(seen[place + 1], 0.0), penalty)
    return penalties


@pytest.mark.parametrize("allowed", [1, 2, 4])
@pytest.mark.parametrize("kinds", [1, 2, 5])
def test_dry_against_the_definition(tokenizer, allowed, kinds):
    text = tokenizer.decode([41])
    sampling = Sampling(dry_multiplier=0.8, dry_allowed_length=allowed, dry_sequence_breakers=(text,), **PLAIN)
    breakers = {token for token in range(VOCABULARY) if text in tokenizer.decode([token])}
    plain = Sampling(dry_multiplier=0.8, dry_allowed_length=allowed, dry_sequence_breakers=(), **PLAIN)
    met = 0
    for seed in range(6):
        prompt, answer, numbers = repetitive(seed, 300, kinds), repetitive(seed + 9, 20, kinds), logits(seed)
        seen = torch.cat([prompt, answer], dim=1)[0].tolist()
        for one, breaks in ((sampling, breakers), (plain, set())):
            expected = numbers.double()
            penalties = dry_reference(seen, breaks, 0.8, 1.75, allowed)
            for token, penalty in penalties.items():
                expected[0, token] -= penalty
            met += len(penalties)
            got = processed(one, prompt, answer, numbers, tokenizer)
            torch.testing.assert_close(got.double(), expected, atol=1e-4, rtol=1e-5)
    assert met


def test_xtc_leaves_out_all_but_the_least_likely_of_the_likely(tokenizer):
    def cut(numbers, probability=1.0, spared=frozenset()):
        generator = torch.Generator().manual_seed(3)
        return Xtc(probability, 0.1, spared, generator)(repetitive(0), numbers.clone())

    for seed in range(10):
        numbers = logits(seed, 1.0)
        numbers[0, [5, 9, 60, 61]] += torch.tensor([8.0, 8.3, 7.8, 3.0])
        probabilities = numbers[0].softmax(-1)
        likely = [token for token in range(VOCABULARY) if probabilities[token] >= 0.1]
        assert len(likely) >= 2
        least = min(likely, key=lambda token: probabilities[token])
        expected = numbers.clone()
        expected[0, [token for token in likely if token != least]] = -torch.inf
        assert torch.equal(cut(numbers), expected)
        assert torch.equal(cut(numbers, probability=0.0), numbers)
        spared = next(token for token in likely if token != least)
        assert torch.equal(cut(numbers, spared=frozenset({spared})), numbers), "the answer could not have ended"
    one = torch.zeros(1, VOCABULARY)
    one[0, 4] = 20
    assert torch.equal(cut(one), one), "the only likely token was left out"


def test_xtc_acts_as_often_as_it_is_asked_to():
    generator = torch.Generator().manual_seed(0)
    xtc = Xtc(0.3, 0.1, frozenset(), generator)
    numbers = torch.full((1, VOCABULARY), -20.0)
    numbers[0, [1, 2]] = torch.tensor([1.0, 1.1])
    acted = sum(not torch.equal(xtc(repetitive(0), numbers.clone()), numbers) for _ in range(1000))
    assert 250 < acted < 350


def test_a_banned_text_is_banned_at_a_beginning_and_after_a_space(tokenizer):
    runs = banned_ids(("Paris", "", "id:3"), tokenizer)
    assert [tokenizer.decode(run) for run in runs] == ["Paris", " Paris", tokenizer.decode([3])]
    with pytest.raises(LoaderError, match=r"token 999 can't be banned: this model's are numbered 0 to 319"):
        banned_ids(("id:999",), tokenizer)


def test_the_seed_makes_the_same_draws_with_everything_on(tokenizer):
    sampling = Sampling(
        seed=11, temperature=1.5, top_k=0, typical_p=0.95, presence_penalty=0.5, frequency_penalty=0.1,
        no_repeat_ngram=4, dry_multiplier=0.8, xtc_probability=0.5, banned_tokens=("Paris",),
    )  # fmt: skip

    def draw():
        chooser = Chooser(sampling, repetitive(0), 40, tokenizer, frozenset({2}))
        return [int(chooser.choose(logits(step))) for step in range(40)]

    assert draw() == draw()
