"""Why an engine process ended, in words. "Out of memory" is said only where the system's own counters say so."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec

from .bootstrap import EXIT_MISSING

WINDOWS_CRASH = 0xC0000000
"""Windows ends a process that crashes with an NTSTATUS of at least this, such as 0xc0000005 for a bad address."""


class OomCounters(msgspec.Struct, frozen=True):
    """How many processes the kernel has killed for want of memory so far; None where it doesn't tell."""

    machine: int | None
    cgroup: int | None

    def grew_since(self, before: OomCounters) -> bool:
        """Whether a process of our cgroup was killed in between; of the whole machine where there is no cgroup v2.

        The cgroup's counter counts the machine's own kills too: where it stood still, somebody else was killed.
        """
        if before.cgroup is not None and self.cgroup is not None:
            return self.cgroup > before.cgroup
        return before.machine is not None and self.machine is not None and self.machine > before.machine


def read_oom_counters() -> OomCounters:
    """Linux: /proc/vmstat and the memory.events of this process's cgroup (v2). Elsewhere: nothing."""
    return OomCounters(_counter(Path("/proc/vmstat"), "oom_kill"), _counter(_cgroup_events(), "oom_kill"))


def exit_reason(status: int, before: OomCounters, now: OomCounters, last_words: str) -> str:
    """One sentence on how the process ended. `status` is Popen.returncode; `last_words` the last line of its log."""
    if status < 0:
        return _killed(-status, now.grew_since(before))
    if status == EXIT_MISSING:
        return last_words or "its interpreter lacks what an engine stands on"
    if status == 0:
        return "it ended by itself"
    if status >= WINDOWS_CRASH:
        return f"a library inside it crashed ({status:#x})"
    said = f" after saying: {last_words}" if last_words else ""
    return f"it ended with status {status}{said}"


def _killed(number: int, out_of_memory: bool) -> str:
    if number == getattr(signal, "SIGKILL", None):
        if out_of_memory:
            return "the system killed it because memory ran out; choose fewer bits, a smaller model or close programs"
        return "it was killed from outside (SIGKILL)"
    if number == getattr(signal, "SIGBUS", None):
        return "it lost a file it was reading (SIGBUS); was the model changed or removed while it was loaded?"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    crashed = number in {signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE}
    return f"a library inside it crashed ({name})" if crashed else f"it was ended from outside ({name})"


def _counter(path: Path | None, name: str) -> int | None:
    if path is None:
        return None
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        return None
    return None


def _cgroup_events() -> Path | None:
    try:
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::"):
                return Path("/sys/fs/cgroup") / line[3:].lstrip("/") / "memory.events"
    except OSError:
        return None
    return None
