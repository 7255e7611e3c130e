"""The reply log: every answer with its recipe and its tokens, a line of JSON each, a file a day in `conversations`."""

from __future__ import annotations

import os
import re
import secrets
from datetime import datetime
from pathlib import Path

import msgspec

from desktop.prompting.recipe import RecipeFile

_ID = re.compile(r"(\d{4})(\d{2})(\d{2})-\d{6}-[0-9a-f]{8}")


class ReplyNotFound(Exception):
    """The log has no such reply; the message says so and where was looked."""


class BaseReply(msgspec.Struct, frozen=True, kw_only=True):
    """The base's own answer, where the two were compared."""

    text: str
    tokens: tuple[int, ...] = ()
    finish_reason: str = ""


class LoggedReply(RecipeFile, frozen=True, kw_only=True):
    """One line of the log: the recipe's file, and when and how the reply ended."""

    id: str
    time: str
    """When it ended, in ISO 8601 with the offset of the place."""
    problem: str = ""
    """Why it ended early, in words."""
    base: BaseReply | None = None


def new_id() -> str:
    """A name for a reply that has ended now; its day tells the file it is in."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def time_now() -> str:
    """For `LoggedReply.time`."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def append_reply(folder: Path, reply: LoggedReply) -> None:
    """Add a reply to the file of its day and flush it to the disk. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with _file(folder, reply.id).open("ab+") as file:
        line = msgspec.json.encode(reply) + b"\n"
        if file.tell():
            file.seek(-1, os.SEEK_END)
            # The line before was cut off by a crash or a full disk: it must not take this one with it.
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def find_reply(folder: Path, reply_id: str) -> LoggedReply:
    """The reply of that id. Raises ReplyNotFound."""
    if not _ID.fullmatch(reply_id):
        raise ReplyNotFound("This reply was made before replies were logged, so nobody knows its recipe.")
    path = _file(folder, reply_id)
    wanted = reply_id.encode()
    try:
        with path.open("rb") as file:
            for line in file:
                if wanted in line and (reply := _decoded(line)) is not None and reply.id == reply_id:
                    return reply
    except OSError as error:
        raise ReplyNotFound(f"The log of replies can't be read ({error.strerror}: {path}).") from error
    raise ReplyNotFound(f"The log {path} has no whole record of this reply, so nobody knows its recipe.")


def read_replies(path: Path) -> tuple[list[LoggedReply], int]:
    """The replies of one file, oldest first, and how many damaged lines were passed over. Raises OSError."""
    with path.open("rb") as file:
        lines = [line for line in file if line.strip()]
    replies = [reply for line in lines if (reply := _decoded(line)) is not None]
    return replies, len(lines) - len(replies)


def _file(folder: Path, reply_id: str) -> Path:
    year, month, day = reply_id[:4], reply_id[4:6], reply_id[6:8]
    return folder / f"{year}-{month}-{day}.jsonl"


def _decoded(line: bytes) -> LoggedReply | None:
    try:
        return msgspec.json.decode(line, type=LoggedReply)
    except ValueError:
        return None
