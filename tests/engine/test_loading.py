"""Loading, and what a plugin may do while it loads: every job ends in one way, and the engine outlives a failure."""

from __future__ import annotations

import sys
import threading

import pytest

from desktop.api import GenerateRequest, LoadRequest, ModelInfo
from desktop.engine import wire
from desktop.engine.jobs import EngineGone, JobCancelled, JobFailed
from desktop.engine.messages import LoaderRef, Step
from tests.clocks import at_once
from tests.engine.puppets import SOON, generate, load, log_of, say, start_load, wait_until


def failure_of(job):
    with pytest.raises(JobFailed) as failed:
        job.result(SOON)
    return failed.value.failure


def test_loading_tells_progress_and_then_what_was_loaded(engine):
    job = start_load(engine, "progress('Reading', 0.25)\nprogress('Thinking')")
    assert list(job.events(SOON)) == [Step(job.number, "Reading", 0.25), Step(job.number, "Thinking", None)]
    assert job.result() == ModelInfo(path="/models/puppet", architecture="Puppet", dtype="float32")
    assert job.result().path == "/models/puppet", "asked twice"


def test_not_mine_is_none_and_another_may_be(engine):
    assert load(engine, "return 'not mine'") is None
    assert failure_of(generate(engine, "")).message.startswith("No model is loaded")
    assert load(engine).architecture == "Puppet"


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        ("raise LoaderError('Choose 8 bits.')", "user", "Choose 8 bits."),
        ("raise Unsupported('No GPU here.')", "unsupported", "No GPU here."),
        ("1 / 0", "bug", "unexpectedly: ZeroDivisionError: division by zero"),
        ("raise MemoryError", "user", "not enough memory"),
        ("raise OSError(errno.ENOSPC, 'No space left on device', '/m/x')", "user", "The disk is full (/m/x)"),
        ("sys.exit('enough')", "bug", "SystemExit: enough"),
        ("raise GeneratorExit", "bug", "GeneratorExit"),
        ("input('Which one? ')", "bug", "EOFError"),
        ("return 'a model'", "bug", "load returned str where Model was due"),
        ("model.info = ModelInfo(path=None)", "bug", "ModelInfo that can't be used"),
        ("progress(3)", "bug", "AttributeError"),
        ("progress('half', '50%')", "bug", "ValidationError"),
        (r"raise LoaderError('no file \udcff')", "user", r"no file \udcff"),
        ("raise LoaderError('x' * 70_000_000)", "user", "can't be sent"),
    ],
)
def test_a_failure_is_told_in_words_and_the_engine_goes_on(engine, run, kind, words):
    failure = failure_of(start_load(engine, run))
    assert failure.kind == kind
    assert words in failure.message
    assert load(engine).architecture == "Puppet"


def test_a_bug_comes_with_its_traceback(engine):
    detail = failure_of(start_load(engine, "def helper():\n    1 / 0\nhelper()")).detail
    assert "puppet.py" in detail
    assert "in helper" in detail


def test_a_plugin_that_prints_bytes_and_reads_the_keyboard_disturbs_nobody(engine):
    run = (
        "sys.stdout.buffer.write(bytes(range(256)) * 40)\n"
        "os.write(1, b'\\x00\\x00\\x00\\x05hello')\n"
        "os.system('echo from a child process')\n"
        "progress(repr((sys.stdin.read(), os.read(0, 10))))\n"
    )
    job = start_load(engine, run)
    assert [step.step for step in job.events(SOON)] == ["('', b'')"]
    assert job.result().architecture == "Puppet"
    assert "hello" in log_of(engine)
    assert "from a child process" in log_of(engine)


def test_progress_from_another_thread_keeps_its_frames_whole(engine):
    run = (
        "def tell(n):\n"
        "    for i in range(300): progress(str(n) * 200)\n"
        "threads = [threading.Thread(target=tell, args=(n,)) for n in range(4)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
    )
    steps = [event.step for event in start_load(engine, run).events(SOON)]
    assert sorted(steps) == sorted(str(n) * 200 for n in range(4) for _ in range(300))


def test_a_path_that_is_no_text_is_told_as_it_can_be(engine):
    assert [step.step for step in start_load(engine, r"progress('\udcff.bin')").events(SOON)] == [r"\udcff.bin"]
    failure = failure_of(engine.load(LoadRequest(path="/models/\udcff")))
    assert failure.kind == "user"
    assert "can't be sent to the engine" in failure.message
    assert say(engine, "yield Chunk(text='here')") == "here"


def test_a_prompt_that_is_too_large_fails_and_the_model_stays(loaded, monkeypatch):
    monkeypatch.setattr(wire, "MAX_FRAME", 100_000)
    failure = failure_of(loaded.count_tokens("x " * 100_000))
    assert failure.kind == "user"
    assert "over the limit" in failure.message
    assert loaded.count_tokens("x x").result(SOON) == 2


