"""The contract and the engine stand on msgspec, pluggy and the standard library, and start anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {"desktop", "msgspec", "pluggy"}


def modules_of(package):
    folder = ROOT / package.replace(".", "/")
    for file in sorted(folder.rglob("*.py")):
        yield ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def run(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOADED = """
import importlib, json, sys
sys.modules["typing_extensions"] = None  # msgspec takes it where it is and does without
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name, module in sys.modules.items() if module})))
"""


def foreign(names):
    """Whatever these modules bring in beyond what a bare interpreter has and what is allowed."""
    bare = set(run(LOADED))
    there = set(run(LOADED, *names)) - bare - set(sys.stdlib_module_names)
    return {name for name in there - ALLOWED if not name.startswith("__")}


@pytest.mark.parametrize("package", ["desktop.api", "desktop.engine"])
def test_nothing_foreign_is_imported(package):
    names = list(modules_of(package))
    assert len(names) > 5
    assert foreign(names) == set()


def test_the_contract_does_not_import_the_engine():
    code = "import json, sys, desktop.api\nprint(json.dumps([name for name in sys.modules if 'engine' in name]))"
    assert run(code) == []


WINDOWS = """
import asyncio, importlib, json, os, signal, subprocess, sys, threading, traceback
import msgspec, pluggy, importlib.metadata
for module, names in ((os, ("killpg", "fork", "setsid")), (signal, ("SIGKILL", "SIGBUS", "SIGSTOP", "SIGHUP"))):
    for name in names:
        delattr(module, name)
sys.platform = "win32"
for name in sys.argv[1:]:
    importlib.import_module(name)
from desktop.engine.exit_reason import exit_reason, OomCounters, read_oom_counters
print(json.dumps([exit_reason(status, *[OomCounters(None, None)] * 2, "") for status in (0, 1, 70, 0xC0000005)]))
"""


def test_every_module_can_be_imported_where_there_are_no_signals():
    """As near to Windows as another system gets: the names that Windows lacks are taken away."""
    reasons = run(WINDOWS, *modules_of("desktop.api"), *modules_of("desktop.engine"))
    assert len(set(reasons)) == 4
    assert all(reasons)
