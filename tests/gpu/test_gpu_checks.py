"""The GPU checks themselves, as far as a machine without a card can tell."""

import json

import numpy as np
import pytest
import torch

from tests.gpu import __main__ as command
from tests.gpu import machine
from tests.gpu.cases import CASES, Case
from tests.gpu.checking import Computed, Row, judge, removed, share
from tests.gpu.making import GROUP, pack
from tests.plugins.gptq_reader import read_layer


def test_without_a_card_it_skips_in_words(monkeypatch, capsys):
    monkeypatch.setattr(command, "why_no_card", lambda: "There is no GPU to check: torch sees no CUDA device.")
    assert command.main([]) == 0
    assert capsys.readouterr().err == "There is no GPU to check: torch sees no CUDA device. Nothing was checked.\n"
    assert command.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_why_there_is_no_card_is_told():
    assert machine.why_no_card().startswith("There is no GPU to check: torch ")


def test_packed_weights_are_the_nearest_of_sixteen_levels():
    weight = torch.randn(24, 2 * GROUP, generator=torch.Generator().manual_seed(1)) / 10
    layer = {name: tensor.numpy() for name, tensor in pack(weight).items()}
    found = read_layer(layer, 4, GROUP, "autogptq")
    scales = np.repeat(layer["scales"].astype(np.float32), GROUP, axis=0).T
    assert np.abs(found - weight.numpy()).max() > 0
    assert (np.abs(found - weight.numpy()) <= 0.5 * scales * 1.01 + 1e-6).all()


def test_a_difference_is_judged():
    case = Case(name="x", loader="autogptq", near=0.02)
    row = Row(name="x", base_error=0.01, stack_error=0.01, removal="exact", formula="holds")
    judge(case, row, 0.0, 0.02)
    assert row.state == "ok"
    row = Row(
        name="x", base_error=0.01, stack_error=float("nan"), removal="0.5 off", formula="q is 0.1 off the formula"
    )
    judge(case, row, 0.0, 0.02)
    assert row.state == "wrong: the stack is nan off; removal: 0.5 off (spread of the base 0); q is 0.1 off the formula"
    loose = Case(name="x", loader="exllama", exact=False)
    row = Row(name="x", removal="spread", formula="not offered")
    judge(loose, row, 0.1, 0.02)
    assert row.state == "ok"


def test_removal_and_shares():
    base = np.array([1.0, -4.0])
    assert removed(base, base.copy(), 0.0) == "exact"
    assert removed(base, base + 0.1, 0.06) == "spread"
    assert removed(base, base + 1, 0.06) == "1 off"
    assert share(base + 1, base) == 0.25
    assert Computed(base, base).stack is base


def test_the_table_has_a_line_a_case():
    lines = command.table([Row(name="exllama", state="skipped: exllama is not installed"), Row(name="b")]).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("exllama")
    assert lines[1].endswith("skipped: exllama is not installed")


def test_every_own_loader_is_checked():
    assert {case.loader for case in CASES} == {"autogptq", "gptq_llama", "exllama", "transformers"}
    assert machine.lacking(("no_such_package_here",), None) == ["no_such_package_here"]


@pytest.mark.long
def test_the_checks_hold_on_the_cpu(tmp_path):
    names = ("gptq.ours", "gptq_llama", "exllama", "transformers.16bit")
    rows = command.run([case for case in CASES if case.name in names], "cpu", None)
    states = {row.name: row.state for row in rows}
    assert states.pop("exllama").startswith("skipped")
    assert set(states.values()) == {"ok"}
