"""What a download says to people while it runs and when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from desktop.library.hub.bases import Base
from desktop.library.hub.events import Arrived, Checked, Failed, Finished, Found, Progressed, Task, Told, Waiting
from desktop.library.hub.record import Unfinished
from desktop.library.sizes import size_in_words

from .output import ProgressLine, plain, put, say

_SHOWN = 20
"""Differences and files that are named one by one."""


class Teller:
    """Says the events of one download as they come."""

    def __init__(self, task: Task) -> None:
        """Nothing is said yet."""
        self._task = task
        self._line = ProgressLine()

    def tell(self, event: Told) -> None:
        """One event."""
        if isinstance(event, Progressed):
            self._line.show(_progress(event), event.done / event.total if event.total else 1.0)
            return
        if isinstance(event, Arrived):
            return
        self.clear()
        if isinstance(event, Found):
            say(_found(event))
        elif isinstance(event, Waiting):
            say(f"{plain(event.reason)} Trying again in {event.seconds:.0f} s.")
        elif isinstance(event, Finished):
            say(plain(_finished(event)))
            put(plain(event.folder))
        elif isinstance(event, Checked):
            say(_checked(event))
        elif isinstance(event, Failed):
            say(f"lora-deck: {plain(event.message)}")
            if event.kind == "outdated":
                say("Run the same command with --update for it.")

    def clear(self) -> None:
        """Take the line of progress away."""
        self._line.clear()


def base_in_words(base: Base, *, offer: bool) -> str:
    """Which base an adapter needs, and whether it is there; `offer`: how to get it."""
    gone = " (the hub no longer has it under this name)" if base.gone else ""
    words = f"Its base model is {plain(base.named)}{gone}"
    if base.here:
        return f"{words}; the library has it as {plain(base.here)}."
    if not base.sources:
        return f"{words}, which is no name of the hub; nothing in the library is called so."
    words += "; it is not in the library."
    if not offer:
        return words
    others = f"\nThe same weights: {', '.join(base.sources[1:4])}." if len(base.sources) > 1 else ""
    return f"{words} To get it:\n  lora-deck download {plain(base.sources[0])}{others}"


def unfinished_in_words(found: Sequence[Unfinished]) -> str:
    """The downloads that are not complete, and what to do with them."""
    lines = [f"{len(found)} not complete; --resume goes on with all of them, --cancel throws away what has come:"]
    for one in found:
        name = one.record.asked if one.record.revision == "main" else f"{one.record.asked}:{one.record.revision}"
        share = f"{size_in_words(one.done)} of {size_in_words(one.total)}"
        lines.append(plain(f"  {name}  {share}  {one.record.kind}, to {one.folder}"))
    return "\n".join(lines)


def _progress(event: Progressed) -> str:
    words = f"{size_in_words(event.done)} of {size_in_words(event.total)}"
    if event.speed:
        words += f", {size_in_words(event.speed)}/s"
    if event.eta is not None and event.done < event.total:
        words += f", {_time(event.eta)} left"
    names = ", ".join(Path(file.path).name for file in event.files[:2])
    return f"{words}  {names}" if names else words


def _found(event: Found) -> str:
    renamed = f" is now called {event.repo}. It" if event.repo.casefold() != event.asked.casefold() else ""
    kind = "an adapter" if event.kind == "adapter" else "a model"
    there = f", {size_in_words(event.done)} of it here already" if event.done else ""
    lines = [
        f"{event.asked}{renamed} is {kind}: {event.why}.",
        f"{_files(len(event.files), event.total)}{there}, into {event.folder}",
    ]
    if left := [path for path in event.left_out if not path.startswith(".")]:
        lines.append(f"Left out: {', '.join(left[:8])}{' and more' if len(left) > 8 else ''}.")
    return _in_lines(lines)


def _fetched(event: Finished) -> str:
    if event.fetched >= event.total:
        return ""
    if not event.fetched:
        return "; all of it was here already"
    return f", {size_in_words(event.fetched)} of it fetched now"


def _finished(event: Finished) -> str:
    size, came = size_in_words(event.total), size_in_words(event.fetched)
    if event.change == "none":
        return f"Up to date: {event.files} files, {size}, as on the hub at commit {event.commit[:8]}."
    if event.change == "updated":
        return (
            f"Updated and verified: {event.files} files, {size}, {came} of it fetched now, commit {event.commit[:8]}."
        )
    return f"Complete and verified: {_files(event.files, event.total)}{_fetched(event)}."


def _checked(event: Checked) -> str:
    if not event.differences:
        files = "its one file" if event.files == 1 else f"all {event.files} files"
        return _in_lines([f"{event.folder} is as on the hub: {files} at commit {event.commit[:8]}."])
    lines = [f"{event.folder} differs from {event.repo} at commit {event.commit[:8]}:"]
    lines += [f"  {one.path} {one.problem}" for one in event.differences[:_SHOWN]]
    more = len(event.differences) - _SHOWN
    return _in_lines(lines + ([f"  and {more} more"] if more > 0 else []))


def _files(count: int, size: int) -> str:
    return f"1 file, {size_in_words(size)}" if count == 1 else f"{count} files, {size_in_words(size)}"


def _in_lines(lines: Sequence[str]) -> str:
    """Each of them printable: a line break in a stranger's name begins no line of ours."""
    return "\n".join(map(plain, lines))


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
