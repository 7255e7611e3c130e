"""Every kind of adapter and every option of LoRA that PEFT can write, each as a case on a tiny Llama."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from desktop.api import LoaderError, Lora
from loader_kit.adapter_stack import AdapterStack
from tests import tiny

IDS = torch.arange(3, 60)[None]
UNTIED = {"tie_word_embeddings": False}
BIASED = {"attention_bias": True, "mlp_bias": True}
PLAIN = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]}


@dataclass(frozen=True)
class Case:
    """One adapter to be written: a LoRA with options, or another kind of PEFT's."""

    label: str
    options: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)
    """How the tiny Llama differs from the usual one."""
    kind: str = "LORA"
    edits: dict[str, Any] | None = None
    """Where PEFT can't write it without data or another package: changes to the configuration of a plain LoRA."""
    trained_on: dict[str, Any] | None = None
    """How the base it was trained on differs, if that is another."""
    note: str = ""
    """For the table: what is worth knowing of one that is attached."""
    named: str = ""
    """What the refusal has to name, where that is not the label."""


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    refusal: str = ""
    difference: float = 0.0
    """Greatest difference from PEFT's logits."""
    moved: float = 0.0
    """Greatest difference of PEFT's logits from the base's."""
    through_peft: bool = False
    base_is_back: bool = True


def lora(label: str, base: dict[str, Any] | None = None, note: str = "", **options: Any) -> Case:
    return Case(label, PLAIN | options, base or {}, note=note)


def dora(label: str, base: dict[str, Any] | None = None, **options: Any) -> Case:
    return Case(label, PLAIN | {"use_dora": True} | options, base or {}, named="DoRA")


def edited(label: str, named: str = "", **edits: Any) -> Case:
    return Case(label, PLAIN, edits=edits, named=named)


def started(start: str, *, by_hand: bool = False) -> Case:
    label, options = f'`init_lora_weights="{start}"`', {"init_lora_weights": start}
    return edited(label, start, **options) if by_hand else Case(label, PLAIN | options, named=start)


