"""A plugin may raise, hang, exit or shout: it is listed with its error in words, and the others go on."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from desktop.discovery.describer import Describer, StartError
from desktop.discovery.entry_points import registered_loaders
from desktop.discovery.interpreters import lent_packages
from desktop.engine.jobs import JobCancelled
from desktop.engine.process import Launch
from tests.clocks import at_once


@pytest.fixture
def describer(home):
    """Made when called, with what the registered loaders are lent."""
    made = []

    def make(python=sys.executable, deadline=10.0):
        packages = {name: place for ref in registered_loaders().loaders for name, place in lent_packages(ref).items()}
        made.append(Describer(Launch(python, packages), home.logs, deadline))
        return made[-1]

    yield make
    for one in made:
        one.close()


def described(one):
    return {ref.name: one.describe(ref) for ref in registered_loaders().loaders}


def test_broken_plugins_are_listed_with_their_error_and_stop_nobody(third_party, describer):
    third_party(
        "stranger",
        "prints_binary",
        *(f"broken/{name}" for name in ("exits", "fails_at_import", "hangs", "lacks_hook", "wrong_hooks")),
    )
    found = described(describer(deadline=1.5))
    assert found["echo"].info.title == "echo"
    assert found["prints_binary"].info.title == "Loud but working"
    assert not found["echo"].error + found["prints_binary"].error
    assert all(one.interpreter == sys.executable for one in found.values())

    errors = {name: one.error for name, one in found.items() if one.info is None}
    assert errors["exits"] == (
        "It ended the process it was loaded in (it ended with status 3). Update or uninstall it."
    )
    assert errors["hangs"].startswith("It gave no answer within 1.5 seconds and was stopped.")
    assert "lora-deck loaders --refresh" in errors["hangs"]
    assert errors["lacks_hook"] == "The plugin 'lacks_hook' lacks the hook remove_lora. A loader needs all three."
    assert "Argument(s) {'progres'} are declared in the hookimpl" in errors["wrong_hooks"]
    assert "RuntimeError: no luck on the" in errors["fails_at_import"]
    assert "\x1b" not in errors["fails_at_import"]
    assert "fails_at_import.py" in found["fails_at_import"].detail
    assert set(errors) == {"exits", "hangs", "lacks_hook", "wrong_hooks", "fails_at_import"}


def test_hooks_that_print_binary_do_not_disturb_the_answers(third_party, describer):
    third_party("prints_binary")
    one = describer()
    (ref,) = registered_loaders().loaders
    assert one.describe(ref).info.title == "Loud but working"
    assert one.probe(ref, Path("/models/a.loud")).fits
    assert one.probe(ref, Path("/models/a.quiet")).reason == "It reads .loud files."


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import sys; sys.exit('done here')", "SystemExit: done here"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("def", "SyntaxError"),
        ("from desktop.api import LoaderError\nraise LoaderError('Plug in the device.')", "Plug in the device."),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "a library inside it crashed (SIGSEGV)"),
        ("import os; os.closerange(3, 64)", "It ended the process it was loaded in"),
        ("import desktop.cli.output", "desktop.cli"),
    ],
)
def test_ways_to_fail_at_import(make_plugin, describer, source, words):
    if "SIGSEGV" in source and sys.platform == "win32":
        pytest.skip("signals are POSIX")
    make_plugin("failing", source)
    error = described(describer())["failing"].error
    assert words in error


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("'a title'", "describe returned str where LoaderInfo was due"),
        ("LoaderInfo(title=5)", "Its answer is no proper LoaderInfo: Expected `str`, got `int`"),
        ("LoaderInfo(title='x', settings={'a': object()})", "object can't be sent"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_wrong_answers_are_told(make_plugin, describer, hooks, answer, words):
    make_plugin("odd", f"{hooks}\n@hookimpl\ndef describe():\n    return {answer}\n")
    assert words in described(describer())["odd"].error


def test_a_crash_by_a_plugin_asked_before_is_not_blamed_on_the_next(make_plugin, describer, hooks):
    later = "import os, threading\nthreading.Timer(0.5, os._exit, (9,)).start()\n"
    make_plugin("a_time_bomb", hooks + later)
    make_plugin("innocent", hooks + "import time\ntime.sleep(1)\n")
    found = described(describer())
    assert not found["a_time_bomb"].error
    assert not found["innocent"].error


def test_a_probe_that_hangs_is_a_refusal_and_the_next_probe_is_answered(make_plugin, describer, hooks):
    source = hooks + (
        "@hookimpl\ndef probe(path):\n    import time\n    time.sleep(3600 * (path.name == 'slow'))\n"
        "    return Verdict(fits=True)\n"
    )
    make_plugin("dozing", source)
    one = describer(deadline=1.0)
    (ref,) = registered_loaders().loaders
    refused = one.probe(ref, Path("/models/slow"))
    assert not refused.fits
    assert "no answer within 1 seconds" in refused.reason
    assert one.probe(ref, Path("/models/fast")).fits


def test_what_a_plugin_forked_does_not_keep_the_describer_from_closing(make_plugin, describer, hooks):
    if sys.platform == "win32":
        pytest.skip("fork is POSIX")
    make_plugin("forks", hooks + "import os, time\nif os.fork() == 0:\n    time.sleep(3600)\n")
    one = describer()
    assert not described(one)["forks"].error
    with at_once():
        one.close()


def test_an_interpreter_that_is_not_there_is_no_fault_of_the_plugin(third_party, describer):
    third_party("stranger")
    one = describer(python="/nowhere/python")
    (ref,) = registered_loaders().loaders
    for _ in range(2):
        with pytest.raises(StartError, match="/nowhere/python can't be started \\(No such file or directory\\)"):
            one.describe(ref)
    assert "can't be started" in one.probe(ref, Path("/models/x")).reason


def test_an_interpreter_without_msgspec_says_so(third_party, describer, empty_interpreter):
    third_party("stranger")
    (ref,) = registered_loaders().loaders
    with pytest.raises(StartError, match=r"No module named '(msgspec|pluggy)'"):
        describer(python=empty_interpreter).describe(ref)


def test_closing_from_another_thread_ends_a_question_that_waits(third_party, describer):
    third_party("broken/hangs")
    one = describer(deadline=3600)
    (ref,) = registered_loaders().loaders
    threading.Timer(0.7, one.close).start()
    with at_once(), pytest.raises(JobCancelled):
        one.describe(ref)
    with pytest.raises(JobCancelled):
        one.describe(ref)