def test_an_answer_that_is_too_large_fails_and_the_model_stays(loaded):
    from desktop.api import LogitsRequest

    failure = failure_of(loaded.logits(LogitsRequest(prompt="x", last=wire.MAX_FRAME // 4)))
    assert failure.kind == "user"
    assert "Ask for less" in failure.message
    assert len(loaded.logits(LogitsRequest(prompt="x", last=250_000)).result(SOON).data) == 1_000_000


def test_a_second_model_is_refused_and_the_first_stays(loaded):
    job = loaded.load(LoadRequest(path="/models/another"))
    assert "holds a model already" in failure_of(job).message
    assert loaded.loaded.path == "/models/puppet"
    assert say(loaded, "yield Chunk(text='still here')") == "still here"


def test_a_plugin_that_is_not_there(new_engine):
    engine = new_engine("ghost")
    engine.start()
    assert "No module named 'ghost'" in failure_of(start_load(engine)).message
    engine.loader = LoaderRef("puppet", "puppet")
    assert load(engine)


def test_a_load_that_hangs_is_cancelled_by_kill_and_the_engine_starts_again(engine):
    job = start_load(engine, "progress('hanging')\ntime.sleep(3600)")
    assert next(job.events(SOON)).step == "hanging"
    queued = start_load(engine)
    with at_once():
        engine.kill()
    for each in (job, queued):
        with pytest.raises(JobCancelled):
            each.result(SOON)
    assert engine.end_reason == "it was ended on request"
    engine.start()
    assert load(engine)


def test_a_load_that_hangs_and_close(engine, monkeypatch):
    """Nothing ends it in time, so it is killed."""
    job = start_load(engine, "progress('hanging')\ntime.sleep(3600)")
    next(job.events(SOON))
    with at_once():
        engine._life._process.close(grace=0.2)
    with pytest.raises(EngineGone):
        job.result(SOON)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("os._exit(9)", "it ended with status 9"),
        ("os._exit(0)", "it ended by itself"),
        ("print('so long'); os._exit(9)", "it ended with status 9 after saying: so long"),
        ("raise KeyboardInterrupt", "after saying: KeyboardInterrupt"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "a library inside it crashed (SIGSEGV)"),
        ("os.abort()", "a library inside it crashed (SIGABRT)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it was killed from outside (SIGKILL)"),
        ("os.kill(os.getpid(), signal.SIGBUS)", "it lost a file it was reading (SIGBUS)"),
        ("os.closerange(3, 100); time.sleep(0.1); progress('?')", "it ended"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_plugin_that_ends_the_process(engine, run, words):
    jobs = [start_load(engine, run), engine.count_tokens("x")]
    for job in jobs:
        with pytest.raises(EngineGone) as gone:
            job.result(SOON)
        assert words in gone.value.reason
        assert "memory" not in gone.value.reason
        assert words in str(gone.value)
    assert words in engine.end_reason
    with pytest.raises(EngineGone) as late:
        engine.count_tokens("x").result(SOON)
    assert late.value.reason == engine.end_reason
    engine.start()
    assert load(engine)


@pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX")
def test_what_the_engine_forked_ends_with_it_and_does_not_hide_its_end(engine):
    """A fork has the engine's pipe open: without it being killed, the end of the pipe would never come."""
    job = start_load(engine, "child = os.fork()\nif not child: time.sleep(3600)\nprogress(str(child))\nos._exit(9)")
    child = int(next(job.events(SOON)).step)
    with pytest.raises(EngineGone, match="status 9"):
        job.result(SOON)
    wait_until(lambda: not is_running(child))


def is_running(number):
    import psutil

    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_thread_that_would_never_end_does_not_keep_an_interrupted_engine(engine):
    job = start_load(engine, "threading.Thread(target=time.sleep, args=(3600,)).start()\nraise KeyboardInterrupt")
    with pytest.raises(EngineGone):
        job.result(SOON)


def test_every_job_has_one_ending_however_many_ask(loaded):
    """Jobs given by several threads, some cancelled, the process killed in the middle: one ending each."""
    jobs, endings = [], []

    def give():
        for n in range(30):
            job = loaded.generate(GenerateRequest(prompt="for i in range(5): yield Chunk(text='x')"))
            jobs.append(job)
            if n % 3 == 0:
                job.cancel()

    givers = [threading.Thread(target=give) for _ in range(4)]
    for giver in givers:
        giver.start()
    wait_until(lambda: len(jobs) > 40)
    loaded.kill()
    for giver in givers:
        giver.join()
    for job in jobs:
        try:
            job.result(SOON)
            endings.append("finished")
        except JobCancelled:
            endings.append("cancelled")
        except JobFailed:
            endings.append("failed")
        assert job._events.empty(), "something came after the end"
    assert len(endings) == 120
    assert not loaded._life._jobs


def test_the_log_has_a_name_of_its_own_for_every_start(engine, tmp_path):
    engine.kill()
    engine.start()
    assert len(list((tmp_path / "logs").glob("engine-*.log"))) == 2
