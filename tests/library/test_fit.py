"""The verdict before attaching, from the shapes in the files."""

import pytest
import torch

from desktop.library.fit import Fit, FitJudge, compare
from tests.library.making import make_adapter, make_model

MODULE = "base_model.model.model.layers.0.self_attn.q_proj"


def pickled(folder, width=64):
    make_adapter(folder, binary=True)
    factors = {f"{MODULE}.lora_A.weight": torch.zeros(8, width), f"{MODULE}.lora_B.weight": torch.zeros(64, 8)}
    torch.save(factors, folder / "adapter_model.bin")
    return folder


@pytest.mark.parametrize("make", [make_adapter, pickled])
def test_an_adapter_of_the_same_shapes_fits(tmp_path, make):
    assert FitJudge().judge(make(tmp_path / "a"), make_model(tmp_path / "m")) == Fit("fits")


def test_a_bin_of_other_shapes_is_named_before_it_is_attached(tmp_path):
    verdict = FitJudge().judge(pickled(tmp_path / "a", width=4096), make_model(tmp_path / "m"))
    assert verdict == Fit("misfit", "its q_proj is 4096 wide, this model has 64")


def test_what_can_not_be_read_is_unknown_with_the_reason(tmp_path):
    model = make_model(tmp_path / "m")
    broken = FitJudge().judge(make_adapter(tmp_path / "a", binary=True), model)
    assert (broken.verdict, "no whole PyTorch file" in broken.reason) == ("unknown", True)
    (tmp_path / "a" / "adapter_model.bin").unlink()
    assert "It has no weights" in FitJudge().judge(tmp_path / "a", model).reason


def test_a_model_in_a_bin_is_compared_as_well(tmp_path):
    model = make_model(tmp_path / "m")
    (model / "model.safetensors").unlink()
    torch.save({"model.layers.0.self_attn.q_proj.weight": torch.zeros(64, 64)}, model / "pytorch_model.bin")
    assert FitJudge().judge(make_adapter(tmp_path / "a"), model) == Fit("fits")


ADAPTER = {f"{MODULE}.lora_A.weight": (8, 4096), f"{MODULE}.lora_B.weight": (11008, 8)}
BASE = "model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        ({"weight": (11008, 4096)}, "fits"),
        ({"qweight": (512, 11008), "scales": (32, 11008), "qzeros": (32, 1376), "g_idx": (4096,)}, "fits"),
        ({"qweight": (256, 11008), "scales": (16, 11008), "qzeros": (16, 1376), "g_idx": (2048,)}, "misfit"),
        ({"qweight": (512, 11008), "scales": (11008, 1), "zeros": (11008, 1)}, "unknown"),
        ({"qweight": (4096, 1376), "scales": (32, 11008), "qzeros": (32, 1376)}, "unknown"),
        ({"weight": (22544384, 1), "weight.absmax": (704512,)}, "unknown"),
        ({"q_weight": (512, 11008), "q_scale": (32, 1376)}, "unknown"),
    ],
    ids=("plain", "gptq", "narrow gptq", "first gptq", "awq", "bitsandbytes", "exl2"),
)
def test_packed_weights_are_compared_where_their_sizes_show_and_never_a_misfit_by_mistake(model, verdict):
    assert compare(ADAPTER, {f"{BASE}.{name}": shape for name, shape in model.items()}).verdict == verdict
