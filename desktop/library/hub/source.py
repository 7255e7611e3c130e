"""What the user typed or pasted, as a repository, a revision and perhaps a file of the hub."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

import msgspec

from .problems import HubError
from .repo_paths import fault

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./+-]*", re.ASCII)
_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com"}
_OTHERS = {"datasets": "a data set", "spaces": "a space", "collections": "a collection", "papers": "a paper"}
LONGEST = 120
"""Characters of what was typed that an error repeats."""
_EXAMPLE = "Write USER/NAME, USER/NAME:BRANCH, or paste the address of the repository's page."


class Source(msgspec.Struct, frozen=True):
    """Something on the hub."""

    repo: str
    revision: str = "main"
    """A branch, a tag, a commit, or "refs/pr/N"."""
    file: str = ""
    """The one file that is meant; empty for the repository."""

    @property
    def folder(self) -> str:
        """The name of its folder in the library: `user_name`, and `_branch` where it is not main."""
        name = self.repo if self.revision == "main" else f"{self.repo}_{self.revision}"
        return name.replace("/", "_")

    def __str__(self) -> str:
        """As the user would type it."""
        return self.repo if self.revision == "main" else f"{self.repo}:{self.revision}"


def parse_source(text: str) -> Source:
    """From a name or an address. Raises HubError that says how to write it."""
    stripped = text.strip().strip("/")
    if re.match(r"[a-z]+://", stripped, re.IGNORECASE):
        return _checked(_from_address(stripped), text)
    host, slash, rest = stripped.partition("/")
    if slash and host.lower() in _HOSTS:
        return _checked(_from_parts(rest.split("/"), text), text)
    name, colon, revision = stripped.partition(":")
    return _checked(Source(name.rstrip("/"), revision if colon else "main"), text)


def _from_address(text: str) -> Source:
    address = urlsplit(text)
    if address.scheme.lower() == "hf":
        return _from_parts(f"{address.netloc}{address.path}".split("/"), text)
    own = urlsplit(os.environ.get("HF_ENDPOINT", "")).netloc
    host = address.netloc.rpartition("@")[2]
    if address.scheme.lower() not in ("http", "https") or host.lower() not in _HOSTS | ({own} - {""}):
        raise HubError("name", f"{text} is no address of the hub. {_EXAMPLE}")
    return _from_parts(address.path.strip("/").split("/"), text)


def _from_parts(parts: list[str], text: str) -> Source:
    parts = [unquote(part) for part in parts]
    if parts and parts[0] == "models":
        parts = parts[1:]
    if parts and parts[0] in _OTHERS:
        raise HubError("name", f"{text} is {_OTHERS[parts[0]]}, neither a model nor an adapter. {_EXAMPLE}")
    repo, rest = parts[:2], parts[2:]
    if len(repo) == 2 and repo[1] in ("tree", "blob", "resolve", "raw"):
        repo, rest = parts[:1], parts[1:]  # one of the old names without a user
    if len(rest) < 2 or rest[0] not in ("tree", "blob", "resolve", "raw"):
        return Source("/".join(repo))
    taken = 3 if rest[1:3] == ["refs", "pr"] else 1
    revision, path = "/".join(rest[1 : 1 + taken]), "/".join(rest[1 + taken :])
    return Source("/".join(repo), revision, path if rest[0] != "tree" else "")


def _checked(source: Source, text: str) -> Source:
    parts = source.repo.split("/")
    names = len(parts) <= 2 and all(_NAME.fullmatch(part) and ".." not in part and len(part) <= 96 for part in parts)
    if not names or fault(source.folder):
        raise HubError("name", f"{_shortened(text)!r} is no name of a repository. {_EXAMPLE}")
    if not _REVISION.fullmatch(source.revision) or ".." in source.revision:
        raise HubError("name", f"{source.revision!r} is no name of a branch, a tag or a commit. {_EXAMPLE}")
    if source.file and (words := fault(source.file)):
        raise HubError("hostile", f"The file {source.file!r} is refused: it {words}.")
    return source


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
