"""From what the hub's library raises to a HubError in words."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from urllib.parse import urlsplit

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .problems import HubError, without_secrets

_LOG_IN = "run `hf auth login`, or set HF_TOKEN"
_LIMIT = re.compile(r"\br=0;\s*t=(\d+)", re.ASCII)
LONGEST_WAIT = 3600.0
"""Seconds; who is asked to wait longer is told, and may come back."""


def where() -> str:
    """The hub's name for people: a mirror is called one, because then it is the first thing to look at."""
    host = urlsplit(constants.ENDPOINT).netloc.rpartition("@")[2]
    return "huggingface.co" if host == "huggingface.co" else f"the mirror {host} (HF_ENDPOINT)"


def in_words(error: BaseException, repo: str, revision: str = "main") -> HubError:
    """What to tell the user about an error on the way to the hub or to the disk."""
    if isinstance(error, HubError):
        return error
    if isinstance(error, OfflineModeIsEnabled):
        return HubError("offline", "HF_HUB_OFFLINE is set, so nothing is fetched. Unset it to download.")
    if isinstance(error, HFValidationError):
        return HubError("name", f"{repo!r} is no name of a repository. Write it as USER/NAME.")
    if isinstance(error, HfHubHTTPError):
        return _from_hub(error, repo, revision)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    # By their names: the hub's library has changed the package they come from, and may again.
    if kinds & {"HTTPError", "TransportError", "InvalidURL", "StreamError"}:
        return _from_network(error, kinds)
    if isinstance(error, OSError):
        return _from_disk(error)
    words = without_secrets(f"{type(error).__name__}: {error}", get_token())
    return HubError("bug", f"Downloading {repo} stopped at a fault of the program ({words}). What has come is kept.")


def from_status(status: int, headers: Mapping[str, str]) -> HubError | None:
    """What a status means that may pass by itself; None for any other."""
    if status == 429:
        wait = _seconds(headers)
        words = f" It asks to wait {wait:.0f} seconds." if wait else ""
        hint = "" if get_token() else f" Logged in, one may ask more often: {_LOG_IN}."
        return HubError("rate", f"{where()} says that it is asked too often (429).{words}{hint}", again=True, wait=wait)
    if status in (408, 425) or status >= 500:
        words = f"{where()} has trouble of its own (HTTP {status}). Try again later; what has come is kept."
        return HubError("server", words, again=True, wait=_seconds(headers))
    return None


def _from_hub(error: HfHubHTTPError, repo: str, revision: str) -> HubError:
    status = error.response.status_code
    passing = from_status(status, error.response.headers)
    if passing is not None:
        return passing
    token = get_token()
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/{repo}"
        then = "Your token has no access to it yet." if token else f"Then log in: {_LOG_IN}."
        return HubError("gated", f"{repo} is gated. Ask for access on its page {page} and accept its terms. {then}")
    if isinstance(error, RevisionNotFoundError):
        return HubError("revision", f"{repo} has no branch, tag or commit {revision!r}. Its page lists them.")
    if isinstance(error, EntryNotFoundError):
        return HubError("file", f"A file of {repo} is listed but not there. Its owner may be changing it: try again.")
    if isinstance(error, DisabledRepoError):
        return HubError("forbidden", f"{where()} has disabled {repo}. Look for a mirror of it.")
    if status == 401 and token:
        return HubError("login", f"{where()} does not accept your token. Make a new one, and {_LOG_IN}.")
    if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
        if token:
            words = f"There is no {repo} on {where()}, or it is private and your token may not see it."
            return HubError("missing", f"{words} Check the name.")
        words = f"There is no {repo} on {where()}, or it is private: who is not logged in can't tell."
        return HubError("missing", f"{words} Check the name, or {_LOG_IN}.")
    if status == 403:
        return HubError("forbidden", f"{where()} refuses {repo} (403). Your token may lack the right to read it.")
    return HubError("server", f"{where()} answered HTTP {status} for {repo}. Try again later, or check the name.")


def _from_network(error: BaseException, kinds: set[str]) -> HubError:
    if "ProxyError" in kinds:
        return HubError(
            "proxy", f"The proxy did not let the download through ({_cause(error)}). Check HTTPS_PROXY.", again=True
        )
    if "TimeoutException" in kinds:
        words = f"{where()} did not answer in time. Check the network; what has come is kept."
        return HubError("timeout", words, again=True)
    if "UnsupportedProtocol" in kinds or "InvalidURL" in kinds:
        return HubError("offline", f"{constants.ENDPOINT} is no address of a hub. Check HF_ENDPOINT.")
    if "ConnectError" in kinds:
        root = _root(error)
        if isinstance(root, socket.gaierror):
            words = f"The name of {where()} was not found. Is this machine online, and does its DNS work?"
            return HubError("dns", words, again=True)
        words = f"{where()} can't be reached ({_cause(error)}). Is this machine online? Behind a proxy set HTTPS_PROXY."
        return HubError("offline", words, again=True)
    return HubError("cut", f"The connection was cut ({_cause(error)}). What has come is kept: try again.", again=True)


def _from_disk(error: OSError) -> HubError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HubError("disk", "The disk is full. Free some space and run it again; what has come is kept.")
    place = f" {error.filename}" if error.filename else ""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return HubError("permission", f"There is no permission to write{place}. Choose another place with --output.")
    return HubError("disk", f"The disk can't be written ({error.strerror or error}{':' if place else ''}{place}).")


def _root(error: BaseException) -> BaseException:
    seen = error
    while (deeper := seen.__cause__ or seen.__context__) is not None:
        seen = deeper
    return seen


def _cause(error: BaseException) -> str:
    return without_secrets(str(error) or type(error).__name__, get_token())


def _seconds(headers: Mapping[str, str]) -> float | None:
    """What Retry-After says, seconds or a date, or what the hub says of the limit: `"api";r=0;t=55`."""
    if (limit := _LIMIT.search(headers.get("RateLimit", ""))) is not None:
        return float(limit[1])
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time(), 0.0)
    except (ValueError, TypeError):
        return None
