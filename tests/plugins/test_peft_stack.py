"""The adapter stack: against PEFT, against float64, and the base back to the last bit."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from desktop.api import LoaderError, Lora
from loader_kit.peft_stack import PeftStack
from tests import tiny

IDS = torch.arange(3, 60)[None]
TOLERANCE_PEFT = 0.0
"""PEFT's own layers do the arithmetic in the same order, so nothing may differ."""
TOLERANCE_FLOAT64 = 2e-4
"""float32 rounding over two layers, on logits of about 30."""


def lora(folder, weight=1.0, **changes):
    return Lora(id=f"ad_{folder.name}", name=folder.name, path=str(folder), weight=weight, **changes)


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.fixture
def model(tiny_folder):
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval().requires_grad_(False)


@pytest.fixture
def pair(tmp_path, tiny_model):
    """Two adapters of different rank on different modules."""
    first = tiny.make_adapter(tmp_path / "first", tiny_model, rank=8, alpha=16, seed=1)
    every = tiny.linear_names(tiny_model)
    second = tiny.make_adapter(tmp_path / "second", tiny_model, rank=3, alpha=4, seed=2, modules=every)
    return (tmp_path / "first", first, 16 / 8), (tmp_path / "second", second, 4 / 3)


def peft_logits(tiny_folder, rows):
    """What PEFT's own PeftModel computes for (folder, weight) rows."""
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer
    from transformers import LlamaForCausalLM

    base = LlamaForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval()
    names = [f"row{number}" for number, _ in enumerate(rows)]
    wrapped = PeftModel.from_pretrained(base, rows[0][0], adapter_name=names[0])
    for name, (folder, _) in list(zip(names, rows, strict=True))[1:]:
        wrapped.load_adapter(folder, name)
    wrapped.base_model.set_adapter(names)
    for module in wrapped.modules():
        if isinstance(module, LoraLayer):
            for name, (_, weight) in zip(names, rows, strict=True):
                if name in module.scaling:
                    module.set_scale(name, weight)
    return logits(wrapped.eval())


@pytest.mark.filterwarnings("ignore:.*multiple adapters.*")
def test_two_adapters_of_different_rank_equal_peft_and_float64(model, tiny_folder, tiny_model, pair):
    (first, first_factors, first_scale), (second, second_factors, second_scale) = pair
    base = logits(model)
    receipts = PeftStack(model).replace([lora(first, 0.7), lora(second, -0.3)])
    ours = logits(model)
    assert (ours - base).abs().max() > 1
    assert (ours - peft_logits(tiny_folder, [(first, 0.7), (second, -0.3)])).abs().max() <= TOLERANCE_PEFT
    reference = tiny.merged_float64(
        tiny_model,
        [(first_factors, lambda _: first_scale, 0.7), (second_factors, lambda _: second_scale, -0.3)],
    )
    assert (ours.double() - logits(reference)).abs().max() < TOLERANCE_FLOAT64
    assert [(r.modules_matched, r.modules_targeted, r.rank, r.alpha, r.weight) for r in receipts] == [
        (6, 6, 8, 16, 0.7),
        (14, 14, 3, 4, -0.3),
    ]
    assert receipts[0].bytes == sum(a.numel() + b.numel() for a, b in first_factors.values()) * 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_removal_gives_the_base_back_to_the_bit(model, pair, dtype):
    model = model.to(dtype)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modules = [(name, type(module)) for name, module in model.named_modules()]
    base = logits(model)
    stack = PeftStack(model)
    (first, _, _), (second, _, _) = pair
    stack.replace([lora(first, 0.7), lora(second, -0.3)])
    changed = logits(model)
    assert not torch.equal(changed, base)
    stack.remove(lora(first))
    alone = logits(model)
    stack.replace([])
    assert torch.equal(logits(model), base)
    assert [(name, type(module)) for name, module in model.named_modules()] == modules
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    stack.apply(lora(second, -0.3))
    assert torch.equal(logits(model), alone)
    stack.replace([lora(first, 0.7), lora(second, -0.3)])
    assert torch.equal(logits(model), changed)


