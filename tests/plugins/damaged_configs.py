"""What can stand in an adapter_config.json that should not: values for single fields, and whole files."""

from __future__ import annotations

import json
import math
from pathlib import Path

NOT_NUMBERS = (None, "8", [], {}, [8], math.nan, math.inf, -math.inf, 10**400, 1e308, True)
BOMBS = (
    "(a+)+$", "(.*)*x", "(((.+)+)+)+!", "a?" * 30 + "a" * 30, "(a|a)" * 30, ".*" * 30 + "!", "(.*\\.)*!", "(", "[", "*",
    "(" * 2000, "a{99999999999}", "(?P<a>.)(?P<a>.)", "(?<=.*)x", "x" * 5000 + "+", "(?:[a-z_.0-9]+)+!", "(\\w|\\.)*!",
    "\\", "(?i:" * 200, "(.|.|.|.|.|.|.|.)" * 9 + "!",
)  # fmt: skip

REFUSED: dict[str, tuple[object, ...]] = {
    "r": (*NOT_NUMBERS, -1, 0, 8.5, 3, 2**63),
    "lora_alpha": (*NOT_NUMBERS, -1e38),
    "use_rslora": ("no", 1, [True], math.nan),
    "use_dora": ("false", 0.5, {"a": 1}, True),
    "fan_in_fan_out": ("false", []),
    "rank_pattern": (
        [], "x", 3, True, *({"q_proj": value} for value in (*NOT_NUMBERS, 0, -4, 2**40, 5)),
        *({bomb: 4} for bomb in BOMBS), {f".*.*.*{n}!": 4 for n in range(5000)},
    ),
    "alpha_pattern": (
        [[]], "x", 3, False, *({"q_proj": value} for value in NOT_NUMBERS),
        *({bomb: 4} for bomb in BOMBS), {"q_proj": {"q_proj": 1}},
    ),
    "peft_type": (5, None, "IA3", ["LORA"], "\ud800", "x" * 10**6, {}),
    "bias": (3,),
    "modules_to_save": (["lm_head"], [3], {"a": 1}),
    "layer_replication": ([[0, 1]], "x"),
    "init_lora_weights": ("pissa", "pissa_niter_" + "9" * 10**5),
    "trainable_token_indices": ([1], {"embed_tokens": [1]}),
}  # fmt: skip
"""Values by field, each of which makes no sense or asks for what can't be done."""


def nested(depth: int) -> list[object]:
    """A list in a list in a list."""
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


HARMLESS: dict[str, tuple[object, ...]] = {
    "target_modules": (17, "(a+)+$", "x" * 10**6, None, {"a": 1}, nested(500), ["\ud800", "🙂"]),
    "base_model_name_or_path": (["x"], "\ud800\udfff", "x" * 10**6, "two\nlines\x1b[2J", None, 5, "🙂"),
    "lora_dropout": ("x", math.nan),
    "bias": ("all", "lora_only"),  # the file holds none of a model that has none
    "layers_pattern": ("(a+)+$",),
    "unheard_of": (nested(300), "x", 10**300),
    "rank_pattern": ({}, None, {"(q|k|v)_prox": 7}, {f"layers.{n}.x": 7 for n in range(9999)}),
    "alpha_pattern": ({".*q_pro[a-c]": 1}, {"🙂": 7}),
}
"""Values of fields that nothing is computed with, and patterns that hold for no module."""

WHOLE: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"r"',
    "zeros": bytes(300),
    "not UTF-8": b'{"r": 4, "lora_alpha": 8, "base_model_name_or_path": "caf\xe9"}',
    "UTF-16": '{"r": 4, "lora_alpha": 8}'.encode("utf-16"),
    "cut short": b'{"r": 4, "lora_alpha": ',
    "twice": b'{"r": 4, "lora_alpha": 8}{"r": 4, "lora_alpha": 8}',
    "nested deeply": b'{"r": ' + b"[" * 100_000,
    "nested": b'{"r": 4, "lora_alpha": ' + b"[" * 900 + b"]" * 900 + b"}",
    "nested objects": b'{"a":' * 990 + b"1" + b"}" * 990,
    "many digits": b'{"r": 4, "lora_alpha": 1' + b"0" * 5000 + b"}",
    "most digits": b'{"r": 1' + b"0" * 4200 + b', "lora_alpha": 8}',
    "too large": b'{"r": 4, "lora_alpha": 8}' + b" " * (5 << 20),
    "the field twice": b'{"r": 4, "lora_alpha": 8, "r": "x"}',
    "html": b"<html>Entry not found</html>",
}
"""Files that hold no configuration."""


def change(folder: Path, **fields: object) -> None:
    """Set fields of an adapter's configuration."""
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))
