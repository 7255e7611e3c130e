"""A screen of its own for each process of a test run: two windows on one screen take the keyboard from each other."""

from __future__ import annotations

import os
import shutil
import subprocess

SIZE = "1920x1200x24"


class OwnScreen:
    """Xvfb on the next free display, or Qt's offscreen platform where there is no Xvfb."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Make it the screen of this process and its children."""
        program = shutil.which("Xvfb")
        if not program:
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
            return
        reads, writes = os.pipe()
        command = [program, "-displayfd", str(writes), "-screen", "0", SIZE, "-nolisten", "tcp"]
        self._server = subprocess.Popen(command, pass_fds=(writes,), stderr=subprocess.DEVNULL)
        os.close(writes)
        with os.fdopen(reads) as told:
            number = told.readline().strip()
        if not number:
            raise RuntimeError(f"{program} has opened no display")
        os.environ["DISPLAY"] = f":{number}"

    def close(self) -> None:
        """End the server, with whatever is shown on it."""
        if self._server:
            self._server.terminate()
            self._server.wait()
