"""A run that is killed at any moment goes on from its newest checkpoint to the same weights."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from loader_kit.training.checkpoints import list_checkpoints, read_checkpoint
from tests.plugins.training_making import finish, make_request

SETTINGS = {"save_every": 1, "keep_checkpoints": 3, "epochs": 4, "dropout": 0.1}


@pytest.mark.parametrize("moments", [3, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.skipif(sys.platform == "win32", reason="takes a copy of the running process, which Windows can't make")
def test_the_weights_equal_those_of_the_run_that_was_not_killed(load, tiny_folder, tmp_path, moments):
    model = load(tiny_folder, dtype="float32")
    started = time.monotonic()
    _, report = finish(model.train(make_request(tmp_path / "whole", settings=SETTINGS)))
    took = time.monotonic() - started
    whole = load_file(Path(report.folder) / "adapter_model.safetensors")
    drawn = random.Random(1)
    reached = set()
    for moment in range(moments):
        request = make_request(tmp_path / f"killed-{moment}", settings=SETTINGS)
        child = multiprocessing.get_context("fork").Process(target=finish, args=(model.train(request),))
        child.start()
        time.sleep(drawn.uniform(moment, moment + 1) / moments * took)
        child.kill()
        child.join()
        there = list_checkpoints(Path(request.folder) / "checkpoints")
        for folder in there:
            assert read_checkpoint(folder).state.step == int(folder.name.removeprefix("step-"))
        reached.add(len(there))
        again = make_request(
            tmp_path / f"killed-{moment}", settings=SETTINGS, resume_from=str(there[-1]) if there else ""
        )
        _, resumed = finish(model.train(again))
        ours = load_file(Path(resumed.folder) / "adapter_model.safetensors")
        assert all(torch.equal(ours[name], whole[name]) for name in whole)
    # On a busy machine few moments may all fall before the first checkpoint.
    assert len(reached) > 1 or moments < 20
