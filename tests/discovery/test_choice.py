"""The order of the loaders, and what is said when none of them opens a model."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from desktop.api import Capabilities, LoaderInfo, Verdict
from desktop.discovery.choice import (
    Choice,
    failed_choice,
    nobody_fits,
    ordered,
    unknown_loader,
    why_chosen,
    why_not,
    with_bits,
)
from desktop.discovery.describer import Found
from desktop.engine.messages import LoaderRef


def choice(name, *, why_not_here="", requirements="", **verdict):
    info = LoaderInfo(title=name, available=not why_not_here, reason=why_not_here, requirements=requirements)
    return Choice(Found(LoaderRef(name, name), info), Verdict(**{"fits": True, **verdict}))


def failed(name, error="It ended the process."):
    return failed_choice(Found(LoaderRef(name, name), None, error))


def names(choices):
    return [one.found.ref.name for one in choices]


IN_ORDER = [
    choice("preferred"),
    choice("native-a", native=True),
    choice("native-b", native=True),
    choice("a-fits"),
    choice("b-fits"),
    choice("a-refuses", fits=False, native=True),
    choice("b-refuses", fits=False),
    choice("a-not-here", why_not_here="No GPU.", native=True),
    choice("b-not-here", why_not_here="No GPU."),
    choice("c-not-here", why_not_here="No GPU.", fits=False),
    failed("d-failed"),
]


def test_the_order_is_the_documented_one_whatever_order_they_come_in():
    for start in range(len(IN_ORDER)):
        shuffled = [*IN_ORDER[start:], *IN_ORDER[:start]][::-1]
        assert ordered(shuffled, preferred="preferred") == IN_ORDER


@pytest.mark.parametrize("wanted", ["b-fits", "b-refuses", "d-failed"])
def test_the_users_choice_comes_first_and_alone(wanted):
    assert names(ordered(IN_ORDER, wanted, "preferred")) == [wanted]


@pytest.mark.parametrize("preferred", ["b-refuses", "b-not-here", "d-failed", "unheard-of"])
def test_a_preferred_loader_that_cannot_open_the_model_does_not_stand_in_the_way(preferred):
    assert names(ordered(IN_ORDER, preferred=preferred))[:2] == ["native-a", "native-b"]


def test_only_loaders_that_run_here_and_fit_can_load():
    assert names(one for one in IN_ORDER if one.can_load) == ["preferred", "native-a", "native-b", "a-fits", "b-fits"]


def test_when_nobody_fits_each_loader_says_why_and_a_hint_follows():
    choices = [
        choice("transformers", fits=False, reason="This model is quantised\nwith AWQ."),
        choice("exllama", why_not_here="There is no NVIDIA card."),
        choice("silent", fits=False),
        failed("broken"),
    ]
    assert nobody_fits(Path("/models/some-awq"), choices).splitlines() == [
        "No loader can open some-awq.",
        "  transformers: This model is quantised with AWQ.",
        "  exllama: It could open it but can't run here: There is no NVIDIA card.",
        "  silent: It doesn't open this model and doesn't say why.",
        "  broken: It ended the process.",
        "`lora-deck loaders` lists what each loader opens; a loader plugin can add more formats.",
    ]


def test_the_hint_names_the_setup_that_would_help():
    choices = [choice("other", fits=False), choice("autogptq", why_not_here="No GPU.", requirements="autogptq/req.txt")]
    assert "`lora-deck loaders setup autogptq`" in nobody_fits(Path("m"), choices).splitlines()[-1]


def test_a_loader_that_is_not_registered_is_refused_by_name():
    words = nobody_fits(Path("m"), [failed_choice(unknown_loader("exlama", ["exllama", "transformers"]))])
    assert "exlama: There is no loader of this name. Loaders here: exllama, transformers." in words


def test_with_no_loader_at_all_the_cure_is_named():
    assert "No loader is installed" in nobody_fits(Path("m"), [])


def test_a_reason_cannot_drive_the_terminal():
    words = why_not(choice("x", fits=False, reason="\x1b]0;title\x07 bad\r\nline"))
    assert words.isprintable()


@pytest.mark.parametrize(
    ("among", "preferred", "why"),
    [
        (["native-a"], "", "only"),
        (["native-a", "a-not-here", "a-refuses"], "", "only"),
        (["native-a", "a-fits"], "", "native"),
        (["native-a", "native-b"], "", "name"),
        (["a-fits", "b-fits"], "", "name"),
        (["native-a", "a-fits"], "a-fits", "preferred"),
        (["native-a", "native-b"], "native-b", "preferred"),
    ],
)
def test_the_rule_that_chose_is_known(among, preferred, why):
    choices = [one for one in IN_ORDER if one.found.ref.name in among]
    assert why_chosen(ordered(choices, preferred=preferred)) == why


def test_sorting_is_stable_for_every_pair():
    for one, other in itertools.combinations(IN_ORDER, 2):
        assert ordered([one, other], preferred="preferred") == ordered([other, one], preferred="preferred")


def test_bits_a_loader_does_not_have_are_a_refusal_in_words():
    plain, quantising = choice("plain"), choice("quantising")
    info = LoaderInfo(title="Q", capabilities=Capabilities(bits=(16, 8)))
    quantising = Choice(Found(quantising.found.ref, info), quantising.verdict)
    assert with_bits([plain, quantising], 16) == [plain, quantising]
    eight = with_bits([plain, quantising, failed("broken")], 8)
    assert [one.can_load for one in eight] == [False, True, False]
    assert "does not quantise to 8 bits" in why_not(eight[0])
    assert "It ended the process." in why_not(eight[2])
    assert not any(one.can_load for one in with_bits([plain, quantising], 4))
