"""`lora-deck` without a command: opens the window, or says in a sentence why it can't."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from importlib.util import find_spec

from desktop.library.home import Home
from desktop.library.settings import read_settings_file
from desktop.session.plans import LoadPlan

from .arguments import load_request_from
from .opening import adapters_from, find_path
from .output import CommandError

WITHOUT = "`lora-deck generate` answers prompts without a window."


def run(args: argparse.Namespace) -> int:
    """Open the window with what the arguments name; without any, with what was there last time."""
    check_display()
    home = Home.find(args.home)
    settings = read_settings_file(home.settings_file)
    rows = adapters_from(args) if args.lora else None
    plan = plan_from(args, home) if args.model else None
    # What is imported stays: to look for garbage among it takes a tenth of the start. `run_window` looks again.
    gc.disable()
    # Here and not above: the window's libraries are imported for the window alone.
    from desktop.app import run_window

    return run_window(home, settings, plan, rows)


def check_display() -> None:
    """Raise CommandError, in a sentence, where no window can be shown."""
    if find_spec("PySide6") is None:
        raise CommandError(
            f"The window needs PySide6, which is not installed: pip install PySide6-Essentials. {WITHOUT}"
        )
    if sys.platform in {"win32", "darwin"} or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise CommandError(
            f"There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open. {WITHOUT}"
        )


def plan_from(args: argparse.Namespace, home: Home) -> LoadPlan:
    """What `--model` and the options beside it ask for. Raises CommandError."""
    path = find_path(args, home)
    request = load_request_from(args, str(path), None)
    return LoadPlan(
        name=args.model,
        path=request.path,
        loader=args.loader or "",
        dtype=request.dtype,
        bits=request.bits,
        device=request.device,
        memory_limits=request.memory_limits,
        settings=request.settings,
        trust_remote_code=request.trust_remote_code,
    )
