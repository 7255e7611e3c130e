"""`lora-deck loaders setup`: gives a loader an interpreter of its own, or takes it back into the program's own.

Nothing is recorded before the loader has described itself in the new interpreter and says that it can run there.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import msgspec

from desktop.engine.messages import LoaderRef
from desktop.engine.process import Launch
from desktop.library.home import Home
from desktop.library.settings import Settings, read_settings_file, write_settings_file

from .describer import Describer, Found, StartError
from .interpreters import lent_packages, package_folder
from .virtual_environment import (
    SetupError,
    Tell,
    check_can_make_environments,
    check_python,
    finish,
    install,
    make_environment,
    new_folder,
    python_in,
)

BASE = ("msgspec>=0.19", "pluggy>=1.5")
"""What an engine stands on in any interpreter, in the versions pyproject.toml asks for."""

CHECK_DEADLINE = 60.0
"""Seconds for the first describe in a new interpreter; nothing there is compiled to bytecode or in memory yet."""


class Environment(msgspec.Struct, frozen=True):
    """What a new interpreter is made from."""

    requirements: Path
    python: str = sys.executable
    """The Python the virtual environment is made with."""


def make_interpreter(home: Home, ref: LoaderRef, environment: Environment, tell: Tell) -> Found:
    """Make a virtual environment for a loader and record it. Raises SetupError; then nothing is left or changed."""
    if not environment.requirements.is_file():
        raise SetupError(f"The requirements file {environment.requirements} is not there.")
    python = resolved_python(environment.python)
    check_can_make_environments(python)
    with new_folder(home.engines, ref.name) as folder:
        own = make_environment(folder, python, tell)
        install(own, ["-r", str(environment.requirements.absolute()), *BASE], tell)
        tell("Checking that the loader runs there")
        found = check(home, ref, own)
        finish(folder)
        _record(home, ref.name, own)
    return found


def use_interpreter(home: Home, ref: LoaderRef, interpreter: str) -> Found:
    """Record an existing interpreter for a loader. Raises SetupError if the loader can't run there."""
    python = resolved_python(interpreter)
    check_python(python)
    found = check(home, ref, python)
    _record(home, ref.name, python)
    return found


def use_own(home: Home, name: str) -> str:
    """Let a loader run in the program's own interpreter again; returns the one recorded before, or ""."""
    before = _settings(home).interpreters.get(name, "")
    if before:
        _record(home, name, "")
    return before


def check(home: Home, ref: LoaderRef, python: str) -> Found:
    """Describe the loader in an interpreter. Raises SetupError unless it can run there."""
    describer = Describer(Launch(python, lent_packages(ref)), home.logs, CHECK_DEADLINE)
    try:
        found = describer.describe(ref)
    except StartError as failure:
        base = " ".join(f'"{package}"' for package in BASE)
        raise SetupError(
            f"{ref.name} can't run in {python}. {failure} If it lacks something, install it there: "
            f"{python} -m pip install {base}"
        ) from failure
    finally:
        describer.close()
    if found.info is None:
        raise SetupError(f"{ref.name} can't run in {python}: {found.error}")
    if not found.info.available:
        raise SetupError(f"{ref.name} can't run in {python}: {found.info.reason or 'it does not say why.'}")
    return found


def requirements_of(found: Found, engine: str = "") -> Path:
    """The requirements file a loader names, or the one beside it for an engine by name (requirements-ENGINE.txt).

    Raises SetupError where there is none.
    """
    name = found.ref.name
    other = "Give one with --requirements FILE, or an interpreter that has everything with --use INTERPRETER."
    if found.info is None:
        raise SetupError(f"{name} can't say what it needs: {found.error} {other}")
    package, _, inside = found.info.requirements.partition("/")
    if not inside:
        raise SetupError(f"{name} names no requirements file. {other}")
    folder = package_folder(package)
    if engine:
        inside = Path(inside).with_name(f"requirements-{engine}.txt").as_posix() if engine.isidentifier() else ""
    file = (folder / inside).resolve() if folder else None
    if engine and (file is None or not file.is_file()):
        raise SetupError(f"{name} has no requirements file for an engine {engine}. {other}")
    if folder is None or file is None or not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise SetupError(f"{name} names the requirements file {found.info.requirements}, which is not there. {other}")
    return file


def resolved_python(given: str) -> str:
    """The absolute path of an interpreter: a path, the folder of an environment, or a command such as python3.11.

    Links are kept: the link is what makes an environment's interpreter know its environment.
    """
    path = Path(given).expanduser()
    if path.is_dir():
        path = python_in(path)
    command = shutil.which(str(path))
    if command is None:
        raise SetupError(f"There is no interpreter {given}. Give the path of one, for example /usr/bin/python3.11.")
    return str(Path(command).absolute())


def _settings(home: Home) -> Settings:
    return read_settings_file(home.settings_file)


def _record(home: Home, name: str, python: str) -> None:
    settings = _settings(home)
    interpreters = {key: value for key, value in settings.interpreters.items() if key != name}
    if python:
        interpreters[name] = python
    try:
        write_settings_file(home.settings_file, msgspec.structs.replace(settings, interpreters=interpreters))
    except OSError as error:
        raise SetupError(f"{home.settings_file} can't be written ({error.strerror}).") from error
