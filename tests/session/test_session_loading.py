"""Loading: what is told, what a refusal or a failure leaves, and that a load can always be cancelled."""

from __future__ import annotations

import psutil
import pytest

from desktop.session.plans import LoadPlan, State
from tests.engine.puppets import row
from tests.session.conftest import PROMPTLY, attached, kill, pid_of
from tests.ui.hands import until

HANG = "open('hangs', 'w').close()\ntime.sleep(600)"


@pytest.fixture
def hanging(session, heard, plan, home):
    """The session in the middle of a load that never ends."""
    session.load(plan(HANG))
    until(lambda: (home.logs / "hangs").exists())
    return session


def test_a_model_is_loaded(session, heard, plan):
    session.load(plan())
    assert session.state is State.LOADING
    loaded = heard.wait("model_loaded")
    assert (loaded.plan, loaded.loader_title, loaded.info.architecture) == (plan(), "Puppet", "Puppet")
    assert session.state is State.READY
    assert [state for (state,) in heard.of("state_changed")] == [State.LOADING, State.READY]


def test_the_loaders_are_asked_where_nobody_chose_one(session, heard, plan):
    session.load(plan(loader=""))
    assert heard.wait("model_loaded").loader.name in {"live", "puppet"}


def test_progress_is_told(session, heard, plan):
    session.load(plan("progress('Reading weights', 0.5)"))
    heard.wait("model_loaded")
    assert ("Reading weights", 0.5) in heard.of("progressed")


def test_rows_that_were_there_before_are_attached(session, heard, plan):
    session.set_rows((row("a", 0.5),))
    session.load(plan())
    heard.wait("stack_changed")
    assert attached(session) == [["a", 0.5]]


def test_a_refusal_keeps_the_old_model(loaded, heard, plan):
    before = pid_of(loaded)
    loaded.load(plan(loader="nobody"))
    problem = heard.wait("load_failed")
    assert "There is no loader of this name. Loaders here: live, puppet." in f"{problem.sentence} {problem.detail}"
    assert (loaded.state, pid_of(loaded)) == (State.READY, before)
    assert not heard.of("model_unloaded")


@pytest.mark.parametrize(
    ("run", "said", "detail"),
    [
        ("raise LoaderError('Its weights are cut short. Get it again.')", "Its weights are cut short.", ""),
        ("raise ValueError('ouch')", "ouch", "Traceback"),
        ("os._exit(3)", "The engine stopped: it ended with status 3", ""),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "The engine stopped: a library inside it crashed (SIGSEGV)", ""),
        ("return 'not mine'", "polly is not its own. Choose another model.", ""),
    ],
    ids=["refuses", "raises", "exits", "crashes", "not mine"],
)
def test_a_failure_is_told_in_words_and_the_next_load_works(session, heard, plan, run, said, detail):
    session.set_rows((row("a"),))
    session.load(plan(run))
    problem = heard.wait("load_failed")
    assert said in problem.sentence
    assert detail in problem.detail
    assert problem.can_retry
    assert session.state is State.EMPTY
    session.load(plan())
    heard.wait("stack_changed")
    assert attached(session) == [["a", 1.0]]


def test_a_failure_after_an_old_model_says_that_it_is_gone(loaded, heard, plan):
    loaded.load(plan("raise ValueError('ouch')"))
    heard.wait("load_failed")
    assert (loaded.state, loaded.loaded) == (State.EMPTY, None)
    assert heard.of("model_unloaded")


def test_a_load_that_hangs_can_be_cancelled(hanging, heard, plan):
    pid = pid_of(hanging)
    hanging.cancel()
    heard.wait("load_cancelled", PROMPTLY)
    assert hanging.state is State.EMPTY
    assert not psutil.pid_exists(pid)
    assert not heard.of("load_failed")
    hanging.load(plan())
    heard.wait("model_loaded")


def test_an_engine_killed_while_loading_is_told_promptly(hanging, heard, plan):
    kill(hanging)
    problem = heard.wait("load_failed", PROMPTLY)
    assert "The engine stopped: it was killed from outside (SIGKILL)." in problem.sentence
    assert problem.can_retry
    hanging.load(plan())
    heard.wait("model_loaded")


def test_a_cancel_in_the_first_moment_counts(session, heard, plan):
    session.load(plan(HANG))
    session.cancel()
    heard.wait("load_cancelled")
    assert session.state is State.EMPTY


def test_unloading_gives_the_process_back(loaded, heard):
    pid = pid_of(loaded)
    loaded.unload()
    heard.wait("model_unloaded")
    until(lambda: not psutil.pid_exists(pid))
    assert (loaded.state, loaded.loaded) == (State.EMPTY, None)


def test_a_model_that_is_not_there(session, heard, tmp_path):
    session.load(LoadPlan(name="gone", path=str(tmp_path / "gone"), settings={"run": "open(request_path)"}))
    assert heard.wait("load_failed").sentence
    assert session.state is State.EMPTY


def test_a_warm_engine_is_the_one_that_loads(session, heard, plan):
    session.warm_up("puppet")
    until(lambda: session._driver.client is not None and pid_of(session))
    pid = pid_of(session)
    session.load(plan())
    heard.wait("model_loaded")
    assert pid_of(session) == pid


def test_shutting_down_in_the_middle_leaves_nothing(hanging):
    pid = pid_of(hanging)
    hanging.shut_down()
    assert not psutil.pid_exists(pid)
