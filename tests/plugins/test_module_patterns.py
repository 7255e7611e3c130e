"""Rank and alpha patterns: PEFT's rule for what people write, words for what would take for ever."""

import re
from time import process_time

import pytest

from desktop.api import LoaderError
from loader_kit.config_check import is_rank
from loader_kit.module_patterns import ModulePatterns

NAMES = [
    f"model.layers.{layer}.{part}"
    for layer in range(32)
    for part in ("self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj", "mlp.experts.12.up_proj")
]
PATTERNS = (
    "q_proj", "self_attn.q_proj", "model.layers.1.self_attn.q_proj", "j", "layers.1.self_attn.q_proj", "_proj",
    r".*\.self_attn\..*", r"layers\.(1[0-9]|2[0-7])\.(self_attn|mlp)\.(q_proj|down_proj)", r"^model\.layers\.[0-3]\..*",
    r"model\.layers\.\d+\.mlp\.experts\.\d+\.(gate|up|down)_proj", "(q|k)_proj", r"(?:self_attn\.)?k_proj",
    "layers\\.(" + "|".join(map(str, range(32))) + ")\\.mlp\\.down_proj", r".*layers\.(?!1\.)\d+\..*",
    r"layers\.\d{2}\..*",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_people_write_holds_for_the_modules_peft_takes_it_for(pattern):
    patterns = ModulePatterns({pattern: 7}, is_rank, "it")
    found = [name for name in NAMES if patterns.of(name, 4) == 7]
    assert found == [name for name in NAMES if re.match(rf"(.*\.)?({pattern})$", name)]


def test_the_first_of_several_counts():
    keys = ["k_proj", "(q|k)_proj", "self_attn.q_proj", ".*proj"]
    patterns = ModulePatterns({key: place + 1 for place, key in enumerate(keys)}, is_rank, "it")
    assert [patterns.of(name, 99) for name in (*NAMES[:3], "lm_head")] == [2, 1, 4, 99]
    turned = ModulePatterns({key: place + 1 for place, key in enumerate(reversed(keys))}, is_rank, "it")
    assert [turned.of(name, 99) for name in (*NAMES[:3], "lm_head")] == [1, 1, 1, 99]


@pytest.mark.parametrize("pattern", [".*.*.*.*x", "(a|a|a|a)(a|a|a|a)(a|a|a|a)b", "a?a?a?a?a?aaaaa", ".*[^.]*.*x"])
def test_what_is_slow_ends_in_time(pattern):
    started = process_time()
    words = ""
    try:
        patterns = ModulePatterns({f"{pattern}{n}": 7 for n in range(200)}, is_rank, "it")
        values = {patterns.of(name, 4) for name in NAMES * 10}
        assert values == {4}
    except LoaderError as error:
        words = str(error)
    assert process_time() - started < 2
    assert not words or "take too long" in words or "take for ever" in words