def test_per_module_the_difference_is_the_formula(model, pair):
    (first, factors, scale), _ = pair
    PeftStack(model).apply(lora(first, -1.7))
    for name, (a, b) in factors.items():
        module = model.get_submodule(name)
        x = torch.randn(5, a.shape[1])
        got = (module(x) - module.base_layer(x)).double()
        expected = -1.7 * scale * x.double() @ a.double().T @ b.double().T
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def test_weight_zero_and_a_disabled_row_are_the_base_exactly(model, pair):
    base = logits(model)
    stack = PeftStack(model)
    (first, _, _), _ = pair
    assert stack.apply(lora(first, 0.0)).weight == 0
    assert torch.equal(logits(model), base)
    stack.apply(lora(first, 0.8))
    assert not torch.equal(logits(model), base)
    assert stack.apply(lora(first, 0.8, enabled=False)).weight == 0
    assert torch.equal(logits(model), base)


def test_the_order_of_the_stack_decides_not_the_order_of_attaching(model, pair):
    (first, _, _), (second, _, _) = pair
    stack = PeftStack(model)
    stack.replace([lora(first), lora(second)])
    straight = logits(model)
    stack.replace([])
    stack.replace([lora(second)])
    stack.replace([lora(first), lora(second)])
    assert torch.equal(logits(model), straight)


def test_rank_and_alpha_patterns_and_rslora(model, tmp_path, tiny_model):
    wide = "model.layers.1.self_attn.q_proj"
    factors = tiny.make_adapter(
        tmp_path / "patterns",
        tiny_model,
        rank=4,
        alpha=8,
        ranks={wide: 12},
        rank_pattern={r"layers\.1\.self_attn\.q_proj": 12},
        alpha_pattern={"down_proj": 20},
        use_rslora=True,
    )
    receipt = PeftStack(model).apply(lora(tmp_path / "patterns", 0.5))
    assert (receipt.kind, receipt.rank) == ("rsLoRA", 12)

    def scaling(name):
        return (20 if name.endswith("down_proj") else 8) / math.sqrt(12 if name == wide else 4)

    reference = tiny.merged_float64(tiny_model, [(factors, scaling, 0.5)])
    assert (logits(model).double() - logits(reference)).abs().max() < TOLERANCE_FLOAT64


def test_dora_goes_through_peft_and_comes_off_exactly(model, tiny_folder, tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    source = LlamaForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    trained = get_peft_model(source, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], use_dora=True))
    generator = torch.Generator().manual_seed(3)
    for name, parameter in trained.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data + 0.2 * torch.randn(parameter.shape, generator=generator)
    trained.save_pretrained(tmp_path / "dora")
    base = logits(model)
    stack = PeftStack(model)
    receipt = stack.apply(lora(tmp_path / "dora"))
    assert (receipt.kind, receipt.modules_matched, receipt.tensors_unused) == ("DoRA", 4, ())
    assert (logits(model) - peft_logits(tiny_folder, [(tmp_path / "dora", 1.0)])).abs().max() <= TOLERANCE_PEFT
    stack.replace([])
    assert torch.equal(logits(model), base)


def test_a_bin_adapter_with_the_keys_of_2023(model, tmp_path, tiny_model):
    """tloen/alpaca-lora-7b as it stood on the hub: .bin, no rank pattern, keys newer PEFT no longer writes."""
    old = {"enable_lora": None, "merge_weights": False, "modules_to_save": None, "fan_in_fan_out": False}
    factors = tiny.make_adapter(tmp_path / "alpaca", tiny_model, rank=16, alpha=16, binary=True, **old)
    receipt = PeftStack(model).apply(lora(tmp_path / "alpaca"))
    reference = tiny.merged_float64(tiny_model, [(factors, lambda _: 1.0, 1.0)])
    assert receipt.modules_matched == 6
    assert (logits(model).double() - logits(reference)).abs().max() < TOLERANCE_FLOAT64


