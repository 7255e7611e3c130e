"""Finds the runs there are, follows those that go on, and tells them what the user wants, off the GUI thread.

What reads runs is imported on that thread too, when it is first needed: the window's start doesn't wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFile, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from desktop.api import TrainCommand
from desktop.engine.governor import Governor
from desktop.library.atomic import write_atomically
from desktop.library.home import Home

from .lane import Lane
from .train_plans import RunLook, as_csv

if TYPE_CHECKING:
    from desktop.engine.runs.folder import RunFolder

    from .run_watch import RunWatch

LOOK = 150
"""Milliseconds between two looks at the logs of what goes on."""
LAST_WORD = 2.0
"""Seconds the one that watches over an engine has to tell how it died."""


class RunKeeper(QObject):
    """The verbs return at once; the signals come from the keeper's thread. Runs go on without it."""

    #: Every run, the newest first: list of RunEntry.
    runs_listed = Signal(list)
    #: The run that is shown has news: RunLook.
    run_grew = Signal(object)
    #: A run that went on has ended: RunLook.
    run_ended = Signal(object)
    #: Runs were read for comparison: list of RunLook, in the order in which they were asked for.
    runs_read = Signal(list)
    #: Something was done: a sentence.
    told = Signal(str)
    #: Something can't be done: a sentence.
    refused = Signal(str)
    #: Whether anything goes on that must be looked at.
    _busy_changed = Signal(bool)

    def __init__(self, home: Home, governor: Governor, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(parent)
        self._home = home
        self._governor = governor
        self._lane = Lane("run logs", self)
        self.lanes = (self._lane,)
        self._watches: dict[str, RunWatch] = {}
        self._ends_told: dict[str, int] = {}
        """The starts whose end was told, by the run's id."""
        self._shown = ""
        self._pending = False
        self._timer = QTimer(self, interval=LOOK)
        self._timer.timeout.connect(self._on_look_due)
        self._busy_changed.connect(self._on_busy_changed)

    def begin(self) -> None:
        """Find the runs that go on, and list all."""
        self.list_runs()

    @Slot()
    def list_runs(self) -> None:
        """Read the folder of runs anew."""
        self._do(self._list)

    @Slot(str)
    def show_run(self, run_id: str) -> None:
        """From now on the news of this run are told; its whole curve comes first. Empty shows none."""
        self._do(lambda: self._show(run_id))

    @Slot(str)
    def follow_run(self, run_id: str) -> None:
        """Show a run that was just started; its end is told even if it came before the first look."""
        self._do(lambda: self._follow(run_id))

    @Slot(str, object)
    def tell_run(self, run_id: str, command: TrainCommand) -> None:
        """Tell a run that goes on something; it hears it after its present step."""
        self._do(lambda: self._tell(run_id, command))

    def read_runs(self, run_ids: Sequence[str]) -> None:
        """Read the curves of these runs."""
        wanted = tuple(run_ids)
        self._do(lambda: self.runs_read.emit([look for run_id in wanted if (look := self._read(run_id))]))

    @Slot(str)
    def trash_run(self, run_id: str) -> None:
        """Move a run's folder to the trash: the user was asked."""
        self._do(lambda: self._trash(run_id))

    @Slot(str, str)
    def export_csv(self, run_id: str, path: str) -> None:
        """Write the numbers of every step to a table, in the place of what is there: the user was asked."""
        self._do(lambda: self._export(run_id, Path(path)))

    @Slot(object, str)
    def save_picture(self, picture: QImage, path: str) -> None:
        """Write a picture, in the place of what is there: the user was asked."""
        self._do(lambda: self._save_picture(picture, path))

    def shut_down(self) -> None:
        """End the thread; waits for it. What goes on goes on."""
        self._timer.stop()
        self._lane.submit(self._close)
        self._lane.shut_down()

    def _do(self, work: Callable[[], None]) -> None:
        def run() -> None:
            from desktop.library.runs.run_file import RunError

            try:
                work()
            except RunError as error:
                self.refused.emit(str(error))
            except OSError as error:
                words = self.tr("The run can't be read or told ({reason}: {path}).")
                self.refused.emit(words.format(reason=error.strerror or error, path=error.filename))

        self._lane.submit(run)

    def _folder(self, run_id: str) -> RunFolder:
        from desktop.engine.runs.folder import RunFolder

        return RunFolder(self._home.runs / run_id)

    def _list(self) -> None:
        from desktop.library.runs.listing import list_runs

        entries = list_runs(self._home)
        self.runs_listed.emit(entries)
        for entry in entries:
            if entry.alive:
                self._watch(entry.id)
        self._tell_busy()

    def _watch(self, run_id: str) -> RunWatch:
        from .run_watch import RunWatch

        watch = self._watches.get(run_id)
        if watch is None:
            watch = self._watches[run_id] = RunWatch(self._folder(run_id))
            watch.read()
        elif not watch.alive:
            watch.read()
        if watch.alive:
            watch.share(self._governor)
        return watch

    def _show(self, run_id: str) -> None:
        self._drop_idle()
        self._shown = run_id
        if run_id:
            self.run_grew.emit(self._watch(run_id).look())
        self._tell_busy()

    def _follow(self, run_id: str) -> None:
        self._show(run_id)
        watch = self._watches[run_id]
        if not watch.alive:
            self._tell_end(run_id, watch)
            self.run_grew.emit(watch.look())

    def _tell_end(self, run_id: str, watch: RunWatch) -> None:
        self._await_last_word(watch)
        watch.close()
        # Each start has one end, whoever sees it first.
        if self._ends_told.get(run_id) != watch.launches:
            self._ends_told[run_id] = watch.launches
            self.run_ended.emit(watch.look())

    def _tell(self, run_id: str, command: TrainCommand) -> None:
        from desktop.engine.runs.control import send
        from desktop.engine.runs.lock import holder
        from desktop.library.runs.listing import run_entry
        from desktop.library.runs.run_file import RunError

        folder = self._folder(run_id)
        if holder(folder.lock) is None:
            words = self.tr("{id} is not running. {state}")
            raise RunError(words.format(id=run_id, state=run_entry(folder).sentence))
        send(folder, command)
        self.told.emit(self.tr("Told {id}; it hears it after its present step.").format(id=run_id))

    def _read(self, run_id: str) -> RunLook:
        from .run_watch import RunWatch

        watch = self._watches.get(run_id) or RunWatch(self._folder(run_id))
        watch.read()
        return watch.look()

    def _trash(self, run_id: str) -> None:
        from desktop.engine.runs.lock import holder
        from desktop.library.runs.run_file import RunError

        folder = self._folder(run_id)
        if holder(folder.lock) is not None:
            raise RunError(self.tr("{id} is running. Stop it first.").format(id=run_id))
        if run_id == self._shown:
            self._shown = ""
        if (watch := self._watches.pop(run_id, None)) is not None:
            watch.close()
        moved = QFile.moveToTrash(str(folder.root))
        if not (moved[0] if isinstance(moved, tuple) else moved):
            words = self.tr("{path} could not be moved to the trash. Nothing was deleted; remove it by hand.")
            raise RunError(words.format(path=folder.root))
        self.told.emit(self.tr("{id} was moved to the trash.").format(id=run_id))
        self._list()

    def _export(self, run_id: str, path: Path) -> None:
        look = self._read(run_id)
        write_atomically(path, as_csv(look).encode())
        self.told.emit(self.tr("The numbers were written to {path}.").format(path=path))

    def _save_picture(self, picture: QImage, path: str) -> None:
        if not picture.save(path):
            from desktop.library.runs.run_file import RunError

            words = self.tr(
                "The picture could not be written to {path}. Choose another place or a name ending in .png."
            )
            raise RunError(words.format(path=path))
        self.told.emit(self.tr("The picture was written to {path}.").format(path=path))

    def _look(self) -> None:
        self._pending = False
        ended = False
        for run_id, watch in list(self._watches.items()):
            was_alive = watch.alive
            if not watch.read():
                continue
            if was_alive and not watch.alive:
                self._tell_end(run_id, watch)
                ended = True
            if run_id == self._shown:
                self.run_grew.emit(watch.look())
        if ended:
            self._drop_idle()
            self._list()

    def _await_last_word(self, watch: RunWatch) -> None:
        deadline = time.monotonic() + LAST_WORD
        while watch.lacks_last_word and time.monotonic() < deadline:
            time.sleep(LOOK / 3000)
            watch.read()

    def _drop_idle(self) -> None:
        for run_id, watch in list(self._watches.items()):
            if not watch.alive and run_id != self._shown:
                watch.close()
                del self._watches[run_id]

    def _tell_busy(self) -> None:
        self._busy_changed.emit(any(watch.alive for watch in self._watches.values()))

    def _close(self) -> None:
        for watch in self._watches.values():
            watch.close()
        self._watches.clear()

    @Slot(bool)
    def _on_busy_changed(self, busy: bool) -> None:
        if busy != self._timer.isActive():
            self._timer.start() if busy else self._timer.stop()

    @Slot()
    def _on_look_due(self) -> None:
        # Of a slow disk's looks no queue is made.
        if not self._pending:
            self._pending = True
            self._do(self._look)
