"""The window killed during a run and opened again shows the run, live, with its whole curve: the real runs code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from desktop.library.runs.history import read_history
from desktop.library.settings import Settings
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.ui.main_window import MainWindow
from tests.runs_kit import kill, make_pretended, wait_until
from tests.ui.conftest import end
from tests.ui.hands import choose, find, press, type_text, until, until_said, words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

WINDOW = """
import sys
from pathlib import Path
from desktop.app import make_application
from desktop.datasets import DataPlan
from desktop.library.home import Home
from desktop.library.runs.run_file import Base, RunFile
from desktop.library.settings import Settings
from desktop.api import GenerateRequest, TrainSettings
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.ui.main_window import MainWindow

application = make_application([])
session = Session(Home(Path(sys.argv[1])), Settings(loader="pretend"))
window = MainWindow(session, Saved(theme="light"))
window.show()
window.begin(None, None)
window.places.show_place("train")
session.training.run_started.connect(lambda run_id: print(run_id, flush=True))
session.training.start_refused.connect(lambda words: print("refused:", words, flush=True))
session.training.start_training(RunFile(
    name="sailor",
    model=Base(name="word", path=sys.argv[2], loader="pretend", settings={"pace": 0.02}),
    data=DataPlan(sources=(sys.argv[3],), holdout=2),
    settings=TrainSettings(max_steps=4000, save_every=10, eval_every=20, sample_every=20),
    samples=(GenerateRequest(prompt="Ahoy"),),
))
application.exec()
"""


@pytest.fixture
def trainable(home, third_party):
    """A home with a pretended model and eight rows; whatever runs at the end is killed."""
    third_party("trainer")
    make_pretended(home.models / "word")
    home.datasets.mkdir(parents=True)
    rows = [{"instruction": f"Say {n}", "input": "", "output": f"It is {n}."} for n in range(8)]
    (home.datasets / "eight.json").write_text(json.dumps(rows), encoding="utf-8")
    yield home
    for root in home.runs.glob("*"):
        kill(RunFolder(root))
        wait_until(lambda root=root: holder(RunFolder(root).lock) is None)


@pytest.fixture
def open_window(application, trainable):
    """Call it: a window on the real session, with the pretended trainer as its loader."""
    made = []

    def open_it():
        session = Session(trainable, Settings(loader="pretend"))
        window = MainWindow(session, Saved(theme="light"))
        made.append((session, window))
        window.resize(1280, 800)
        window.show()
        window.activateWindow()
        until(window.isActiveWindow)
        window.begin(None, None)
        return window

    yield open_it
    for session, window in made:
        end(window)
        session.shut_down()


def test_a_killed_window_that_is_opened_again_shows_the_run_with_its_whole_curve(trainable, open_window):
    arguments = [trainable.root, trainable.models / "word", trainable.datasets / "eight.json"]
    killed = subprocess.Popen(
        [sys.executable, "-c", WINDOW, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    run_id = killed.stdout.readline().strip()
    folder = RunFolder(trainable.runs / run_id)
    wait_until(lambda: len(read_history(folder).steps) >= 25)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    window = open_window()
    window.places.show_place("train")
    until_said(window, "sailor on word")
    page = window.train_desk.place.run
    until(lambda: page._look is not None and len(page._look.curves.step) >= 30)
    seen = len(page._look.curves.step)
    until(lambda: len(page._look.curves.step) > seen + 10)
    look = page._look
    told = read_history(folder).steps[: len(look.curves.step)]
    assert list(look.curves.step) == [done.step for done in told] == list(range(1, len(told) + 1))
    assert list(look.curves.loss) == [done.loss for done in told]
    assert look.state.alive
    assert look.samples[0].text == "Ahoy at 0"
    press(page, "Stop and keep")
    until_said(window, "The run sailor has ended.")
    until(lambda: not page._look.state.alive)
    assert (trainable.loras / "sailor" / "adapter_model.safetensors").is_file()
    assert page._look.state.phase == "stopped"
    assert list(page._look.curves.step) == list(range(1, page._look.state.step + 1))


def test_a_run_from_the_form_to_the_stack(trainable, open_window):
    window = open_window()
    window.places.show_place("train")
    form = window.train_desk.place.form
    until(lambda: form.base._base.count() == 1)
    type_text(find(form, "Training data").lineEdit(), "eight")
    until_said(window, "8 rows to train on")
    type_text(find(form, "Name of the new adapter"), "parrot")
    choose(find(form, "Preset of the training"), "quick-look")
    press(form, "Start training")
    until_said(window, "The run parrot has ended.")
    page = window.train_desk.place.run
    until(lambda: page._look.state.phase == "finished")
    assert "loss" in words(page)
    press(page, "Attach the adapter")
    (row,) = window.stack.rows()
    assert (row.name, row.path) == ("parrot", str(trainable.loras / "parrot"))
