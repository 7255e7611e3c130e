"""`lora-deck` without a command: what it says where no window can open, and what it hands to the window."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.cli import window
from desktop.cli.main import build_parser, main
from desktop.library.home import Home

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, **environment):
    """`lora-deck` as from a shell; an empty value takes the variable away."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-m", "desktop.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={name: value for name, value in env.items() if value},
    )


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there is always a display here")
def test_without_a_display_it_says_so_and_names_another_way(tmp_path):
    done = run("--home", str(tmp_path), DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "lora-deck: There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open. "
        "`lora-deck generate` answers prompts without a window.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the platform's own plugin needs no server")
def test_with_a_display_that_is_not_there_it_says_so(tmp_path):
    done = run("--home", str(tmp_path), DISPLAY=":7654", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    assert done.returncode == 1
    assert "`lora-deck generate` answers prompts without a window." in done.stderr
    assert ":7654" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_pyside_it_says_what_to_install(monkeypatch, capsys, home):
    monkeypatch.setattr(window, "find_spec", lambda name: None)
    assert main([]) == 1
    said = capsys.readouterr().err
    assert "The window needs PySide6, which is not installed: pip install PySide6-Essentials." in said
    assert "`lora-deck generate`" in said


def test_help_names_the_windows_options():
    words = build_parser().format_help()
    for option in ("--model", "--lora", "--loader", "--load-in-8bit", "--load-in-4bit", "--cpu", "--home"):
        assert option in words
    assert "Without a command the window opens" in words


def test_what_is_named_becomes_the_plan(home, tmp_path):
    model = tmp_path / "tiny"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    args = build_parser().parse_args(["--model", str(model), "--load-in-8bit", "--cpu", "--set", "attention=eager"])
    plan = window.plan_from(args, Home.find())
    assert (plan.name, plan.path, plan.bits, plan.device) == (str(model), str(model), 8, "cpu")
    assert plan.settings == {"attention": "eager"}


def test_a_model_that_is_not_there_is_said_before_a_window_opens(home, monkeypatch, capsys):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert main(["--model", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_the_starter_may_be_named_before_it_is_there(home):
    args = argparse.Namespace(**vars(build_parser().parse_args(["--model", "starter"])))
    plan = window.plan_from(args, home)
    assert (plan.name, plan.path) == ("starter", str(home.models / "starter"))
