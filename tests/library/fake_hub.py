"""A hub on this machine: speaks as much of the hub's API as its library calls, and fails in every way asked of it.

Two servers: the hub, and a content network on another port to which large files are redirected, as the hub does.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.library.fake_repo import LARGE, Repo, blob, commit_of, describe, entry

PAGE = 3
"""Entries of a tree in one answer."""
BLOCK = 1 << 16


class Fault(NamedTuple):
    """One thing that goes wrong with one answer."""

    status: int = 0
    """The answer's status; 0 for the true one."""
    headers: tuple = ()
    cut: int = -1
    """Bytes of the body after which the connection is cut."""
    wrong: bool = False
    """Other bytes than the file's."""
    slow: float = 0.0
    """Seconds of silence before the body."""
    deaf: bool = False
    """Ranges are passed over: the whole file comes."""


class FakeHub:
    """Both servers. `faults` are used up one by one, in the order in which answers of that kind are given."""

    def __init__(self):
        self.repos, self.renamed = {}, {}
        self.tokens = set()
        self.faults = {"info": deque(), "tree": deque(), "resolve": deque(), "content": deque(), "search": deque()}
        self.gate = None
        """Called with (path, bytes sent) after every block of content: slows or ends a download at will."""
        self.sent = Counter()
        """Bytes of content by path."""
        self.requests = []
        """(server, method, path, has a token) of each request."""
        self.times = []
        """When each of them came, by `time.perf_counter`."""
        self._servers = [self._serve(_Hub), self._serve(_Content)]
        self.url, self.content_url = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def _serve(self, handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"hub": self}))
        server.daemon_threads = False
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        return server

    def close(self):
        """End both servers and their threads."""
        self.gate = None
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def add(self, name, files, **facts):
        """A repository."""
        self.repos[name] = Repo(files, **facts)
        return self.repos[name]

    def next_fault(self, kind):
        """What goes wrong with this answer."""
        try:
            return self.faults[kind].popleft()
        except IndexError:
            return Fault()


