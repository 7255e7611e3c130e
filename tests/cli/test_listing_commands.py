"""`lora-deck models`, `adapters` and `loaders` through the whole command; their details: tests/library, discovery."""

from __future__ import annotations

import pytest

from tests.library.making import make_adapter, make_model


def test_the_lists_are_what_a_script_can_read(run, home, third_party):
    third_party("stranger")
    make_model(home.models / "llama é🙂")
    make_adapter(home.loras / "a=b", rank=16)
    (home.loras / "broken").mkdir()
    models = run("models", "--json")
    assert (models.status, models.err) == (0, "")
    assert [row["name"] for row in models.json["models"]] == ["llama é🙂"]
    adapters = run("adapters", "--json").json["adapters"]
    assert [(row["name"], row["rank"], bool(row["problem"])) for row in adapters] == [
        ("a=b", 16, False),
        ("broken", 0, True),
    ]
    (loader,) = run("loaders", "--json").json["loaders"]
    assert (loader["name"], loader["available"]) == ("echo", True)


@pytest.mark.parametrize("command", ["models", "adapters"])
def test_the_home_may_stand_before_and_after_the_command(run, tmp_path, command):
    other = tmp_path / "other"
    make_model(other / "models" / "m")
    make_adapter(other / "loras" / "m")
    for arguments in (("--home", other, command), (command, "--home", other)):
        assert "\nm" in run(*arguments).out


@pytest.mark.parametrize("command", ["models", "adapters", "loaders", "generate"])
def test_settings_that_can_t_be_read_are_told_and_left_alone(run, home, echo, command):
    home.root.mkdir()
    home.settings_file.write_text("loader = [")
    arguments = ("--model", echo, "-p", "x") if command == "generate" else ()
    ran = run(command, *arguments)
    assert (ran.status, ran.out) == (1, "")
    assert f"lora-deck: {home.settings_file} can't be used" in ran.err
    assert home.settings_file.read_text() == "loader = ["


@pytest.mark.parametrize("command", ["generate", "models", "adapters", "loaders"])
def test_every_command_has_its_help(run, command):
    ran = run(command, "--help")
    assert ran.status == 0
    assert f"usage: lora-deck {command}" in ran.out


def test_the_version(run):
    assert run("--version").out.startswith("lora-deck ")
