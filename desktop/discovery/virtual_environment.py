"""Makes a virtual environment and installs into it, all or nothing: what fails leaves no folder behind.

A virtual environment can't be moved once it is made, so "build beside it, then rename" is out. Instead every one gets
a new folder, NAME-1, NAME-2, and so on, with a marker inside until it is good. One that works is never touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MARKER = "unfinished-lora-deck-setup"
"""The file that says: made by a setup that has not come to its end."""

OLDEST = (3, 11)
"""The Python that the contract and the engine, which are lent to every interpreter, are written for."""

Tell = Callable[[str], None]


class SetupError(Exception):
    """An interpreter could not be set up; the message says what happened and what to do."""


@contextmanager
def new_folder(engines: Path, name: str) -> Iterator[Path]:
    """A new marked folder for a loader's interpreter; it is removed if the body raises or never calls `finish`.

    Raises SetupError while another setup of the same loader runs.
    """
    # An entry point's name is a stranger's text and must not lead out of the folder.
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".") or "loader"
    try:
        engines.mkdir(parents=True, exist_ok=True)
        lock = (engines / f".{stem}.lock").open("ab")
    except OSError as error:
        words = f"{engines} can't be written to ({error.strerror}). Choose another folder with --home."
        raise SetupError(words) from error
    with lock:
        _lock(lock, name)
        for leftover in engines.glob(f"{stem}-*/{MARKER}"):
            # Ours alone has the marker, and nobody else works on it while we hold the lock. "echo-fast-1" belongs to
            # another loader than "echo", with a lock of its own.
            if leftover.parent.name.removeprefix(f"{stem}-").isdecimal():
                _remove(leftover.parent)
        folder = _claim(engines, stem)
        good = False
        try:
            yield folder
            good = not (folder / MARKER).exists()
        finally:
            if not good:
                _remove(folder)


def finish(folder: Path) -> None:
    """Take the marker away: the environment works."""
    (folder / MARKER).unlink()


def make_environment(folder: Path, python: str, tell: Tell) -> str:
    """Make the environment in an existing folder; returns its interpreter. Raises SetupError."""
    tell(f"Making a virtual environment in {folder}")
    status, lines = _run([python, "-I", "-m", "venv", str(folder)])
    if status:
        raise SetupError(f"{python} could not make a virtual environment in {folder}: {_last_words(lines)}")
    return str(python_in(folder))


def check_python(python: str) -> str:
    """The version of an interpreter, such as "3.11". Raises SetupError if it is too old for an engine or no Python."""
    status, lines = _run([python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    version = lines[-1] if lines else ""
    if status or not re.fullmatch(r"\d+\.\d+", version):
        raise SetupError(f"{python} is no Python interpreter that works: {_last_words(lines)}")
    major, minor = map(int, version.split("."))
    if (major, minor) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise SetupError(f"{python} is Python {version}; an engine needs {needed} or newer. Name another one.")
    return version


def check_can_make_environments(python: str) -> None:
    """Raise SetupError, naming the package to install, where a Python has no `venv`."""
    version = check_python(python)
    status, lines = _run([python, "-I", "-c", "import ensurepip, venv"])
    if status:
        raise SetupError(
            f"{python} can't make virtual environments ({_last_words(lines)}). Install python{version}-venv "
            f"(Debian and Ubuntu: sudo apt install python{version}-venv), or name another Python with --python."
        )


def install(python: str, arguments: Sequence[str], tell: Tell) -> None:
    """Run `pip install` in an environment, telling its output line by line. Raises SetupError."""
    tell("Installing: pip install " + " ".join(arguments))
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    status, lines = _run([python, "-I", "-m", "pip", "install", *options, *arguments], tell)
    if status:
        raise SetupError(
            f"pip could not install the requirements: {_last_words(lines)} "
            "Look at its words above; a version may not exist for this Python or this system, the network may be "
            "down or the disk full. Nothing was kept."
        )


def python_in(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def _claim(engines: Path, stem: str) -> Path:
    number = 1
    while (engines / f"{stem}-{number}").exists():
        number += 1
    folder = engines / f"{stem}-{number}"
    try:
        folder.mkdir()
        (folder / MARKER).touch()
    except OSError as error:
        raise SetupError(f"{folder} can't be made ({error.strerror}).") from error
    return folder


def _remove(folder: Path) -> None:
    """Remove a marked folder, the marker last: what an interrupted removal leaves is still known as rubbish."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != MARKER:
            entry.unlink(missing_ok=True)
    if {entry.name for entry in folder.iterdir()} <= {MARKER}:
        shutil.rmtree(folder, ignore_errors=True)


def _lock(file: BinaryIO, name: str) -> None:
    """Hold the file until it is closed. The system lets go of it when the process dies, however it dies."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SetupError(f"Another setup of {name} is running. Wait until it has ended.") from error


def _quietly(line: str) -> None:
    """Tell nobody."""


def _run(command: Sequence[str], tell: Tell = _quietly) -> tuple[int, list[str]]:
    """Run a command; returns its status and what it said. It ends with us, whatever ends us."""
    # PYTHONPATH would lend the new environment packages that an engine in it won't have.
    kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**kept, "PYTHONUTF8": "1"},
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise SetupError(f"{command[0]} can't be started ({error.strerror}). Is it a Python interpreter?") from error
    with process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                tell(lines[-1])
        except BaseException:
            process.kill()
            raise
    return process.returncode, lines


def _last_words(lines: Sequence[str]) -> str:
    """The line that tells most: pip's last ERROR, else the last line."""
    said = [line.strip() for line in lines if line.strip()]
    errors = [line for line in said if line.startswith("ERROR:")]
    return (errors or said or ["it said nothing"])[-1].removeprefix("ERROR:").strip()
