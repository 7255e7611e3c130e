"""Takes the share of the cores that the shell has allotted."""

from __future__ import annotations

import sys
from collections.abc import Callable


class Cores:
    """Tells torch how many threads to use. Must be used on the thread that computes: OpenMP counts per thread."""

    def __init__(self) -> None:
        """Nothing is changed before torch has been imported by a loader."""
        self._default: int | None = None
        self._applied: int | None = None

    def use(self, parts: int) -> None:
        """Use one part in `parts` of the threads torch started with, at least one."""
        torch = sys.modules.get("torch")
        set_threads: Callable[[int], None] | None = getattr(torch, "set_num_threads", None)
        if torch is None or set_threads is None:
            return
        if self._default is None:
            self._default = self._applied = int(torch.get_num_threads())
        wanted = max(1, self._default // parts)
        if wanted != self._applied:
            set_threads(wanted)
            self._applied = wanted
