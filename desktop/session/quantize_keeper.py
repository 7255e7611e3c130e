"""Quantises a model in an engine of its own, so that what is prompted goes on; one model at a time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import LoaderError, QuantizeReport
from desktop.discovery.choice import Choice
from desktop.discovery.loaders import Loaders
from desktop.engine.client import EngineClient
from desktop.engine.governor import Governor
from desktop.engine.jobs import EngineGone, Job, JobCancelled
from desktop.library.home import Home

from .lane import Lane
from .opening import fitting_choices, open_model
from .plans import LoadPlan, Problem
from .problems import IN_WORDS, bug_from, problem_from
from .quantize_plans import Quantized, QuantizeLook, QuantizePlan
from .streaming import follow_steps

PATIENCE = 3000
"""Milliseconds an engine has to clean up and end by itself when the program ends."""


class QuantizeKeeper(QObject):
    """The verbs return at once; the signals come from the keeper's threads, but `became_free`."""

    #: What was found out about a model that may be quantised: QuantizeLook.
    looked = Signal(object)
    #: The model of this path is being quantised.
    began = Signal(str)
    #: What is being done, and the fraction of it that is done or None.
    progressed = Signal(str, object)
    #: The copy stands in the library: Quantized.
    quantized = Signal(object)
    #: It failed, and nothing was written: Problem.
    failed = Signal(object)
    #: It was cancelled, and nothing was written.
    cancelled = Signal()
    #: It is over, whatever came of it, and the next one may begin.
    became_free = Signal()
    _over = Signal()

    def __init__(self, home: Home, loaders: Loaders, governor: Governor, parent: QObject | None = None) -> None:
        """Threads are started, processes are not."""
        super().__init__(parent)
        self._home, self._loaders, self._governor = home, loaders, governor
        self._lane = Lane("quantising", self)
        self._looking = Lane("quantising looks", self)
        self._ending = Lane("quantising ends", self)
        self.lanes = (self._lane, self._looking, self._ending)
        self._plan: QuantizePlan | None = None
        self._client: EngineClient | None = None
        self._pid = 0
        self._job: Job[QuantizeReport] | None = None
        self._stopped = threading.Event()
        self._over.connect(self._on_over)

    @Slot(str, str)
    def look_at(self, path: str, name: str) -> None:
        """Find out whether the model at a path can be quantised, and what that takes."""
        self._looking.submit(lambda: self._look(path, name))

    @Slot(object)
    def quantize(self, plan: QuantizePlan) -> None:
        """Begin; while another one goes on nothing happens."""
        if self._plan is None:
            self._plan = plan
            self._stopped.clear()
            self.began.emit(plan.path)
            self._lane.submit(lambda: self._quantize(plan))

    @Slot()
    def cancel(self) -> None:
        """End it at its next cancel point, and where that was asked for before or none can come, at once."""
        again = self._stopped.is_set()
        self._stopped.set()
        job, client = self._job, self._client
        if job is not None and not again:
            job.cancel()
        elif client is not None:
            self._ending.submit(client.kill)

    def shut_down(self) -> None:
        """End what goes on, which leaves nothing behind, and the threads; waits for them."""
        self._stopped.set()
        if (job := self._job) is not None:
            job.cancel()
        elif (client := self._client) is not None:
            client.kill()
        if not self._lane.shut_down(PATIENCE) and (client := self._client) is not None:
            client.kill()
            self._lane.wait()
        self._looking.shut_down()
        self._ending.shut_down()

    @Slot()
    def _on_over(self) -> None:
        self._plan = None
        self.became_free.emit()

    def _look(self, path: str, name: str) -> None:
        # Here and not above: the window starts without it.
        from desktop.library.places import visible
        from desktop.library.quantising import read_quantize_facts

        facts, models = read_quantize_facts(Path(path)), self._home.models
        try:
            taken = tuple(entry.name for entry in visible(models)) if models.exists() else ()
            there = next(folder for folder in (models, *models.parents) if folder.exists())
            free = shutil.disk_usage(there).free
        except OSError:
            taken, free = (), 0  # what can't be read now is told when the copy is written
        self.looked.emit(QuantizeLook(path=path, name=name, facts=facts, folder=str(models), taken=taken, free=free))

    def _quantize(self, plan: QuantizePlan) -> None:
        try:
            report = self._made(plan)
        except JobCancelled:
            self.cancelled.emit()
        except IN_WORDS as error:
            if self._stopped.is_set():
                self.cancelled.emit()
            else:
                self.failed.emit(self._problem(plan, error))
        except Exception as error:  # a bug; without a word the window would wait for ever
            self.failed.emit(bug_from(error))
        else:
            self.quantized.emit(report)
        finally:
            self._end_engine(Path(plan.request.folder))
            self._over.emit()

    def _made(self, plan: QuantizePlan) -> Quantized:
        self.progressed.emit(self.tr("Asking the loaders about {name}").format(name=plan.name), None)
        wish = LoadPlan(name=plan.name, path=plan.path)
        choices = [choice for choice in fitting_choices(wish, self._loaders) if _can_quantize(choice)]
        if not choices:
            words = self.tr("{name} can be loaded, but no loader that is usable here can quantise it.")
            raise LoaderError(words.format(name=plan.name))
        open_model(wish, choices, self._engine, self._home, self.progressed.emit)
        if self._client is None or self._stopped.is_set():
            raise JobCancelled
        job = self._client.quantize(plan.request)
        self._job = job
        if self._stopped.is_set():
            job.cancel()
        follow_steps(job, _WithTime(self.progressed.emit, self.tr("{step}, {time} left")))
        return Quantized(plan=plan, report=job.result())

    def _engine(self, choice: Choice) -> EngineClient:
        self._end_engine(None)
        ref = choice.found.ref
        self._client = client = EngineClient(
            self._loaders.launch(ref), ref, self._home.logs, self._governor, background=True
        )
        client.start()
        self._pid = client.pid or 0
        if self._stopped.is_set():
            client.kill()
        return client

    def _end_engine(self, target: Path | None) -> None:
        """Its memory comes back; of one that was killed while it wrote, its hidden folder is removed."""
        client, self._client, self._job = self._client, None, None
        if client is None:
            return
        client.close()
        if target is not None:
            # As `loader_kit.exporting.staged` names it; an engine that ended by itself has removed it.
            shutil.rmtree(target.parent / f".{target.name}.part-{self._pid}", ignore_errors=True)

    def _problem(self, plan: QuantizePlan, error: Exception) -> Problem:
        if not isinstance(error, EngineGone):
            return problem_from(error)
        words = self.tr(
            "The process that quantised {name} stopped: {reason}. Nothing was written, and what you prompt was not "
            "touched."
        )
        return Problem(sentence=words.format(name=plan.name, reason=error.reason), detail=error.failure.detail)


class _WithTime:
    """Adds to each step how long the rest will take, by how long the part that is done has taken."""

    def __init__(self, tell: Callable[[str, float | None], None], words: str) -> None:
        self._tell, self._words = tell, words
        self._begun = monotonic()

    def __call__(self, step: str, fraction: float | None) -> None:
        from desktop.library.quantising import time_in_words

        gone = monotonic() - self._begun
        if fraction and fraction >= 0.02 and gone > 2:
            left = gone * (1 - fraction) / fraction
            step = self._words.format(step=step, time=time_in_words(left))
        self._tell(step, fraction)


def _can_quantize(choice: Choice) -> bool:
    info = choice.found.info
    return info is not None and info.capabilities.quantize and choice.verdict.conversion is None
