"""The verdict before attaching, from the shapes in the files."""

import pytest
import torch

from desktop.library.fit import Fit, FitJudge
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