@contextmanager
def fake_hub():
    """A hub while the context lasts."""
    hub = FakeHub()
    try:
        yield hub
    finally:
        hub.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    hub: FakeHub
    server_name = "hub"

    def log_message(self, *words):
        """Nothing."""

    def setup(self):
        super().setup()
        self.connection.settimeout(5)

    def do_GET(self):
        """Count it, and answer; a client that has gone is no fault of the server."""
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        with_token = "authorization" in self.headers
        self.hub.times.append(time.perf_counter())
        self.hub.requests.append((self.server_name, self.command, self.path, with_token))
        try:
            self.answer(urlsplit(self.path))
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815

    def say(self, status, body=b"", headers=()):
        """A short answer."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        # Kept open, an idle connection would keep its thread while the server ends.
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message=""):
        """As the hub refuses."""
        self.say(status, {"error": message or code}, (("X-Error-Code", code), ("X-Error-Message", message or code)))

    def send_file(self, path, data, fault):
        """A file or a range of it, with whatever goes wrong on the way."""
        if fault.status:
            return self.say(fault.status, b"trouble", fault.headers)
        if fault.wrong:
            data = bytes(byte ^ 0x55 for byte in data[:64]) + data[64:]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, len(data)
        if asked and not fault.deaf:
            start, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else end, len(data))
            if start >= len(data):
                return self.say(416, b"", (("Content-Range", f"bytes */{len(data)}"),))
        self.send_response(206 if asked and not fault.deaf else 200)
        if asked and not fault.deaf:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.command == "HEAD":
            return None
        time.sleep(fault.slow)
        return self._send_body(path, memoryview(data)[start:end], fault.cut)

    def _send_body(self, path, body, cut):
        stop = len(body) if cut < 0 else min(cut, len(body))
        for begin in range(0, stop, BLOCK):
            block = body[begin : min(begin + BLOCK, stop)]
            self.wfile.write(block)
            self.hub.sent[path] += len(block)
            if self.hub.gate is not None:
                self.hub.gate(path, begin + len(block))


class _Content(_Handler):
    """The content network: knows files by their hash, and takes no token."""

    server_name = "content"

    def answer(self, address):
        """A file."""
        name, path, digest = map(unquote, address.path.split("/")[1:4])
        for files in self.hub.repos[name].history.values():
            if path in files and hashlib.sha256(files[path]).hexdigest() == digest:
                self.send_file(path, files[path], self.hub.next_fault("content"))
                return
        self.say(403, b"expired")


class _Hub(_Handler):
    """The hub itself."""

    def answer(self, address):
        """One of its addresses."""
        if address.path == "/api/models":
            fault = self.hub.next_fault("search")
            query = parse_qs(address.query)
            self.say(fault.status, b"trouble", fault.headers) if fault.status else self._search(query)
        elif match := re.fullmatch(r"/api/models/(.+?)(?:/(revision|tree)/([^/]+))?", address.path):
            self._about(address, *match.groups())
        elif match := re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", address.path):
            self._resolve(*map(unquote, match.groups()))
        else:
            self.refuse(404, "NotFound")

    def _find(self, name, revision):
        """The repository and its files, or None where the answer has been given."""
        repo = self.hub.repos.get(name)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif repo is None or (repo.private and not token):
            self.refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif (files := repo.at(revision)) is None:
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
        else:
            return repo, files
        return None

    def _about(self, address, name, kind, revision):
        if name in self.hub.renamed:
            place = address.path.replace(name, self.hub.renamed[name])
            self.say(307, b"", (("Location", f"{place}?{address.query}"),))
            return
        fault = self.hub.next_fault("tree" if kind == "tree" else "info")
        if fault.status:
            self.say(fault.status, b"trouble", fault.headers)
            return
        found = self._find(name, unquote(revision or "main"))
        if found is None:
            return
        repo, files = found
        if kind == "tree":
            self._tree(address, files, fault)
        else:
            self.say(200, describe(name, repo) | {"sha": commit_of(repo, files)})

    def _tree(self, address, files, fault):
        begin = int(parse_qs(address.query).get("cursor", ["0"])[0])
        entries = [entry(path, data) for path, data in files.items()]
        rest = [("Link", f'<{self.hub.url}{address.path}?recursive=true&cursor={begin + PAGE}>; rel="next"')]
        time.sleep(fault.slow)
        self.say(200, entries[begin : begin + PAGE], rest if begin + PAGE < len(entries) else ())

    def _resolve(self, name, revision, path):
        found = self._find(name, revision)
        if found is None:
            return
        repo, files = found
        token = self.headers.get("Authorization")
        if repo.gated and not token:
            self.refuse(401, "GatedRepo", f"Access to model {name} is restricted.")
        elif path not in files:
            self.refuse(404, "EntryNotFound", "Entry not found")
        elif len(files[path]) >= LARGE:
            digest = hashlib.sha256(files[path]).hexdigest()
            place = "/".join(quote(part, safe="") for part in (name, path, digest))
            fault = self.hub.next_fault("resolve")
            headers = [("Location", f"{self.hub.content_url}/{place}?X-Amz-Signature=topsecret")]
            headers += [("X-Linked-Size", str(len(files[path]))), ("X-Linked-Etag", f'"{digest}"')]
            headers += [("X-Repo-Commit", commit_of(repo, files)), ("ETag", headers[-1][1])]
            self.say(fault.status or 302, b"", fault.headers if fault.status else headers)
        else:
            self._send_small(path, repo, files)

    def _send_small(self, path, repo, files):
        if self.command == "HEAD":
            facts = (("X-Repo-Commit", commit_of(repo, files)), ("ETag", f'"{blob(files[path])}"'))
            self.say(200, files[path], facts)
        else:
            self.send_file(path, files[path], self.hub.next_fault("content"))

    def _search(self, query):
        words = [word.lower() for text in query.get("search", []) for word in text.split()]
        filters = {tag for text in query.get("filter", []) for tag in text.split(",")}
        found = [
            describe(name, repo)
            for name, repo in self.hub.repos.items()
            if all(word in name.lower() for word in words) and filters <= set(repo.tags) and not repo.private
        ]
        found.sort(key=lambda one: -one["downloads"])
        self.say(200, found[: int(query.get("limit", ["1000"])[0])])


def lend(monkeypatch, hub, folder):
    """Have the hub's library, in this process and in its children, ask this hub; nothing of the user's is read."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(folder))
    monkeypatch.setenv("HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
