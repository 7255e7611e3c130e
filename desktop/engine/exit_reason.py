"""Why an engine process ended, in words. "Out of memory" is said only where the system's own counters say so."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec

from .bootstrap import EXIT_MISSING


class OomCounters(msgspec.Struct, frozen=True):
    """How many processes the kernel has killed for want of memory so far; None where it doesn't tell."""

    machine: int | None
    cgroup: int | None

    def grew_since(self, before: OomCounters) -> bool:
        """Whether either counter is higher now."""
        pairs = ((before.machine, self.machine), (before.cgroup, self.cgroup))
        return any(was is not None and now is not None and now > was for was, now in pairs)


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
    said = f" after saying: {last_words}" if last_words else ""
    return f"it ended with status {status}{said}"


def _killed(number: int, out_of_memory: bool) -> str:
    if number == signal.SIGKILL:
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
