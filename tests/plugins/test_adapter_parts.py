"""What an adapter brings besides factors: added with its weight, taken off to the bit, refused where it doesn't fit."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from desktop.api import LoaderError, Lora
from loader_kit.adapter_stack import AdapterStack
from tests.plugins.families import make_family
from tests.plugins.kinds import BIASED, UNTIED, Case, logits, lora, make_base, write

TOLERANCE = 1e-5
"""float32 rounding over two layers, on logits of about ten; PEFT adds in another order where there are biases."""
FAR = 0.5
"""An adapter that acts moves some logit by more."""

# PEFT warns of what is the very point of a case.
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]


def row(folder, weight=1.0, **changes):
    return Lora(id=folder.name, name=folder.name, path=str(folder), weight=weight, **changes)


@pytest.fixture
def parts(tmp_path):
    """A base, and adapters on it that bring biases, trained modules and trained tokens, on the same modules too."""
    made = {
        "biases": lora("", BIASED, bias="all"),
        "lora bias": lora("", BIASED, lora_bias=True),
        "modules": lora("", BIASED, modules_to_save=["lm_head", "norm", "o_proj"]),
        "tokens": lora("", BIASED, trainable_token_indices=[5, 7]),
        "plain": lora("", BIASED, target_modules=["o_proj", "embed_tokens", "lm_head"]),
    }
    for name, case in made.items():
        write(case, tmp_path / name)
    return make_base(**BIASED), [tmp_path / name for name in made]


def test_the_parts_of_several_adapters_are_added_each_with_its_weight(parts):
    """On the last module its input is the same whatever acts there, so there the sum can be checked alone."""
    model, folders = parts
    hidden = torch.randn(3, 64, generator=torch.Generator().manual_seed(2))
    head = model.lm_head
    stack, weights = AdapterStack(model), [0.5, 1.0, -0.7, 2.0, 0.3]

    def moved(rows):
        stack.replace(rows)
        with torch.no_grad():
            return head(hidden).double() - torch.nn.functional.linear(hidden, head.weight).double()

    alone = [moved([row(folder)]) for folder in folders]
    together = moved([row(folder, weight) for folder, weight in zip(folders, weights, strict=True)])
    wanted = sum(weight * one for weight, one in zip(weights, alone, strict=True))
    assert wanted.abs().max() > FAR
    torch.testing.assert_close(together, wanted, atol=1e-5, rtol=1e-5)


def test_parts_depend_on_the_stack_and_not_on_its_history(parts):
    model, folders = parts
    base, state = logits(model), {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rows = [row(folder, 0.4) for folder in folders]
    stack = AdapterStack(model)
    stack.replace(rows)
    straight = logits(model)
    stack.replace([])
    assert torch.equal(logits(model), base)
    for some in (rows[:1], rows[1:3], rows[4:], [rows[4], rows[2]], rows[::-1]):
        stack.replace(some)
    stack.replace([row(folder, 0.9) for folder in folders])
    stack.replace([row(folder, 0.4, enabled=False) for folder in folders])
    assert torch.equal(logits(model), base)
    stack.replace(rows)
    assert torch.equal(logits(model), straight)
    for one in rows:
        stack.remove(one)
    assert torch.equal(logits(model), base)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert not any("forward" in module.__dict__ for module in model.modules())


def test_a_receipt_says_what_came_besides_factors(parts):
    model, folders = parts
    receipts = AdapterStack(model).replace([row(folder) for folder in folders])
    assert receipts[0].notes == ("It brings trained biases: 14.",)
    assert receipts[2].notes[0].startswith("It brings trained modules: lm_head, model.layers.0.input_layernorm, ")
    assert receipts[3].notes == ("It brings trained tokens: 2.",)
    assert receipts[2].bytes > receipts[1].bytes
    assert all(receipt.tensors_unused == () for receipt in receipts[:4])


def test_they_are_refused_beside_a_dora_and_the_stack_stays(parts, tmp_path):
    model, folders = parts
    write(lora("", BIASED, use_dora=True), tmp_path / "dora")
    stack = AdapterStack(model)
    stack.replace([row(folders[2])])
    before = logits(model)
    with pytest.raises(LoaderError, match=r"modules brings trained modules .* together with DoRA"):
        stack.apply(row(tmp_path / "dora"))
    assert torch.equal(logits(model), before)
    stack.replace([row(tmp_path / "dora")])
    before = logits(model)
    with pytest.raises(LoaderError, match="tokens brings trained tokens"):
        stack.apply(row(folders[3]))
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize(
    ("options", "change", "match"),
    [
        ({"modules_to_save": ["lm_head"]}, {"lm_head.weight": None}, "incomplete: .* modules_to_save lm_head"),
        ({"trainable_token_indices": [5]}, {".token_adapter.": None}, "incomplete: .* trainable_token_indices"),
        ({"lora_bias": True}, {"lora_B.bias": None}, "incomplete: .* lora_bias"),
        ({"trainable_token_indices": [5]}, {".token_adapter.": torch.ones(2, 64)}, "2 rows, 1 token numbers"),
        ({"modules_to_save": ["norm"]}, {"model.norm.weight": torch.ones(63)}, "norm.weight of 63, this model has 64"),
        ({"bias": "all"}, {"up_proj.bias": torch.full((96,), float("nan"))}, "not finite"),
    ],
)
def test_damaged_parts_are_refused(tmp_path, options, change, match):
    write(lora("", BIASED, **options), tmp_path / "bad")
    file = tmp_path / "bad" / "adapter_model.safetensors"
    tensors = load_file(file)
    for word, value in change.items():
        touched = [key for key in tensors if word in key]
        assert touched
        tensors = {key: tensor for key, tensor in tensors.items() if key not in touched}
        tensors |= {key: value.clone() for key in touched if value is not None}
    save_file(tensors, file)
    model = make_base(**BIASED)
    base = logits(model)
    with pytest.raises(LoaderError, match=match):
        AdapterStack(model).apply(row(tmp_path / "bad"))
    assert torch.equal(logits(model), base)


def test_a_module_that_this_base_has_not_is_refused(tmp_path):
    write(lora("", {"num_hidden_layers": 3}, modules_to_save=["norm"]), tmp_path / "deep")
    with pytest.raises(LoaderError, match=r"trained model.layers.2.input_layernorm, which this model does not have"):
        AdapterStack(make_base()).apply(row(tmp_path / "deep"))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"modules_to_save": ["gate"]}, "a trained model.layers.0.mlp.gate, a Qwen3MoeTopKRouter; only linears"),
        ({"modules_to_save": ["experts"]}, r"a trained model.layers.0.mlp.experts.\w+; only linears, embeddings and"),
        ({"target_modules": ["q_proj", "gate_proj", "up_proj"]}, "targets bare parameters .* target_parameters"),
    ],
)
def test_what_belongs_to_the_experts_of_a_mixture_is_refused(tmp_path, options, match):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(**({"r": 4, "target_modules": ["q_proj"]} | options))
    trained = get_peft_model(make_family("qwen3_moe"), config)
    torch.nn.init.ones_(trained.get_submodule("base_model.model.model.layers.0.self_attn.q_proj.lora_B.default").weight)
    trained.save_pretrained(tmp_path / "it")
    with pytest.raises(LoaderError, match=match):
        AdapterStack(make_family("qwen3_moe")).apply(row(tmp_path / "it"))


def test_factors_of_single_experts_are_refused_where_the_experts_are_one_tensor(tmp_path):
    """As PEFT wrote them before transformers 5; attaching the rest alone would be another adapter."""
    folder = tmp_path / "old"
    write(lora(""), folder)
    factors = {"lora_A": torch.ones(4, 64), "lora_B": torch.ones(32, 4)}
    names = ("self_attn.k_proj", "mlp.experts.1.gate_proj")
    tensors = {f"model.layers.0.{n}.{side}.weight": value.clone() for n in names for side, value in factors.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    with pytest.raises(LoaderError, match=r"factors for single experts .*experts\.1\.gate_proj"):
        AdapterStack(make_family("qwen3_moe")).apply(row(folder))


def test_a_copy_of_the_base_s_own_weights_adds_nothing(tmp_path):
    """PEFT writes both embeddings, trained or not, where it is told to or thinks that the vocabulary changed."""
    write(lora("", UNTIED), tmp_path / "it")
    file = tmp_path / "it" / "adapter_model.safetensors"
    model = make_base(**UNTIED)
    plain, with_copies = AdapterStack(model), AdapterStack(model)
    plain_bytes = plain.apply(row(tmp_path / "it")).bytes
    wanted = logits(model)
    plain.replace([])
    copies = {"model.embed_tokens.weight": model.model.embed_tokens.weight, "lm_head.weight": model.lm_head.weight}
    save_file(load_file(file) | {f"base_model.model.{name}": copy.clone() for name, copy in copies.items()}, file)
    assert with_copies.apply(row(tmp_path / "it")).bytes == plain_bytes
    assert torch.equal(logits(model), wanted)


def test_a_start_of_the_future_is_refused(tmp_path):
    write(replace(lora(""), edits={"init_lora_weights": "quantum"}), tmp_path / "new")
    with pytest.raises(LoaderError, match=r"trained from quantum, a start .* doesn't know"):
        AdapterStack(make_base()).apply(row(tmp_path / "new"))


@pytest.mark.parametrize("family", ["gpt2", "opt", "gemma3", "gpt_neox"])
@pytest.mark.parametrize("part", ["bias", "lora_bias", "modules_to_save", "trainable_token_indices"])
def test_other_families_as_peft_has_them(family, part, tmp_path):
    """Conv1D, LayerNorm with a bias, an embedding that is scaled, a tied head."""
    from peft import LoraConfig, PeftModel, get_peft_model

    target = {"gpt2": "c_attn", "gpt_neox": "query_key_value"}.get(family, "q_proj")
    model = make_family(family)
    tokens = next(name for name, module in model.named_modules() if module is model.get_input_embeddings())
    short = tokens.rpartition(".")[2]
    value = {"bias": "all", "lora_bias": True, "modules_to_save": [short], "trainable_token_indices": {short: [3, 9]}}
    trained = get_peft_model(model, LoraConfig(r=4, target_modules=[target], **{part: value[part]}))
    generator = torch.Generator().manual_seed(1)
    for parameter in trained.parameters():
        if parameter.requires_grad:
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    trained.save_pretrained(tmp_path / "it")
    model, ids = make_family(family), torch.tensor([[3, 17, 9, 5, 90]])
    with torch.no_grad():
        reference = PeftModel.from_pretrained(make_family(family), tmp_path / "it").eval()(ids).logits
        base = model(ids).logits
        stack = AdapterStack(model)
        stack.apply(row(tmp_path / "it"))
        assert (reference - base).abs().max() > 0.1
        torch.testing.assert_close(model(ids).logits, reference, atol=TOLERANCE, rtol=TOLERANCE)
        stack.replace([])
        assert torch.equal(model(ids).logits, base)


def test_parts_on_a_base_in_four_bits(tmp_path):
    """The packed weights stay as they are; a trained linear computes with the numbers in the file."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    make_base(**BIASED).save_pretrained(tmp_path / "base")
    write(lora("", BIASED, modules_to_save=["o_proj", "norm"], bias="all"), tmp_path / "it")
    four_bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base", quantization_config=four_bits, dtype=torch.float32)
    logits(model)  # nf4 packs its weights anew at the first forward
    base = logits(model)
    stack = AdapterStack(model)
    stack.apply(row(tmp_path / "it"))
    tensors = load_file(tmp_path / "it" / "adapter_model.safetensors")
    name = "model.layers.0.self_attn.o_proj"
    weight, bias = (tensors[f"base_model.model.{name}.{key}"] for key in ("weight", "bias"))
    x = torch.randn(1, 3, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(model.get_submodule(name)(x), torch.nn.functional.linear(x, weight, bias))
    assert (logits(model) - base).abs().max() > FAR
    stack.replace([])
    assert torch.equal(logits(model), base)


def test_a_trained_module_is_peft_s_to_the_bit_in_bfloat16(tmp_path):
    from peft import PeftModel

    write(Case("", {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head", "norm"]}), tmp_path / "it")
    reference = PeftModel.from_pretrained(make_base().bfloat16(), tmp_path / "it").eval()
    model = make_base().bfloat16()
    AdapterStack(model).apply(row(tmp_path / "it"))
    assert json.loads((tmp_path / "it" / "adapter_config.json").read_text())["modules_to_save"] == ["lm_head", "norm"]
    assert torch.equal(logits(model), logits(reference))
