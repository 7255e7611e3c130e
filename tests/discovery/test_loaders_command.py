"""`lora-deck loaders`: the listing, `show`, and the ways `setup` refuses. Making an environment: test_loader_setup."""

from __future__ import annotations

import argparse
import sys

import msgspec
import pytest

from desktop.cli import loaders
from desktop.cli.output import CommandError
from desktop.discovery import describer
from desktop.library.settings import Settings, read_settings_file, write_settings_file


@pytest.fixture
def run(home):
    """Run `lora-deck loaders ...` and return its status."""

    def command(*arguments):
        parser = argparse.ArgumentParser()
        parser.add_argument("--home")
        loaders.register(parser.add_subparsers())
        args = parser.parse_args(["loaders", *arguments])
        return args.run(args)

    return command


def test_the_listing_is_the_result_and_a_failed_plugin_is_part_of_it(run, third_party, capsys):
    third_party("stranger", "prints_binary", "broken/lacks_hook")
    assert run() == 0
    out, err = capsys.readouterr()
    assert err == ""
    echo, lacking, loud = out.strip().split("\n\n")
    assert echo.splitlines() == [
        "echo: echo",
        "    runs here",
        "    any number of adapters; a weight for each; taken off without reloading; 16 bits; sampling: greedy",
        "    from stranger 1.0",
        f"    {sys.executable} (the program's own)",
    ]
    assert lacking.splitlines()[:2] == [
        "lacks_hook",
        "    can't be used: The plugin 'lacks_hook' lacks the hook remove_lora. A loader needs all three.",
    ]
    assert loud.startswith("prints_binary: Loud but working")


def test_json_is_one_object_with_everything(run, third_party, capsys):
    third_party("stranger", "broken/fails_at_import")
    assert run("--json") == 0
    listed = msgspec.json.decode(capsys.readouterr().out)
    echo, failed = listed["loaders"]
    assert echo["name"] == "echo"
    assert echo["available"] is True
    assert echo["own_interpreter"] is False
    assert echo["info"]["capabilities"]["many_adapters"] is True
    assert (echo["distribution"], echo["version"], echo["value"]) == ("stranger", "1.0", "echo_loader")
    assert failed["available"] is False
    assert failed["info"] is None
    assert "no luck" in failed["error"]
    assert "Traceback" in failed["detail"]
    assert listed["notes"] == []


def test_a_loader_that_cannot_run_here_says_what_to_do(run, make_plugin, hooks, capsys):
    make_plugin(
        "needy",
        hooks
        + (
            "@hookimpl\ndef describe():\n"
            "    return LoaderInfo(title='Needy', summary='Opens things.', available=False, reason='Put a card in.')\n"
        ),
    )
    assert run() == 0
    assert "needy: Needy\n    Opens things.\n    can't run here: Put a card in.\n" in capsys.readouterr().out


def test_refresh_asks_again(run, third_party, monkeypatch, capsys):
    third_party("stranger")
    started = []
    start = describer.Describer.start
    monkeypatch.setattr(describer.Describer, "start", lambda self: (started.append(1), start(self)))
    for arguments in ((), (), ("--refresh",), ("show", "echo"), ("--refresh", "show", "echo")):
        assert run(*arguments) == 0
    assert len(started) == 3


def test_without_loaders_the_listing_is_empty_and_says_so(run, capsys):
    assert run() == 0
    assert capsys.readouterr() == ("", "No loader is installed. Install LoRA Deck itself again, or a loader plugin.\n")
    assert run("--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out) == {"loaders": [], "notes": []}


SETTINGS = """
from typing import Annotated
import msgspec
from desktop.api import settings_schema

class Settings(msgspec.Struct):
    threads: Annotated[int, msgspec.Meta(ge=1, description="Threads to compute with.")] = 4

@hookimpl
def describe():
    return LoaderInfo(title="Settable", settings=settings_schema(Settings))
"""


def test_show_prints_the_settings(run, make_plugin, hooks, capsys):
    make_plugin("settable", hooks + SETTINGS)
    assert run("show", "settable") == 0
    assert capsys.readouterr().out.endswith(
        "Settings, given as --set KEY=VALUE:\nthreads (default: 4)\n    Threads to compute with.\n"
        "    a whole number, at least 1\n"
    )
    for arguments in (("show", "settable", "--json"), ("--json", "show", "settable")):
        assert run(*arguments) == 0
        shown = msgspec.json.decode(capsys.readouterr().out)
        assert shown["info"]["settings"]["properties"]["threads"]["minimum"] == 1


def test_show_of_a_loader_that_is_not_there_or_failed_is_an_error(run, third_party):
    third_party("stranger", "broken/lacks_hook")
    with pytest.raises(CommandError, match=r"nobody: There is no loader of this name. Loaders here: echo, lacks_hook."):
        run("show", "nobody")
    with pytest.raises(CommandError, match="lacks the hook remove_lora"):
        run("show", "lacks_hook")


def test_setup_records_an_interpreter_that_works_and_goes_back(run, home, third_party, other_interpreter, capsys):
    third_party("stranger")
    write_settings_file(home.settings_file, Settings(loader="echo"))
    assert run("setup", "echo", "--use", other_interpreter) == 0
    assert read_settings_file(home.settings_file) == Settings(loader="echo", interpreters={"echo": other_interpreter})
    assert f"echo now runs in {other_interpreter}" in capsys.readouterr().err
    assert run() == 0
    assert f"    {other_interpreter}\n" in capsys.readouterr().out
    assert run("setup", "echo", "--own") == 0
    assert read_settings_file(home.settings_file) == Settings(loader="echo")
    assert f"{other_interpreter} was left as it is" in capsys.readouterr().err
    assert run("setup", "echo", "--own") == 0
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("echo",), "echo names no requirements file. Give one with --requirements FILE"),
        (("nobody",), "There is no loader of this name. Loaders here: echo."),
        (("echo", "--requirements", "/nowhere/req.txt"), "The requirements file /nowhere/req.txt is not there."),
        (("echo", "--engine", "fast"), "echo names no requirements file. Give one with --requirements FILE"),
        (("echo", "--use", "/nowhere/python"), "There is no interpreter /nowhere/python. Give the path of one"),
        (("echo", "--use", "/bin/true"), "/bin/true is no Python interpreter that works"),
        (("echo", "--own", "--python", "x"), "leave it out with --use and --own"),
    ],
)
def test_setup_refuses_in_words_and_changes_nothing(run, home, third_party, arguments, words):
    third_party("stranger")
    with pytest.raises(CommandError) as error:
        run("setup", *arguments)
    assert words in str(error.value)
    assert not home.settings_file.exists()
    assert not home.engines.exists()


def test_setup_refuses_an_interpreter_that_lacks_what_an_engine_needs(run, home, third_party, empty_interpreter):
    third_party("stranger")
    with pytest.raises(CommandError) as error:
        run("setup", "echo", "--use", empty_interpreter)
    assert "No module named" in str(error.value)
    assert f'{empty_interpreter} -m pip install "msgspec>=0.19" "pluggy>=1.5"' in str(error.value)
    assert not home.settings_file.exists()
