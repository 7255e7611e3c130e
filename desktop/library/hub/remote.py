"""The hub, asked through its own library: what a repository holds, and the bytes of a file from a position on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from huggingface_hub import HfApi, constants, get_session, hf_hub_url
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from desktop import __version__

from .http_words import from_status
from .problems import HubError
from .record import RemoteFile

_PIECE = 32 << 30
"""Bytes asked for at once: content networks give no more than 50 GB in one answer."""
_NAMES: dict[str, str] = {"library_name": "lora-deck", "library_version": __version__}


class Listing(msgspec.Struct, frozen=True):
    """A repository at one commit."""

    repo: str
    """As the hub calls it now."""
    commit: str
    files: tuple[RemoteFile, ...]


def list_files(repo: str, revision: str) -> Listing:
    """Every file of a repository. Raises what the hub's library raises, or HubError for what may pass by itself."""
    watched_session()
    api = HfApi(**_NAMES)  # type: ignore[arg-type]
    info = api.model_info(repo, revision=None if revision == "main" else revision, timeout=_timeout())
    commit = info.sha or revision
    watched_session()
    tree = api.list_repo_tree(info.id, recursive=True, revision=commit)
    files = [_remote_file(entry) for entry in tree if isinstance(entry, RepoFile)]
    return Listing(info.id, commit, tuple(files))


@contextmanager
def opened(repo: str, commit: str, file: RemoteFile, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """The bytes of a file, and the position at which they begin: `start`, or 0 where the server can't begin there.

    Raises HubError, or what the hub's library raises.
    """
    end = min(start + _PIECE, file.size) - 1
    # Compressed on the way, the positions of a range would not be those of the file.
    headers = {**build_hf_headers(**_NAMES), "Accept-Encoding": "identity"}  # type: ignore[arg-type]
    if start or end + 1 < file.size:
        headers["Range"] = f"bytes={start}-{end}"
    url = hf_hub_url(repo, file.path, revision=commit)
    with get_session().stream("GET", url, headers=headers, timeout=_timeout()) as response:
        passing = from_status(response.status_code, response.headers)
        if passing is not None:
            raise passing
        if response.status_code == 416:
            yield 0, iter(())
            return
        if response.status_code >= 400 and "X-Error-Code" not in response.headers:
            # Not the hub, which says what it means, but what it sends to: its addresses hold for a while only.
            words = f"The server that keeps {file.path} refuses it (HTTP {response.status_code}). Try again later."
            raise HubError("file", words, again=True)
        hf_raise_for_status(response)
        yield (_begin(response) if response.status_code == 206 else 0), response.iter_bytes()


def read_range(repo: str, path: str, size: int, revision: str = "main") -> bytes:
    """At most the first `size` bytes of a file. Raises as `opened` does."""
    headers = {**build_hf_headers(**_NAMES), "Accept-Encoding": "identity"}  # type: ignore[arg-type]
    headers["Range"] = f"bytes=0-{size - 1}"
    url = hf_hub_url(repo, path, revision=revision)
    with get_session().stream("GET", url, headers=headers, timeout=_timeout()) as response:
        passing = from_status(response.status_code, response.headers)
        if passing is not None:
            raise passing
        hf_raise_for_status(response)
        taken = bytearray()
        for block in response.iter_bytes():
            taken += block
            if len(taken) >= size:
                break
    return bytes(taken[:size])


def watched_session() -> Any:
    """The hub library's session, which then tells at once of what may pass by itself, so that the user sees it.

    The library would wait for up to half a minute without a word, and for ever for an answer that never comes.
    """
    session: Any = get_session()
    hooks = session.event_hooks
    if _raise_what_passes not in hooks["response"]:
        session.event_hooks = {
            "request": [*hooks["request"], _limit_wait],
            "response": [*hooks["response"], _raise_what_passes],
        }
    return session


def _raise_what_passes(response: Any) -> None:
    passing = from_status(response.status_code, response.headers)
    if passing is not None:
        raise passing


def _limit_wait(request: Any) -> None:
    limits = request.extensions.get("timeout") or {}
    if all(value is None for value in limits.values()):
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), _timeout())


def _timeout() -> float:
    return float(constants.HF_HUB_DOWNLOAD_TIMEOUT)


def _begin(response: Any) -> int:
    try:
        return int(response.headers["Content-Range"].split()[1].split("-")[0])
    except (KeyError, IndexError, ValueError):
        return -1


def _remote_file(entry: RepoFile) -> RemoteFile:
    if entry.lfs is not None:
        return RemoteFile(entry.path, entry.lfs.size, sha256=entry.lfs.sha256)
    return RemoteFile(entry.path, entry.size, sha1=entry.blob_id)