@pytest.mark.parametrize("name", ["v1.5-lora", "my lora", "élève", "🙂", "a=b", "lora_A", "base_layer"])
def test_folder_names_don_t_matter(model, tmp_path, tiny_model, name):
    tiny.make_adapter(tmp_path / name, tiny_model)
    row = Lora(id="lora", name=name, path=str(tmp_path / name))
    assert PeftStack(model).apply(row).name == name


def test_a_config_from_a_newer_peft_is_read(model, tmp_path, tiny_model):
    tiny.make_adapter(tmp_path / "new", tiny_model, a_key_of_the_future={"x": 1}, peft_version="9.0.0")
    assert PeftStack(model).apply(lora(tmp_path / "new")).modules_matched == 6


def unchanged(model, stack, rows, match):
    """Asserts that the change is refused in words and that nothing at all has changed."""
    before, modules = logits(model), [name for name, _ in model.named_modules()]
    with pytest.raises(LoaderError, match=match):
        stack.replace(rows)
    assert torch.equal(logits(model), before)
    assert [name for name, _ in model.named_modules()] == modules


def test_an_adapter_of_another_base_is_refused_before_anything_changes(model, tmp_path, pair):
    from transformers import LlamaForCausalLM

    other = LlamaForCausalLM(tiny.tiny_config(hidden_size=128))
    tiny.make_adapter(tmp_path / "wide", other)
    stack = PeftStack(model)
    stack.apply(lora(pair[0][0]))
    unchanged(
        model,
        stack,
        [lora(pair[1][0]), lora(tmp_path / "wide")],
        "its [a-z_]+ is 128 wide, this model has 64. It was made for tiny/llama",
    )
    tiny.make_adapter(
        tmp_path / "other", other, modules=["model.layers.0.self_attn.q_proj"], prefix="base_model.model.x."
    )
    unchanged(
        model, stack, [lora(tmp_path / "other")], "none of its 1 modules .* exists here. It was made for tiny/llama"
    )


def test_failing_half_way_leaves_no_trace(model, tmp_path, pair, monkeypatch, tiny_model):
    import peft

    stack = PeftStack(model)
    stack.apply(lora(pair[0][0], 0.4))
    real = peft.set_peft_model_state_dict

    def fails(*args, **options):
        real(*args, **options)
        raise LoaderError("the disk caught fire")

    monkeypatch.setattr(peft, "set_peft_model_state_dict", fails)
    unchanged(model, stack, [lora(pair[1][0])], "caught fire")


def edit(folder, **changes):
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(key for key in tensors if "lora_B" in key)
    if changes.get("drop"):
        del tensors[name]
    if "all_b" in changes:
        tensors = {key: value * changes["all_b"] if "lora_B" in key else value for key, value in tensors.items()}
    if "rank" in changes:
        tensors[name] = torch.zeros(tensors[name].shape[0], changes["rank"])
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"drop": True}, "incomplete: .* only one of its two factors"),
        ({"all_b": 0.0}, "changes nothing: all its B factors are zero. It is a checkpoint from before the first"),
        ({"all_b": math.nan}, "not finite"),
        ({"rank": 5}, "don't fit together"),
    ],
)
def test_damaged_and_useless_factors_are_refused(model, tmp_path, tiny_model, change, match):
    tiny.make_adapter(tmp_path / "bad", tiny_model)
    edit(tmp_path / "bad", **change)
    unchanged(model, PeftStack(model), [lora(tmp_path / "bad")], match)


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"peft_type": "IA3"}, "of the kind IA3"),
        ({"init_lora_weights": "pissa_niter_4"}, "changes the base model"),
        ({"r": "many"}, "makes no sense: rank 'many'"),
        ({"r": 7}, "says rank 7 .* its factors have 4; it is damaged"),
        ({"lora_alpha": math.inf}, "makes no sense"),
        ({"alora_invocation_tokens": [1]}, "aLoRA"),
    ],
)
def test_kinds_that_can_t_be_removed_exactly_are_refused_by_name(model, tmp_path, tiny_model, config, match):
    tiny.make_adapter(tmp_path / "odd", tiny_model, **config)
    unchanged(model, PeftStack(model), [lora(tmp_path / "odd")], match)


