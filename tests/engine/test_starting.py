"""An engine starts in any interpreter, with our contract and nothing else of ours, or says why it can't."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from desktop.api import LoaderInfo
from desktop.engine import connection
from desktop.engine.connection import new_number
from desktop.engine.jobs import EngineGone, Job, JobFailed
from desktop.engine.messages import Describe
from desktop.engine.process import Launch
from tests.engine.puppets import SOON, load, log_of, say, wait_until

ROOT = Path(__file__).resolve().parents[2]


def interpreter(tmp_path, script):
    """Something to be run in place of Python."""
    file = tmp_path / "python"
    file.write_text(f"#!{sys.executable}\n{script}\n")
    file.chmod(0o755)
    return Launch(str(file))


def fails_to_start(engine):
    with pytest.raises(EngineGone) as gone:
        engine.start()
    assert engine.end_reason == gone.value.reason
    assert engine.pid is None
    return gone.value.reason


def test_it_says_hello_and_has_a_number_of_its_own(new_engine):
    engine = new_engine()
    assert engine.pid is None
    engine.start()
    assert engine.pid not in (None, os.getpid())
    assert not engine.end_reason
    os.kill(engine.pid, 0)


def test_close_lets_it_end_by_itself_and_collects_it(loaded):
    number = loaded.pid
    loaded.close()
    assert loaded.pid is None
    assert loaded.end_reason == "it was ended on request"
    assert "puppet: closed" in log_of(loaded)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    loaded.close()
    loaded.kill()


def test_starting_what_runs_is_refused_and_does_no_harm(loaded):
    with pytest.raises(RuntimeError, match="runs already"):
        loaded.start()
    assert say(loaded, "yield Chunk(text='here')") == "here"


def test_an_interpreter_that_is_not_there(new_engine):
    engine = new_engine(launch=Launch("/nowhere/python"))
    assert fails_to_start(engine) == "/nowhere/python can't be started (No such file or directory)"
    with pytest.raises(EngineGone, match="can't be started"):
        engine.count_tokens("x").result(SOON)


def test_a_folder_for_logs_that_can_not_be_made_is_named(new_engine, tmp_path):
    (tmp_path / "logs").write_text("in the way")
    assert str(tmp_path / "logs") in fails_to_start(new_engine())


def test_an_engine_that_was_not_started_takes_no_job(new_engine):
    with pytest.raises(EngineGone, match="not been started"):
        new_engine().count_tokens("x").result(SOON)


def test_an_interpreter_without_msgspec_is_told_in_a_sentence(new_engine, tmp_path):
    # -I -S: the standard library alone, whatever this machine has installed.
    bare = interpreter(
        tmp_path, "import os, sys\nos.execv(sys.executable, [sys.executable, '-I', '-S', *sys.argv[1:]])"
    )
    reason = fails_to_start(new_engine(launch=bare))
    assert reason.startswith(f"The interpreter {sys.executable} can't run an engine: No module named ")


def test_a_python_that_is_too_old_is_told_in_a_sentence(new_engine, tmp_path, monkeypatch):
    old = tmp_path / "old"
    old.mkdir()
    (old / "msgspec.py").write_text("not Python of this age\n")
    monkeypatch.setenv("PYTHONPATH", str(old))
    engine = new_engine()
    assert "can't run an engine: invalid syntax" in fails_to_start(engine)
    assert "Traceback" in log_of(engine)


def test_an_interpreter_that_talks_nonsense(new_engine, tmp_path):
    silly = interpreter(tmp_path, "print('Welcome to my shell!', flush=True)\nimport time\ntime.sleep(60)")
    assert "it sent something that can't be read" in fails_to_start(new_engine(launch=silly))


def test_an_interpreter_that_says_nothing_is_given_up(new_engine, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "START_TIMEOUT", 0.3)
    engine = new_engine(launch=interpreter(tmp_path, "import time\ntime.sleep(60)"))
    assert fails_to_start(engine).endswith("python said nothing for 0 seconds")


def test_another_protocol_is_refused_in_words(new_engine, monkeypatch):
    monkeypatch.setattr(connection, "PROTOCOL", 7)
    engine = new_engine()
    assert fails_to_start(engine) == "it speaks protocol 1, this program 7; install both anew"
    with pytest.raises(EngineGone, match="speaks protocol 1"):
        engine.count_tokens("x").result(SOON)


def test_of_this_program_only_the_contract_and_the_engine_are_lent(loaded):
    told = say(
        loaded,
        "import importlib\n"
        "for name in ('api', 'api.checkpoints', 'engine.wire', 'library', 'library.home', 'discovery', 'cli'):\n"
        "    try:\n"
        "        importlib.import_module(f'desktop.{name}')\n"
        "        yield Chunk(text=f'{name} ')\n"
        "    except ModuleNotFoundError as error:\n"
        "        assert 'is not lent to an engine' in str(error), error\n",
    )
    assert told.split() == ["api", "api.checkpoints", "engine.wire"]


def test_the_users_working_directory_is_not_on_the_path(new_engine, tmp_path, monkeypatch):
    desk = tmp_path / "desk"
    desk.mkdir()
    for name in ("json", "torch", "msgspec", "puppet", "desktop", "colorsys"):
        (desk / f"{name}.py").write_text("raise SystemExit('the file of the user was imported')\n")
    monkeypatch.chdir(desk)
    engine = new_engine()
    engine.start()
    load(engine)
    told = say(engine, "import colorsys\nyield Chunk(text='|'.join([os.getcwd(), colorsys.__file__, *sys.path]))")
    here, module, *path = told.split("|")
    assert Path(here) == tmp_path / "logs"
    assert module.startswith(sysconfig.get_path("stdlib"))
    assert str(desk) not in path
    assert "" not in path


def test_the_engines_own_folder_is_not_on_the_path(loaded):
    path = say(loaded, "yield Chunk(text='|'.join(sys.path))").split("|")
    assert str(ROOT / "desktop" / "engine") not in path


def test_it_is_offline(loaded):
    assert say(loaded, "yield Chunk(text=os.environ['HF_HUB_OFFLINE'] + os.environ['TRANSFORMERS_OFFLINE'])") == "11"


def test_warming_imports_the_modules_and_tells_of_each(engine):
    steps = [(step.step, step.fraction) for step in engine.warm().events(SOON)]
    assert steps == [("Importing this_is_warm", 0.0), ("Importing colorsys", 0.5)]
    load(engine)
    assert say(engine, "yield Chunk(text=str('this_is_warm' in sys.modules))") == "True"


def test_what_is_not_warmed_is_not_imported(loaded):
    assert say(loaded, "yield Chunk(text=str('this_is_warm' in sys.modules))") == "False"


def test_describe_and_a_plugin_that_is_not_there(engine):
    job = Job(new_number(), LoaderInfo, engine.cancel)
    engine.ask(Describe(job=job.number, loader=engine.loader), job)
    assert job.result(SOON).title == "Puppet"
    job = Job(new_number(), LoaderInfo, engine.cancel)
    missing = type(engine.loader)("ghost", "ghost.plugin")
    engine.ask(Describe(job=job.number, loader=missing), job)
    with pytest.raises(JobFailed, match="No module named 'ghost'"):
        job.result(SOON)


def test_engines_do_not_share_pipes(new_engine):
    """Each one sees the end of its own pipe, though the other was started meanwhile."""
    one, two = new_engine(), new_engine()
    one.start()
    two.start()
    one.close()
    assert one.end_reason == "it was ended on request"
    load(two)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists them")
def test_no_file_stays_open_and_nobody_is_left_uncollected(new_engine):
    def open_files():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    engine = new_engine()
    before = open_files()
    for end in (engine.close, engine.kill, lambda: os.kill(engine.pid, 9)) * 3:
        engine.start()
        end()
        wait_until(lambda: engine.end_reason)
        engine.kill()
    assert open_files() == before
