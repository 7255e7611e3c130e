"""`lora-deck train` under torchrun: every process comes here, and the first of them keeps the run."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from desktop.engine.child.training import train
from desktop.engine.process import OFFLINE, Launch
from desktop.engine.runs.folder import RunFolder
from desktop.engine.runs.launch import write_task
from desktop.engine.runs.lock import RunLock
from desktop.engine.runs.task import RunTask
from desktop.library.home import Home
from desktop.library.runs.history import read_history
from desktop.library.runs.run_file import RunError
from desktop.library.runs.state import RunState

from .following import Follow
from .output import CommandError, say


class Process(msgspec.Struct, frozen=True):
    """One of the processes that torchrun started."""

    rank: int
    """Among all, from 0."""
    local_rank: int
    """Among those on this machine."""
    count: int

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    def become_engine(self) -> None:
        """Before torch comes: libraries ask no network, and one GPU of the machine's is seen. Raises CommandError."""
        os.environ.update(OFFLINE)
        listed = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        devices = [name.strip() for name in listed.split(",") if name.strip()]
        if devices and self.local_rank >= len(devices):
            raise CommandError(
                f"torchrun started more processes here than CUDA_VISIBLE_DEVICES names devices ({listed}). Start as "
                "many as there are devices, with --nproc-per-node."
            )
        if "CUDA_VISIBLE_DEVICES" not in os.environ or devices:
            os.environ["CUDA_VISIBLE_DEVICES"] = devices[self.local_rank] if devices else str(self.local_rank)

    def refuse_other_interpreter(self, launch: Launch) -> None:
        """Raise CommandError where the loader runs in an interpreter of its own, which torchrun didn't start."""
        if Path(launch.python).absolute() != Path(sys.executable).absolute():
            raise CommandError(
                f"This loader runs in an interpreter of its own ({launch.python}), and torchrun started this one. "
                "Train on one device, without torchrun."
            )


def process_of_torchrun() -> Process | None:
    """This process's place; None where torchrun did not start it, or started it alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    rank, local_rank, count = (int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))
    return Process(rank, local_rank, count) if count > 1 else None


@contextmanager
def home_of(process: Process, home: Home) -> Iterator[Home]:
    """Where the process keeps its run: the first one in the library, each other one in a folder that goes with it."""
    if process.first:
        yield home
        return
    home.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"process-{process.rank}-", dir=home.cache) as folder:
        yield Home(Path(folder))


def keep_run(folder: RunFolder, task: RunTask, *, json: bool) -> RunState:
    """Do the first process's part of a run, here, and show it; how it ended. Raises RunError where another runs it."""
    write_task(folder, task)
    try:
        lock = RunLock(folder.lock)
    except BlockingIOError as error:
        raise RunError(f"The run {folder.id} is running already.") from error
    follow = Follow(folder, json=json)
    follow.skip()
    shown: list[RunState] = []
    # Signals reach the main thread alone, and it is the training that must hear them.
    watcher = threading.Thread(target=lambda: shown.append(follow.run()), name="follow")
    watcher.start()
    try:
        say(f"Run {folder.id}")
        train(folder, f"torchrun-{os.getpid()}")
    finally:
        lock.release()
        watcher.join()
    return shown[0]


def help_run(process: Process, folder: RunFolder, task: RunTask) -> int:
    """Do another process's part: nothing of it is kept. 0 where it went well; what did not is said."""
    folder.root.mkdir(parents=True, exist_ok=True)
    alone = msgspec.structs.replace(task.train, folder=str(folder.root), resume_from="")
    write_task(folder, msgspec.structs.replace(task, train=alone, result_to="", resume_step=0, control_from=0))
    train(folder, f"torchrun-{os.getpid()}")
    ended = read_history(folder).ended
    if ended is None or ended.report is None:
        say(f"Process {process.rank}: {ended.message if ended else 'it said nothing'}")
        return 1
    return 0
