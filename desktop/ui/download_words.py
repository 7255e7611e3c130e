"""A download in words, for its row, its tooltip and the sentence below the list."""

from __future__ import annotations

from PySide6.QtCore import QObject

from desktop.library.hub.queue import Entry
from desktop.library.sizes import size_in_words


class DownloadWords(QObject):
    """Only here for `tr`."""

    def title(self, entry: Entry) -> str:
        """What is downloaded."""
        return entry.repo if entry.revision == "main" else f"{entry.repo}:{entry.revision}"

    def state(self, entry: Entry) -> str:
        """How it stands."""
        if entry.state == "running" and entry.problem:
            return self.tr("waiting to try again")
        if entry.state == "running" and not entry.total:
            return self.tr("looking at the repository")
        if entry.outdated:
            return self.tr("older version")
        if entry.state == "done" and entry.change == "none":
            return self.tr("up to date")
        return {
            "waiting": self.tr("waiting"),
            "running": self.tr("downloading"),
            "paused": self.tr("paused"),
            "failed": self.tr("failed"),
            "done": self.tr("complete"),
        }[entry.state]

    def amount(self, done: int, total: int) -> str:
        """How much of it is here."""
        if not total:
            return ""
        if done >= total:
            return size_in_words(total)
        return self.tr("{done} of {total}").format(done=size_in_words(done), total=size_in_words(total))

    def speed(self, entry: Entry) -> str:
        """How fast it comes, and how long that takes."""
        if entry.state != "running" or not entry.speed:
            return ""
        speed = self.tr("{size}/s").format(size=size_in_words(entry.speed))
        if entry.eta is None:
            return speed
        return self.tr("{speed}, {time} left").format(speed=speed, time=self._time(entry.eta))

    def _time(self, seconds: float) -> str:
        if seconds < 90:
            return self.tr("{count:.0f} s").format(count=seconds)
        if seconds < 5400:
            return self.tr("{count:.0f} min").format(count=seconds / 60)
        return self.tr("{count:.1f} h").format(count=seconds / 3600)
