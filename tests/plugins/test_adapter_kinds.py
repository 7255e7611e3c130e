"""Every kind of adapter PEFT can write for a causal language model is attached rightly or refused by name."""

import pytest

from tests.plugins.adapter_kinds_table import DOCUMENT, cases, make_table, outcome_of
from tests.plugins.kinds import ATTACHED, CONVERTED, NOT_WRITTEN, OTHER_OPTIONS, REFUSED, other_kinds

TOLERANCE = 1e-5
"""float32 rounding over two layers, on logits of about ten; PEFT adds in another order where there are biases."""
FAR = 0.5
"""An adapter that acts moves some logit by more."""

ELSEWHERE = {
    "peft_type", "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode",
    "loftq_config", "eva_config", "corda_config", "lora_ga_config", "qalora_group_size", "runtime_config",
    "megatron_config", "megatron_core",
}  # fmt: skip
"""Fields of PEFT's LoraConfig that say nothing of the arithmetic, or only how a start or an option is done."""


def labels(some):
    return [case.label for case in some]


@pytest.mark.parametrize("label", labels([*ATTACHED, CONVERTED]))
def test_it_computes_what_peft_computes_and_comes_off_to_the_bit(label):
    outcome = outcome_of(label)
    assert outcome.refusal == ""
    assert outcome.moved > FAR
    assert outcome.difference <= TOLERANCE * max(1.0, outcome.moved)
    assert outcome.base_is_back


@pytest.mark.parametrize("label", labels(REFUSED))
def test_an_option_that_can_t_be_had_is_refused_by_name(label):
    outcome = outcome_of(label)
    assert (cases()[label].named or label.strip("`")) in outcome.refusal
    assert outcome.refusal.startswith("it ")
    assert outcome.base_is_back


@pytest.mark.parametrize("label", labels(other_kinds()))
def test_another_kind_is_refused_by_name(label):
    outcome = outcome_of(label)
    assert f"of the kind {label}." in outcome.refusal
    assert outcome.base_is_back


def test_no_kind_is_forgotten():
    from peft import PeftType

    assert {case.kind for case in cases().values()} == {kind.value for kind in PeftType}
    assert {*NOT_WRITTEN, *OTHER_OPTIONS} <= {kind.value for kind in PeftType}


def test_no_option_of_lora_is_forgotten():
    from peft import LoraConfig

    tried = [*ATTACHED, CONVERTED, *REFUSED]
    options = {name for case in tried for name in (*case.options, *(case.edits or {}))}
    assert set(LoraConfig.__dataclass_fields__) == options | ELSEWHERE


def test_the_table_in_the_documentation_is_what_happens():
    assert DOCUMENT.read_text(encoding="utf-8") == make_table()
