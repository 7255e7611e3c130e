"""A run on rows as people write them, from the window, from the command line and by `Trainer` with PEFT.

`$LORA_DECK_INSTRUCTIONS` names the rows: a file in the Alpaca shape, such as the 252 user-oriented instructions of the
self-instruct project. Three runs of three epochs take about an hour on two cores.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from desktop.engine.runs.folder import RunFolder
from desktop.library.runs.history import read_history
from desktop.library.runs.run_file import read_run_file
from desktop.session.plans import State
from tests.acceptance import plain_trainer
from tests.acceptance.conftest import command, plugin_folders, starter_folder  # noqa: F401 - fixtures
from tests.ui.hands import choose, find, press, type_text, until, until_said
from tests.ui.test_story import PATIENCE, is_ready, open_window, starter_home  # noqa: F401 - fixtures

ROWS = os.environ.get("LORA_DECK_INSTRUCTIONS", "")
HOURS = 3 * 3600.0
HELD_OUT = 28
SETTINGS = {"rank": 8, "alpha": 16, "epochs": 3, "batch size": 8, "cutoff": 512}

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(2 * HOURS),
    pytest.mark.skipif(not ROWS, reason="set LORA_DECK_INSTRUCTIONS to a file of instructions in the Alpaca shape"),
]


def train_from_the_window(here, home, name):
    """Load the starter in float32, fill the form in, press Start training, wait for the end. The run's folder."""
    window = here.window
    until(lambda: find(window, "Base model").currentText() == "starter", PATIENCE)
    press(window, "Settings")
    choose(find(window, "Arithmetic type"), "float32")
    press(window, "Load")
    until(lambda: is_ready(here), PATIENCE)
    window.places.show_place("train")
    form = window.train_desk.place.form
    type_text(find(form, "Training data").lineEdit(), ROWS)
    until_said(window, "rows to train on", PATIENCE)
    find(form, "Rows kept back for evaluation").setValue(HELD_OUT)
    type_text(find(form, "Name of the new adapter"), name)
    for label, value in SETTINGS.items():
        find(form, label).setValue(value)
    until_said(window, f"{HELD_OUT} for evaluation", PATIENCE)
    press(form, "Start training")
    page = window.train_desk.place.run
    until(lambda: page._look is not None and page._look.state.phase in {"finished", "failed", "crashed"}, HOURS)
    assert page._look.state.phase == "finished", page._look.state.sentence
    assert here.session.state is State.READY
    return RunFolder(home.runs / page._look.id)


def test_it_learns_as_much_as_trainer(starter_home, open_window, command, starter_folder, tmp_path, capsys):  # noqa: F811
    """In float32, at equal settings: the losses on the held-out rows differ by at most 0.01."""
    by_hand = train_from_the_window(open_window.start(), starter_home, "by-hand")
    settings = read_run_file(by_hand.run_file).settings
    command(
        starter_home, "train", "--model", "starter", "--dtype", "float32", "--dataset", ROWS, "--holdout", HELD_OUT,
        "--output", "by-command", "--json", "--set-train", "rank=8", "alpha=16", "epochs=3", "batch_size=8",
        "cutoff=512",
    )  # fmt: skip
    (by_command,) = (RunFolder(root) for root in starter_home.runs.iterdir() if root != by_hand.root)
    losses = [read_history(run).evaluations[-1].loss for run in (by_hand, by_command)]
    adapter = starter_home.loras / "by-hand"
    learnt = plain_trainer.learn(starter_folder, Path(by_hand.root), settings, adapter, tmp_path)
    with capsys.disabled():
        print(f"\nheld out: from the window {losses[0]:.5f}, by command {losses[1]:.5f}, {learnt._replace(steps=())}")
    assert learnt.after < learnt.before - 0.05
    assert max(abs(loss - learnt.after) for loss in losses) <= 0.01
    assert abs(losses[0] - learnt.with_ours) <= 1e-3
