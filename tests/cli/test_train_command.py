"""`lora-deck train` with a pretended trainer: from a file of rows to an adapter in the library."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import pytest

from desktop.api import StepDone
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.lock import holder
from desktop.library.runs.run_file import read_run_file
from tests.library.making import make_adapter
from tests.runs_kit import events, kill, make_pretended, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

FAST = ("--set-train", "max_steps=20", "save_every=5", "batch_size=4")


@pytest.fixture
def trainable(home, third_party):
    """A home with a pretended model called `word`, and the trainer for it."""
    third_party("trainer")
    make_pretended(home.models / "word")
    yield home
    for root in home.runs.glob("*"):
        kill(RunFolder(root))
        wait_until(lambda root=root: holder(RunFolder(root).lock) is None)


@pytest.fixture
def dataset(tmp_path):
    """Eight Alpaca rows."""
    rows = [{"instruction": f"Say {n}", "input": "", "output": f"It is {n}."} for n in range(8)]
    path = tmp_path / "data é.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


@pytest.fixture
def train(run, trainable, dataset):
    """`lora-deck train` on them."""

    def command(output, *more):
        return run("train", "--model", "word", "--dataset", dataset, "--output", output, *FAST, *more)

    return command


@pytest.mark.parametrize("name", ["pirate v1.5 (é🙂)..x"])
def test_a_whole_run(train, trainable, name):
    ran = train(name, "--holdout", "2", "--sample", "Ahoy", "--json")
    assert ran.status == 0, ran.err
    lines = [json.loads(line) for line in ran.out.splitlines()]
    kinds = [line["event"]["type"] for line in lines[:-1]]
    assert [kinds[0], kinds[-1]] == ["launched", "ended"]
    assert kinds.count("step") == 20
    assert lines[-1]["result"] == str(trainable.loras / name)
    assert lines[-1]["state"]["phase"] == "finished"
    assert {path.name for path in (trainable.loras / name).iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    run_file = read_run_file(trainable.runs / lines[-1]["id"] / "run.toml")
    assert (run_file.name, run_file.model.name, run_file.settings.max_steps) == (name, "word", 20)
    assert (run_file.record.rows, run_file.record.evaluation_rows) == (6, 2)
    assert run_file.model.loader == "pretend"


def test_an_existing_adapter_is_not_overwritten(train, trainable):
    make_adapter(trainable.loras / "mine")
    ran = train("mine")
    assert (ran.status, ran.out) == (1, "")
    assert "There is an adapter called 'mine' already. Choose another name; nothing is overwritten." in ran.err
    assert not trainable.runs.exists()


@pytest.mark.parametrize("name", ["..", "../up", "a/b", ".hidden", " ", "CON", "x" * 300])
def test_a_name_that_leads_elsewhere_is_refused(train, trainable, name):
    ran = train(name)
    assert ran.status == 1
    assert "name" in ran.err
    assert not trainable.runs.exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--set-train", "rnak=3"), "--set-train rnak=3: write KEY=VALUE with one of rank, alpha,"),
        (("--set-train", "rank=0"), "A training setting can't be used"),
        (("--preset", "best"), "There is no preset 'best': quick-look, standard, thorough."),
        (("--mapping", "instruction"), "--mapping: write it as ROLE=COLUMN"),
        (("--checkpoint", "3"), "--checkpoint goes with --resume ID."),
        (("--resume", "nothing"), "There is no run 'nothing'."),
        (("--continue-from", "nothing"), "There is no adapter 'nothing'."),
        (("--lora", "nothing"), "There is no adapter 'nothing'."),
        (("--trust-remote-code",), "no Python of a model's folder is executed in it."),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(train, trainable, more, sentence):
    ran = train("out", *more)
    assert (ran.status, ran.out) == (1, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert not list(trainable.runs.glob("*"))


def test_a_plan_starts_nothing(train, trainable):
    ran = train("out", "--plan", "--holdout", "2")
    assert ran.status == 0, ran.err
    assert ran.out.splitlines() == [
        "rows: 6, 1 cut, 0 without anything to learn",
        ran.out.splitlines()[1],
        "steps: 20",
        "numbers to learn: 16",
        "memory: about 2.0 MB",
    ]
    assert "A plan is not a run." in ran.err
    assert not list(trainable.runs.glob("*"))


def test_bad_data_leaves_no_run(run, trainable, tmp_path):
    (tmp_path / "bad.json").write_text('[{"instruction": "a", "output": "b"}, {"instruction": 3, "output": ""}]')
    ran = run("train", "--model", "word", "--dataset", tmp_path / "bad.json", "--output", "out")
    assert ran.status == 1
    assert "row 2" in ran.err
    assert not list(trainable.runs.glob("*"))


def test_detached_and_told_to_stop(train, run, trainable):
    ran = train("out", "--detach", "--set", "pace=0.02", "--set-train", "max_steps=5000")
    assert ran.status == 0
    name = ran.out.strip()
    folder = RunFolder(trainable.runs / name)
    assert run("runs", name[:-1], "--json").json["run"]["phase"] in {"preparing", "running"}
    assert run("train", "--resume", name).err.startswith(f"lora-deck: The run {name} is running")
    assert run("runs", "save", name).status == 0
    assert run("runs", "stop", name).status == 0
    watched = run("runs", "watch", name, "--json")
    assert watched.status == 0
    assert '"stopped"' in watched.out
    assert (trainable.loras / "out").is_dir()
    assert "is not running" in run("runs", "stop", name).err
    shown = run("runs", name)
    assert shown.out.startswith(f"{name}: stopped\n")
    assert len(events(folder)) > 5


def test_an_earlier_runs_file_killed_and_resumed_gives_the_same_bytes(train, run, trainable):
    first = json.loads(train("one", "--json").out.splitlines()[-1])
    mishap = "if step == 13 and not os.path.exists('again'): os.kill(os.getpid(), 9)"
    ran = run("train", trainable.runs / first["id"] / "run.toml", "--output", "two", "--set", f"mishap={mishap}")
    assert ran.status == 1
    assert "The engine is gone: it was killed from outside (SIGKILL), at step 12." in ran.err
    assert "The last checkpoint is step 10;" in ran.err
    assert "loses 2 steps." in ran.err
    assert not (trainable.loras / "two").exists()
    (name,) = (path.name for path in trainable.runs.glob("*two"))
    (trainable.runs / name / "again").touch()
    assert run("train", "--resume", name).status == 0
    weights = [(trainable.loras / one / "adapter_model.safetensors").read_bytes() for one in ("one", "two")]
    assert weights[0] == weights[1]
    listed = run("runs", "--json").json["runs"]
    assert [entry["name"] for entry in listed] == ["two", "one"]
    assert len({entry["rows_hash"] for entry in listed}) == 1
    again = run("train", "--like", first["id"], "--output", "one")
    assert "There is an adapter called 'one' already." in again.err


def test_resuming_is_refused_where_something_changed(train, run, trainable):
    assert train("out", "--set", "mishap=if step == 13: raise MemoryError").status == 1
    (root,) = trainable.runs.iterdir()
    folder = RunFolder(root)
    rows = folder.rows.read_bytes()
    folder.rows.write_bytes(rows.replace(b"Say 1", b"Say 2"))
    assert f"The rows of {root.name} were changed since it began." in run("train", "--resume", root.name).err
    folder.rows.write_bytes(rows)
    text = folder.run_file.read_text(encoding="utf-8")
    folder.run_file.write_text(text.replace("rank = 16", "rank = 8"), encoding="utf-8")
    assert "rank was 16 and is 8. Put it back" in run("train", "--resume", root.name).err
    folder.run_file.write_text(text.replace('dtype = "auto"', 'dtype = "float32"'), encoding="utf-8")
    assert (
        "The base is to be held in another way: dtype was auto and is float32."
        in run("train", "--resume", root.name).err
    )
    folder.run_file.write_text(text, encoding="utf-8")
    assert (
        "no whole checkpoint of step 7. There are: 5, 10."
        in run("train", "--resume", root.name, "--checkpoint", "7").err
    )
    config = trainable.models / "word" / "config.json"
    config.write_text(config.read_text().replace("64", "65"))
    assert "The base model word is another than when" in run("train", "--resume", root.name).err
    assert len(list(trainable.runs.iterdir())) == 1


def test_a_command_that_is_killed_leaves_its_run_going(run, trainable, dataset):
    command = [sys.executable, "-m", "desktop.cli.main", "train", "--model", "word", "--dataset", str(dataset)]
    command += ["--output", "out", *FAST, "--set", "pace=0.01", "--set-train", "max_steps=150"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (root,) = wait_until(lambda: list(trainable.runs.glob("*")))
    wait_until(lambda: events(RunFolder(root), StepDone))
    process.kill()
    process.wait(30)
    assert run("runs", "watch", root.name, "--json").status == 0
    told = run("runs", root.name, "--json").json
    assert told["run"]["phase"] == "finished"
    assert [step["step"] for step in told["steps"]] == list(range(1, 151))
    assert (trainable.loras / "out").is_dir()


def test_ctrl_c_stops_and_keeps(trainable, dataset):
    command = [sys.executable, "-m", "desktop.cli.main", "train", "--model", "word", "--dataset", str(dataset)]
    command += ["--output", "out", *FAST, "--set", "pace=0.02", "--set-train", "max_steps=5000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr))
    reader.start()
    wait_until(lambda: any("step" in line for line in lines[2:]))
    process.send_signal(signal.SIGINT)
    out = process.stdout.read()
    process.wait(30)
    reader.join(5)
    process.stdout.close()
    process.stderr.close()
    assert process.returncode == 0, lines
    assert out.strip() == str(trainable.loras / "out")
    assert any("keeping what was learnt" in line for line in lines)