def test_folders_that_are_no_adapters(model, tmp_path, tiny_model):
    stack = PeftStack(model)
    unchanged(model, stack, [lora(tmp_path / "gone")], "is not a folder")
    (tmp_path / "empty").mkdir()
    unchanged(model, stack, [lora(tmp_path / "empty")], "no adapter_config.json")
    tiny.make_adapter(tmp_path / "bare", tiny_model)
    (tmp_path / "bare" / "adapter_model.safetensors").unlink()
    unchanged(model, stack, [lora(tmp_path / "bare")], "has no weights")
    tiny.make_adapter(tmp_path / "cut", tiny_model)
    file = tmp_path / "cut" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    unchanged(model, stack, [lora(tmp_path / "cut")], "cut short: 100 bytes are missing")
    tiny.make_adapter(tmp_path / "garbage", tiny_model)
    (tmp_path / "garbage" / "adapter_config.json").write_bytes(b"\xff\x00{{{")
    unchanged(model, stack, [lora(tmp_path / "garbage")], "can't be read")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickle_is_never_executed(model, tmp_path, tiny_model):
    tiny.make_adapter(tmp_path / "bomb", tiny_model, binary=True)
    torch.save({"x": Bomb(str(tmp_path / "fired"))}, tmp_path / "bomb" / "adapter_model.bin")
    unchanged(model, PeftStack(model), [lora(tmp_path / "bomb")], "could run code")
    assert not (tmp_path / "fired").exists()


def test_extra_modules_are_told_and_the_rest_acts(model, tmp_path, tiny_model):
    from transformers import LlamaForCausalLM

    deeper = LlamaForCausalLM(tiny.tiny_config(num_hidden_layers=3))
    tiny.make_adapter(tmp_path / "deep", deeper)
    receipt = PeftStack(model).apply(lora(tmp_path / "deep"))
    assert (receipt.modules_matched, receipt.modules_targeted) == (6, 9)
    assert len(receipt.tensors_unused) == 3
    assert "3 of its modules are not in this model" in receipt.notes[0]


def test_the_same_id_with_another_folder_replaces_the_row(model, pair):
    (first, _, _), (second, _, _) = pair
    stack = PeftStack(model)
    stack.replace([lora(second)])
    expected = logits(model)
    stack.replace([Lora(id="row", name="x", path=str(first))])
    stack.replace([Lora(id="row", name="x", path=str(second))])
    assert torch.equal(logits(model), expected)


def test_gpt2_conv1d_and_embeddings(tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import GPT2Config, GPT2LMHeadModel

    def make():
        torch.manual_seed(0)
        return GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=32, n_layer=2, n_head=2, n_positions=64)).eval()

    config = LoraConfig(r=4, lora_alpha=8, target_modules=["c_attn", "wte"], fan_in_fan_out=True)
    trained = get_peft_model(make(), config).eval()
    generator = torch.Generator().manual_seed(3)
    for name, parameter in trained.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) / 4
    trained.save_pretrained(tmp_path / "gpt2", save_embedding_layers=False)
    model = make()
    base = logits(model)
    stack = PeftStack(model)
    assert stack.apply(lora(tmp_path / "gpt2")).modules_matched == 3
    assert (logits(model) - logits(trained)).abs().max() <= TOLERANCE_PEFT
    stack.replace([])
    assert torch.equal(logits(model), base)
