"""`python -m desktop.library.hub.child`: a download or a search in a process that may be killed at any moment.

One line with a Task or a Search comes on standard input; events go to standard output, a JSON object a line. When
standard input ends, so does the process: whoever started it has stopped it, or is gone.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO

import msgspec

from .events import Failed, Search, Started, Task, Told, encoder
from .problems import HubError

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_VERBOSITY": "critical"}


def main() -> int:
    """Do one task; 0 if everything that was wanted is there."""
    out = _take_output()
    lock = threading.Lock()

    def tell(event: Told) -> None:
        with lock:
            try:
                out.write(encoder.encode(event) + b"\n")
                out.flush()
            except (BrokenPipeError, OSError):
                os._exit(3)

    tell(Started(pid=os.getpid()))
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task | Search)
    threading.Thread(target=_end_with_input, name="input", daemon=True).start()
    os.environ.update(QUIET)
    # Only now, because they read the environment and take half a second.
    from .http_words import in_words
    from .job import run, run_search

    what = ("the search", "main") if isinstance(task, Search) else (task.repo, task.revision)
    try:
        if isinstance(task, Search):
            run_search(task, tell)
        else:
            run(task, tell)
    except Exception as error:
        problem = error if isinstance(error, HubError) else in_words(error, *what)
        tell(Failed(kind=problem.kind, message=str(problem)))
        return 1
    return 0


def _take_output() -> BinaryIO:
    """Standard output for events alone: what a library prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


if __name__ == "__main__":
    # No tidying up: threads may still wait for a network that doesn't answer.
    status = main()
    sys.stdout.flush()
    os._exit(status)
