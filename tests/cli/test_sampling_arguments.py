"""Every field of `Sampling` is an option of the command line, lists of texts too."""

from __future__ import annotations

import argparse

import pytest

from desktop.api import Sampling
from desktop.cli.arguments import add_sampling_arguments, sampling_from
from desktop.cli.output import CommandError


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_sampling_arguments(parser)
    return sampling_from(parser.parse_args(arguments))


def test_nothing_asked_is_the_default():
    assert parsed() == Sampling()


def test_every_kind_of_value():
    got = parsed(
        "--typical-p", "0.5", "--presence-penalty", "-1", "--frequency-penalty", "0.25", "--no-repeat-ngram", "3",
        "--dry-multiplier", "0.8", "--dry-sequence-breakers", "--xtc-probability", "0.5",
        "--banned-tokens", "a b", "id:7",
    )  # fmt: skip
    assert got == Sampling(
        typical_p=0.5, presence_penalty=-1, frequency_penalty=0.25, no_repeat_ngram=3, dry_multiplier=0.8,
        dry_sequence_breakers=(), xtc_probability=0.5, banned_tokens=("a b", "id:7"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("--typical-p", "0"), ("--typical-p", "1.1"), ("--presence-penalty", "2.1"), ("--frequency-penalty", "-3"),
        ("--no-repeat-ngram", "-1"), ("--dry-multiplier", "-0.1"), ("--dry-base", "0.9"), ("--dry-allowed-length", "0"),
        ("--xtc-probability", "1.1"), ("--xtc-threshold", "0.6"),
    ],
)  # fmt: skip
def test_bounds_are_told(arguments):
    with pytest.raises(CommandError, match=arguments[0][2:].replace("-", "_")):
        parsed(*arguments)
