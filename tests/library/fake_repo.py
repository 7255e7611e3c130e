"""A repository of the hub on this machine, and how the hub tells of it."""

from __future__ import annotations

import hashlib
import json

LARGE = 4096
"""Bytes from which a file is kept by its SHA-256, as git-lfs does, and comes from the content network."""


class Repo:
    """Files by path, at one commit; setting `files` anew makes another."""

    def __init__(self, files, *, gated=False, private=False, downloads=0, tags=(), revisions=("main",)):
        self.gated, self.private, self.downloads, self.tags = gated, private, downloads, tuple(tags)
        self.revisions = revisions
        self.history = {}
        self.change(files)

    def change(self, files):
        """Another commit."""
        self.files = dict(files)
        text = json.dumps([[path, hashlib.sha256(data).hexdigest()] for path, data in sorted(self.files.items())])
        self.commit = hashlib.sha1(text.encode()).hexdigest()
        self.history[self.commit] = self.files

    def at(self, revision):
        """The files at a branch or commit; None where there is no such thing."""
        return self.files if revision in self.revisions else self.history.get(revision)


def commit_of(repo, files):
    """The commit at which a repository has these files."""
    return next(commit for commit, known in repo.history.items() if known is files)


def describe(name, repo):
    """A repository as the hub tells of it."""
    return {
        "_id": "0", "id": name, "modelId": name, "sha": repo.commit, "private": repo.private, "gated": repo.gated,
        "downloads": repo.downloads, "likes": 0, "tags": list(repo.tags),
        "usedStorage": sum(map(len, repo.files.values())),
        "siblings": [{"rfilename": path} for path in repo.files],
    }  # fmt: skip


def entry(path, data):
    """A file as the tree lists it."""
    found = {"type": "file", "oid": blob(data), "size": len(data), "path": path}
    if len(data) >= LARGE:
        digest = hashlib.sha256(data).hexdigest()
        found["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
    return found


def blob(data):
    """As git hashes a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
