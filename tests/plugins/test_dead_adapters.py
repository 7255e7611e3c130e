"""Adapters that do nothing are all caught and those that act never are: a hundred of each, drawn from seeds."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from desktop.api import LoaderError, Lora
from loader_kit.adapter_stack import AdapterStack
from loader_kit.matching import linear_sizes
from tests import tiny

IDS = torch.tensor([[3, 17, 42, 5, 90]])
PREFIX = "base_model.model."
Pairs = dict[str, tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture(scope="module")
def model():
    """A tiny model with a head of its own; every test leaves it without adapters."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    made = LlamaForCausalLM(tiny.tiny_config(tie_word_embeddings=False)).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.mul_(4 if parameter.dim() > 1 else 1)
    return made


class Draw:
    """One adapter with random factors on random modules, to be written as it is or after a change."""

    def __init__(self, model, seed: int) -> None:
        self.rng = random.Random(seed)
        generator = torch.Generator().manual_seed(seed)
        modules = {name: module for name, module in model.named_modules() if linear_sizes(module)}
        self.rank = self.rng.choice([1, 2, 4, 7, 16])
        self.pairs: Pairs = {}
        for name in self.rng.sample(sorted(modules), self.rng.randint(1, 5)):
            wide, out = linear_sizes(modules[name])
            a, b = torch.randn(self.rank, wide, generator=generator), torch.randn(out, self.rank, generator=generator)
            self.pairs[name] = (a / 8, b / 4)
        self.config = {"peft_type": "LORA", "r": self.rank, "lora_alpha": self.rng.choice([1, 8, 32])}

    def change(self, work: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Replace the factors of every module."""
        self.pairs = {name: work(a, b) for name, (a, b) in self.pairs.items()}

    def write(self, folder: Path, magnitudes: dict[str, torch.Tensor] | None = None) -> Lora:
        """The adapter on disk, as a row of the stack."""
        folder.mkdir()
        tensors = {f"{PREFIX}{name}.lora_magnitude_vector": vector for name, vector in (magnitudes or {}).items()}
        for name, (a, b) in self.pairs.items():
            keys = ("lora_embedding_A", "lora_embedding_B") if "embed" in name else ("lora_A.weight", "lora_B.weight")
            tensors |= {
                f"{PREFIX}{name}.{keys[0]}": a.clone().contiguous(),
                f"{PREFIX}{name}.{keys[1]}": b.clone().contiguous(),
            }
        save_file(tensors, folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps(self.config))
        return Lora(id="it", name="it", path=str(folder))


def b_zero(draw: Draw) -> None:
    draw.change(lambda a, b: (a, b * 0))


def b_minus_zero(draw: Draw) -> None:
    draw.change(lambda a, b: (a, b * -0.0))


def a_zero(draw: Draw) -> None:
    draw.change(lambda a, b: (a * 0, b))


def apart(draw: Draw) -> None:
    """Of every rank one side is zero, and neither side is zero as a whole where there are two ranks."""
    which = torch.arange(draw.rank) % 2 == 0
    draw.change(lambda a, b: (a * which[:, None], b * ~which))


def cancelling(draw: Draw) -> None:
    """The second half of the ranks takes away what the first half adds."""
    draw.rank *= 2
    draw.config["r"] = draw.rank
    factor = draw.rng.choice([1.0, 2.0, 0.25, 2.0**-40])
    draw.change(lambda a, b: (torch.cat([a, a * factor]), torch.cat([b, b / -factor], dim=1)))


def alpha_zero(draw: Draw) -> None:
    draw.config["lora_alpha"] = 0


def alpha_pattern_zero(draw: Draw) -> None:
    draw.config["alpha_pattern"] = dict.fromkeys(draw.pairs, 0.0)


def alpha_below_float32(draw: Draw) -> None:
    draw.config["lora_alpha"] = 1e-60


def renamed(draw: Draw) -> None:
    old, new = draw.rng.choice(
        [("model.", "transformer."), ("lm_head", "head"), ("model.", "model.model."), (".", "_")]
    )
    draw.pairs = {f"x.{name.replace(old, new)}": row for name, row in draw.pairs.items()}


def other_layers(draw: Draw) -> None:
    draw.pairs = {f"model.layers.{number + 40}.mlp.up_proj": row for number, row in enumerate(draw.pairs.values())}


def acts_elsewhere(draw: Draw) -> None:
    """What is in the model is zero; what is not zero is not in the model."""
    b_zero(draw)
    name, (a, b) = next(iter(draw.pairs.items()))
    draw.pairs[f"vision.{name}"] = (a, torch.ones_like(b))


def too_small_for_float32(draw: Draw) -> None:
    draw.change(lambda a, b: (a.double() * 1e-200, b.double()))


DEAD = {
    b_zero: "before the first training step", b_minus_zero: "before the first training step",
    a_zero: "multiply to zero", apart: "changes nothing", cancelling: "multiply to zero",
    alpha_zero: "alpha is zero", alpha_pattern_zero: "alpha is zero", alpha_below_float32: "alpha is zero",
    renamed: "does not fit this model: none of its", other_layers: "does not fit this model: none of its",
    acts_elsewhere: "changes nothing here", too_small_for_float32: "multiply to zero",
}  # fmt: skip


def only_one(draw: Draw) -> None:
    """One module acts, the last of several."""
    name = list(draw.pairs)[-1]
    draw.pairs = {key: (a, b if key == name else b * 0) for key, (a, b) in draw.pairs.items()}


def only_one_number(draw: Draw) -> None:
    def one(side: torch.Tensor, row: int, column: int) -> torch.Tensor:
        kept = torch.zeros_like(side)
        kept[row, column] = 1e-3
        return kept

    rank = draw.rng.randrange(draw.rank)
    draw.change(lambda a, b: (one(a, rank, -1), one(b, -1, rank)))


def only_one_rank(draw: Draw) -> None:
    which = torch.arange(draw.rank) == draw.rng.randrange(draw.rank)
    draw.change(lambda a, b: (a, b * which))


def nearly_cancelling(draw: Draw) -> None:
    cancelling(draw)
    draw.change(lambda a, b: (a, b * (1 + 1e-5 * (torch.arange(b.shape[1]) == 0))))


def one_of_a_cancelling_pair(draw: Draw) -> None:
    """A small rank beside large ones that cancel."""
    draw.rank = 3
    draw.config["r"] = 3
    small = draw.rng.choice([1e-2, 1e-4])
    draw.change(lambda a, b: (a[[0, 0, -1]] * torch.tensor([[1], [-1], [small]]), torch.ones_like(b[:, [0, 0, 0]])))
    draw.pairs = {name: (torch.cat([a[:2], a[2:].roll(1, 1)]), b) for name, (a, b) in draw.pairs.items()}


def tiny_numbers(draw: Draw) -> None:
    size = draw.rng.choice([1e-10, 1e-20, 1e-38])
    draw.change(lambda a, b: (a * size, b * size))


def subnormal_numbers(draw: Draw) -> None:
    draw.change(lambda a, b: (a.sign() * 1e-45, b.sign() * 1e-44))


def of_type(dtype: torch.dtype) -> Callable[[Draw], None]:
    def change(draw: Draw) -> None:
        draw.change(lambda a, b: (a.to(dtype), b.to(dtype)))

    change.__name__ = str(dtype).removeprefix("torch.")
    return change


def smallest_halves(draw: Draw) -> None:
    draw.change(lambda a, b: (torch.full_like(a, 6e-8).half(), torch.full_like(b, 6e-8).half()))


def largest_halves(draw: Draw) -> None:
    draw.change(lambda a, b: (a.sign().half() * 60000, b.half()))


def only(word: str) -> Callable[[Draw], None]:
    def change(draw: Draw) -> None:
        wide, out = (320, 64) if "embed" in word else (64, 320)
        draw.pairs = {word: (torch.rand(draw.rank, wide) + 0.1, torch.rand(out, draw.rank) + 0.1)}

    change.__name__ = word
    return change


def some_modules_missing(draw: Draw) -> None:
    a, b = next(iter(draw.pairs.values()))
    draw.pairs["model.layers.77.mlp.up_proj"] = (a, b)


def negative_alpha(draw: Draw) -> None:
    draw.config["lora_alpha"] = draw.rng.choice([-8, 1e-3, 0.5])


def one_alpha(draw: Draw) -> None:
    """All alphas but that of one module are zero."""
    draw.config |= {"lora_alpha": 0, "alpha_pattern": {list(draw.pairs)[-1]: 4}}


def as_drawn(draw: Draw) -> None:
    """Nothing is changed."""


def rslora(draw: Draw) -> None:
    draw.config["use_rslora"] = True


ACTING = (
    as_drawn, only_one, only_one_number, only_one_rank, nearly_cancelling, one_of_a_cancelling_pair, tiny_numbers,
    subnormal_numbers, of_type(torch.bfloat16), of_type(torch.float16), of_type(torch.float64), smallest_halves,
    largest_halves, only("model.embed_tokens"), only("lm_head"), some_modules_missing, negative_alpha, one_alpha,
    rslora,
)  # fmt: skip


def computed(model):
    with torch.no_grad():
        return model(IDS).logits


@pytest.mark.parametrize("way", DEAD, ids=lambda way: way.__name__)
def test_what_does_nothing_is_caught(way, model, tmp_path):
    base = computed(model)
    stack = AdapterStack(model)
    for seed in range(math.ceil(100 / len(DEAD))):
        draw = Draw(model, seed)
        way(draw)
        with pytest.raises(LoaderError, match=DEAD[way]):
            stack.apply(draw.write(tmp_path / str(seed)))
    assert torch.equal(computed(model), base)


@pytest.mark.parametrize("way", ACTING, ids=lambda way: way.__name__)
def test_what_acts_is_never_called_dead(way, model, tmp_path):
    base = computed(model)
    for seed in range(math.ceil(100 / len(ACTING))):
        stack = AdapterStack(model)
        draw = Draw(model, 1000 + seed)
        way(draw)
        row = draw.write(tmp_path / str(seed))
        assert stack.apply(row).modules_matched == len(draw.pairs) - ("model.layers.77.mlp.up_proj" in draw.pairs)
        assert computed(model).isfinite().all()
        stack.remove(row)
        assert torch.equal(computed(model), base)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_dora_acts_by_its_magnitudes_alone(dtype, model, tmp_path):
    draw = Draw(model, 3)
    outputs = {"model.layers.0.mlp.up_proj": 96, "model.layers.1.self_attn.q_proj": 64}
    draw.pairs = {name: (torch.rand(draw.rank, 64), torch.zeros(out, draw.rank)) for name, out in outputs.items()}
    draw.config["use_dora"] = True
    starts = {name: model.get_submodule(name).weight.norm(dim=1).to(dtype) for name in outputs}
    base = computed(model)
    stack = AdapterStack(model)
    with pytest.raises(LoaderError, match="before the first training step"):
        stack.apply(draw.write(tmp_path / "start", starts))
    name = list(outputs)[1]
    row = draw.write(tmp_path / "later", starts | {name: starts[name] * 1.05})
    stack.apply(row)
    assert (computed(model) - base).abs().max() > 1e-4
    stack.remove(row)
    assert torch.equal(computed(model), base)
