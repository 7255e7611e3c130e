"""Capabilities and settings in words."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from desktop.api import Capabilities, settings_schema
from desktop.discovery.words import capabilities_in_words, one_line, settings_in_words


class Settings(msgspec.Struct, kw_only=True):
    threads: Annotated[int, Meta(ge=1, le=64, description="Threads to compute with.")] = 4
    share: Annotated[float, Meta(gt=0, lt=1, description="Share of the memory.")] = 0.5
    kernel: Annotated[Literal["fast", "exact"], Meta(description="Which kernel.")] = "exact"
    fused: bool = True
    seed: Annotated[int | None, Meta(description="Seed.")] = None
    name: Annotated[str, Meta(max_length=8)] = ""
    needed: int


def test_each_setting_has_its_default_description_and_bounds():
    assert settings_in_words(settings_schema(Settings)) == [
        "threads (default: 4)",
        "    Threads to compute with.",
        "    a whole number, at least 1 and at most 64",
        "share (default: 0.5)",
        "    Share of the memory.",
        "    a number, more than 0 and less than 1",
        "kernel (default: exact)",
        "    Which kernel.",
        "    one of: exact, fast",
        "fused (default: true)",
        "    true or false",
        "seed (default: unset)",
        "    Seed.",
        "    a whole number, or nothing",
        'name (default: "")',
        "    a text, at most 8 characters",
        "needed (must be given)",
        "    a whole number",
    ]


def test_a_schema_that_makes_no_sense_has_no_settings():
    assert settings_in_words({}) == []
    assert settings_in_words({"properties": [1]}) == []
    assert settings_in_words({"properties": {"a": 1, "b": {"enum": 3}}}) == ["b (must be given)"]


def test_capabilities_say_what_can_and_what_cannot_be_done():
    assert capabilities_in_words(Capabilities(logits=True, bits=(16, 8, 4), sampling=("greedy", "seed"))) == [
        "any number of adapters",
        "a weight for each",
        "taken off without reloading",
        "logits",
        "16, 8 and 4 bits",
        "sampling: greedy, seed",
    ]
    poor = Capabilities(many_adapters=False, weights=False, hot_removal=False, bits=(4,), sampling=())
    assert capabilities_in_words(poor) == [
        "one adapter at a time",
        "no weights",
        "taking one off reloads the model",
        "4 bits",
        "sampling: none",
    ]


def test_one_line_keeps_letters_and_drops_what_drives_a_terminal():
    assert one_line(" Größe\n\t北京 \x1b[31m\u202e ") == "Größe 北京 \ufffd[31m\ufffd"