ATTACHED = [
    lora("plain LoRA"),
    lora("`use_rslora`", use_rslora=True, note="the scaling is alpha / sqrt(rank)"),
    lora("`rank_pattern`, `alpha_pattern`", rank_pattern={r"0\.self_attn\.q_proj": 7}, alpha_pattern={"down_proj": 20}),
    lora("`rank_pattern` with `use_rslora`", use_rslora=True, rank_pattern={"^model.layers.1.mlp.down_proj": 2}),
    lora("`target_modules` as a regular expression", target_modules=r".*layers\.\d\.(mlp\.up|self_attn\.v)_proj"),
    lora('`target_modules="all-linear"`', target_modules="all-linear"),
    lora("`exclude_modules`", exclude_modules=r".*layers\.1\..*"),
    lora("`layers_to_transform`", layers_to_transform=[1]),
    lora("`layers_pattern`", layers_to_transform=0, layers_pattern="layers"),
    lora("`lora_dropout`", lora_dropout=0.3),
    lora("`fan_in_fan_out`", fan_in_fan_out=True),
    lora("LoRA on `embed_tokens`", UNTIED, target_modules=["embed_tokens", "q_proj"]),
    lora("LoRA on `lm_head`", UNTIED, target_modules=["lm_head", "q_proj"]),
    lora(
        "LoRA on tied `embed_tokens`",
        target_modules=["embed_tokens", "q_proj"],
        note="acts on the embedding alone, as with PEFT",
    ),
    lora("LoRA on tied `lm_head`", target_modules=["lm_head", "q_proj"], note="acts on the head alone, as with PEFT"),
    lora(
        "`ensure_weight_tying`",
        target_modules=["embed_tokens", "q_proj"],
        ensure_weight_tying=True,
        note="acts on both",
    ),
    lora("`lora_bias`", lora_bias=True, note="weight * scaling * bias is added"),
    lora("`lora_bias` with `use_rslora`", lora_bias=True, use_rslora=True),
    lora('`bias="all"`', BIASED, bias="all", note="weight * (trained bias - the base's) is added"),
    lora('`bias="lora_only"`', BIASED, bias="lora_only", note="weight * (trained bias - the base's) is added"),
    lora('`bias="all"` where the base has no biases', bias="all"),
    lora(
        "`modules_to_save`: `lm_head`",
        UNTIED,
        modules_to_save=["lm_head"],
        note="weight * (trained(x) - base(x)) is added; so for every linear, embedding and norm",
    ),
    lora("`modules_to_save`: tied `lm_head`", modules_to_save=["lm_head"]),
    lora("`modules_to_save`: `embed_tokens`", UNTIED, modules_to_save=["embed_tokens"]),
    lora(
        "`modules_to_save`: tied `embed_tokens`",
        modules_to_save=["embed_tokens"],
        note="the head stays the base's, as with PEFT",
    ),
    lora(
        "`modules_to_save`: both, tied",
        modules_to_save=["embed_tokens"],
        ensure_weight_tying=True,
        note="`ensure_weight_tying`: acts on both",
    ),
    lora("`modules_to_save`: norms", modules_to_save=["norm"]),
    lora("`modules_to_save`: linears", BIASED, modules_to_save=["mlp"], target_modules=["q_proj"]),
    lora(
        "`trainable_token_indices`",
        UNTIED,
        trainable_token_indices=[5, 7, 30],
        note="more factors on the embedding, one a token",
    ),
    lora("`trainable_token_indices`, tied", trainable_token_indices=[5, 7, 30], note="on the head too, as with PEFT"),
    lora(
        "`trainable_token_indices` by module", trainable_token_indices={"embed_tokens": [5, 7], "lm_head": [7, 9, 11]}
    ),
    lora("`trainable_token_indices` of a tied head alone", trainable_token_indices={"lm_head": [7, 9]}),
    lora('`modules_to_save` with `bias="all"`', BIASED, modules_to_save=["o_proj"], bias="all"),
    lora('`lora_bias` with `bias="all"`', BIASED, lora_bias=True, bias="all"),
    lora(
        "`trainable_token_indices` with LoRA on a tied `lm_head`",
        target_modules=["lm_head", "q_proj"],
        trainable_token_indices={"embed_tokens": [5, 7]},
    ),
    lora("`modules_to_save` with LoRA on `lm_head`", target_modules=["lm_head"], modules_to_save=["embed_tokens"]),
    lora("`init_lora_weights=False`", init_lora_weights=False),
    lora('`init_lora_weights="gaussian"`', init_lora_weights="gaussian"),
    lora('`init_lora_weights="orthogonal"`', init_lora_weights="orthogonal"),
    lora('`init_lora_weights="mica"`', init_lora_weights="mica"),
    lora('`init_lora_weights="eva"`', init_lora_weights="eva"),
    lora("`velora_config`", velora_config={}, note="an ordinary LoRA once it is trained"),
    lora("`monteclora_config`", monteclora_config={"num_samples": 4}, note="an ordinary LoRA once it is trained"),
    lora("`use_dora`", use_dora=True, note="the whole stack goes through PEFT's layers while it is in it"),
    lora("`use_dora` with `use_rslora`", use_dora=True, use_rslora=True),
]
"""LoRA with options that are attached."""

REFUSED = [
    started("pissa"),
    started("pissa_niter_4"),
    started("olora"),
    started("corda", by_hand=True),
    started("loftq", by_hand=True),
    started("lora_ga"),
    lora("`alora_invocation_tokens`", alora_invocation_tokens=[5, 6]),
    lora("`layer_replication`", layer_replication=[[0, 2], [0, 2]]),
    lora("`target_parameters`", target_parameters=["mlp.gate_proj.weight"]),
    edited("`arrow_config`", arrow_config={"top_k": 2}),
    lora("`kasa_config`", kasa_config={"beta": 1e-4}),
    lora(
        "`use_bdlora`",
        use_bdlora={"target_modules_bd_a": ["q_proj"], "target_modules_bd_b": ["down_proj"], "nblocks": 2},
    ),
    lora("`use_qalora`", use_qalora=True),
    dora('`use_dora` with `bias="all"`', BIASED, bias="all"),
    dora("`use_dora` with `modules_to_save`", modules_to_save=["lm_head"]),
    dora("`use_dora` with `trainable_token_indices`", trainable_token_indices=[5]),
    Case(
        "`modules_to_save` after the vocabulary grew",
        PLAIN | {"modules_to_save": ["lm_head"]},
        trained_on={"vocab_size": 324},
        named="lm_head.weight of 324 x 64",
    ),
]
"""LoRA with options that are refused."""

