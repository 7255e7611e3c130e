"""A loader that fails when it is told to, in every way a hook can, and whose state can be looked at."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from desktop.api import AttachReceipt, LoaderError, hookimpl, hookspecs
from desktop.api.hookspecs import PROJECT
from desktop.engine.child.plugins import Plugin
from desktop.engine.messages import LoaderRef

OUTCOMES = ("ok", "refuse", "bug before", "bug after", "bad receipt", "exit")
"""What a hook may do; "after" means that the model has changed by then."""


class Flaky:
    """Keeps [id, path, effective weight] rows in the order of attaching. `plan` says how the next calls go."""

    def __init__(self, plan: Iterable[str] = ()):
        self.rows = []
        self.plan = list(plan)
        self.calls = []
        self.failures = 0
        self.moved_by_a_bug = False
        self._halves = set()

    @hookimpl
    def load(self, request, progress):
        raise NotImplementedError

    @hookimpl
    def apply_lora(self, model, lora):
        self.calls.append(("apply", lora.id))
        outcome = self._next()
        self._fail_early(outcome)
        present = [row for row in self.rows if row[0] == lora.id]
        if present:
            assert present[0][1] == lora.path, "attached over another adapter"
            present[0][2] = lora.effective_weight
        else:
            self.rows.append([lora.id, lora.path, lora.effective_weight])
        if outcome in ("bug after", "bad receipt"):
            self.failures += 1
            if not present:
                self._halves.add(lora.id)
            if outcome == "bug after":
                raise RuntimeError("bug after")
            return None
        return AttachReceipt(id=lora.id, name=lora.name, weight=lora.effective_weight)

    @hookimpl
    def remove_lora(self, model, lora):
        self.calls.append(("remove", lora.id))
        # Taking back what a bug has half attached is the one thing that must not fail: nobody could tell.
        outcome = "ok" if lora.id in self._halves else self._next()
        self._halves.discard(lora.id)
        self._fail_early(outcome)
        places = [row[0] for row in self.rows]
        del self.rows[places.index(lora.id)]
        if outcome == "bug after":
            self.failures += 1
            self.moved_by_a_bug = True
            raise RuntimeError("bug after")

    def _next(self):
        return self.plan.pop(0) if self.plan else "ok"

    def _fail_early(self, outcome):
        errors = {"refuse": LoaderError("no"), "bug before": KeyError("bug before"), "exit": SystemExit("enough")}
        if outcome in errors:
            self.failures += 1
            raise errors[outcome]


class FlakyAtOnce(Flaky):
    """The same with `set_stack`."""

    @hookimpl
    def set_stack(self, model, loras):
        self.calls.append(("set", *(lora.id for lora in loras)))
        outcome = self._next()
        self._fail_early(outcome)
        self.rows = [[lora.id, lora.path, lora.effective_weight] for lora in loras]
        if outcome == "bug after":
            self.failures += 1
            self.rows = self.rows[: len(self.rows) // 2]
            raise RuntimeError("half way")
        if outcome == "bad receipt":
            self.failures += 1
            return None
        return [AttachReceipt(id=lora.id, name=lora.name, weight=lora.effective_weight) for lora in loras]


def plugin_of(loader):
    """The engine's handle on a loader that stands in this process."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(loader)
    return Plugin(manager, loader, LoaderRef("flaky", "flaky"))