CONVERTED = Case(
    "PiSSA saved again with `path_initial_model_for_weight_conversion`", PLAIN | {"init_lora_weights": "pissa"}
)

OTHER_OPTIONS = {
    "ADALORA": {"total_step": 10},
    "ADAPTION_PROMPT": {"adapter_len": 4, "adapter_layers": 1},
    "C3A": {"block_size": 32},
    "CARTRIDGE": {"num_virtual_tokens": 4},
    "MULTITASK_PROMPT_TUNING": {"num_virtual_tokens": 4},
    "PREFIX_TUNING": {"num_virtual_tokens": 4},
    "PROMPT_TUNING": {"num_virtual_tokens": 4},
    "P_TUNING": {"num_virtual_tokens": 4},
    "ROAD": {"target_modules": ["q_proj", "o_proj"]},
    "SHIRA": {"target_modules": ["q_proj", "o_proj"]},
    "VBLORA": {"vector_length": 32},
    "WAVEFT": {"target_modules": ["q_proj", "o_proj"]},
}
"""What the other kinds need to be made on the tiny Llama beside their defaults."""

NOT_WRITTEN = {
    "ADAMSS": "needs scikit-learn",
    "XLORA": "needs trained LoRA adapters to mix",
}
"""Kinds that PEFT can't write here, for which a configuration alone is written."""


def other_kinds() -> list[Case]:
    """Every kind that PEFT knows besides LoRA."""
    from peft import PeftType

    return [
        Case(kind.value, OTHER_OPTIONS.get(kind.value, {}), kind=kind.value)
        for kind in PeftType
        if kind != PeftType.LORA
    ]


def make_base(**changes: Any):
    """The tiny Llama in float32, with norms and biases that are not all one and zero."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(tiny.tiny_config(**changes)).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.data.mul_(4) if parameter.dim() > 1 else parameter.data.add_(0.3 * torch.randn_like(parameter))
    return model


def write(case: Case, folder: Path) -> None:
    """The adapter as PEFT writes it, with everything trainable moved, so that it acts."""
    if case.kind in NOT_WRITTEN:
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": case.kind}))
        return
    from peft import get_peft_config, get_peft_model

    config = get_peft_config({"peft_type": case.kind, "task_type": "CAUSAL_LM", **case.options})
    model = get_peft_model(make_base(**(case.base if case.trained_on is None else case.trained_on)), config)
    options = {}
    if case is CONVERTED:
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(folder / "initial")
        options = {"path_initial_model_for_weight_conversion": str(folder / "initial")}
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    model.save_pretrained(folder, **options)
    if case.edits:
        file = folder / "adapter_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | case.edits))


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


def peft_logits(case: Case, folder: Path) -> torch.Tensor:
    """What PEFT's own PeftModel computes with the adapter."""
    from peft import PeftModel

    return logits(PeftModel.from_pretrained(make_base(**case.base), folder).eval())


def try_case(case: Case, folder: Path) -> Outcome:
    """Write it, attach it to the bare base and take it off again."""
    with warnings.catch_warnings():
        # PEFT warns of much that is the very point of a case.
        warnings.simplefilter("ignore")
        write(case, folder)
        model = make_base(**case.base)
        base = logits(model)
        stack = AdapterStack(model)
        try:
            receipt = stack.apply(Lora(id="it", name="it", path=str(folder)))
        except LoaderError as error:
            return Outcome(refusal=str(error), base_is_back=torch.equal(logits(model), base))
        reference = peft_logits(case, folder)
        difference = float((logits(model) - reference).abs().max())
        stack.apply(Lora(id="it", name="it", path=str(folder), weight=-0.4))
        stack.replace([])
        return Outcome(
            difference=difference,
            moved=float((reference - base).abs().max()),
            through_peft=receipt.kind == "DoRA",
            base_is_back=torch.equal(logits(model), base),
        )
