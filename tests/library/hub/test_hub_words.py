"""Everything that goes wrong has a sentence of its own that says what to do, and no secret in it."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections import namedtuple

import pytest
from huggingface_hub import constants

from desktop.library.hub import staging, transfer
from desktop.library.hub.http_words import from_status
from desktop.library.hub.problems import without_secrets
from desktop.library.hub.record import find_unfinished
from tests.library.fake_hub import Fault

NAME = "tloen/alpaca-lora-7b"
TOKEN = "hf_verysecrettoken"
Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture
def token(monkeypatch, hub):
    """The user is logged in."""
    hub.tokens.add(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def refused(went, kind, *words):
    assert went.failed, went.events
    assert went.failed.kind == kind, went.failed
    for text in words:
        assert text in went.failed.message
    assert "secret" not in str(went.events)
    assert went.finished is None
    return went


def test_gated_says_how_to_ask_and_to_log_in(download, adapter, hub):
    hub.repos[NAME].gated = "manual"
    refused(download(NAME), "gated", "is gated. Ask for access", f"{hub.url}/{NAME}", "hf auth login", "HF_TOKEN")


def test_missing_and_private_can_t_be_told_apart_without_a_token(download, adapter, hub):
    hub.repos[NAME].private = True
    words = ("or it is private: who is not logged in can't tell", "hf auth login")
    refused(download(NAME), "missing", *words)
    refused(download("nobody/nothing"), "missing", *words)


def test_missing_with_a_token(download, hub, token):
    refused(download("nobody/nothing"), "missing", "your token may not see it. Check the name")


def test_a_token_that_is_not_accepted(download, adapter, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_verysecretother")
    refused(download(NAME), "login", "does not accept your token")


def test_private_with_the_right_token(download, adapter, hub, token):
    hub.repos[NAME].private = True
    assert download(NAME).finished


def test_no_such_branch(download, adapter):
    refused(download(f"{NAME}:nope"), "revision", "no branch, tag or commit 'nope'")


def test_forbidden(download, adapter, hub):
    hub.faults["info"].append(Fault(status=403))
    refused(download(NAME), "forbidden", "403", "token may lack the right")


def test_offline_by_wish(download, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(download(NAME), "offline", "HF_HUB_OFFLINE is set")


def test_nobody_listens(download, hub, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    went = refused(download(NAME), "offline", f"the mirror 127.0.0.1:{port} (HF_ENDPOINT) can't be reached")
    assert len(went.waits) == 2


def test_no_dns(download, hub, monkeypatch):
    def nothing(*_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    refused(download(NAME), "dns", "name of the mirror hub.invalid (HF_ENDPOINT) was not found")


def test_an_address_that_is_none(download, hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "ftp://hub.invalid")
    refused(download(NAME), "offline", "Check HF_ENDPOINT")


def test_a_proxy_that_refuses(download, hub, monkeypatch):
    from huggingface_hub.utils._http import close_session

    hub.faults["info"].extend([Fault(status=407)] * 5)
    monkeypatch.setenv("NO_PROXY", "")
    for name in ("ALL_PROXY", "all_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", hub.url.replace("://", "://me:secret@"))
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    close_session()
    try:
        refused(download(NAME), "proxy", "The proxy did not let the download through", "Check HTTPS_PROXY")
    finally:
        close_session()


def test_rate_limited_waits_as_long_as_it_is_asked_to(download, adapter, hub, monkeypatch):
    waited = []
    hub.faults["info"].append(Fault(status=429, headers=(("Retry-After", "7"),)))
    from desktop.library.hub.remote import list_files
    from desktop.library.hub.retrying import Patience

    told = []
    patience = Patience(3, 0.001, lambda *words: told.append(words))
    monkeypatch.setattr(patience.stopping, "wait", waited.append)
    assert patience.run(lambda: list_files(NAME, "main"), NAME, "main").commit
    assert waited == [7.0]
    assert "asked too often (429). It asks to wait 7 seconds" in told[0][0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12),
        ({"RateLimit": '"api";r=0;t=55', "Retry-After": "1"}, 55),
        ({"RateLimit": '"api";r=9;t=55'}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_the_hub_asks_to_wait(headers, seconds):
    assert from_status(429, headers).wait == seconds


def test_rate_limited_for_good(download, adapter, hub):
    hub.faults["info"].extend([Fault(status=429, headers=(("Retry-After", "0"),))] * 9)
    assert len(refused(download(NAME), "rate", "429", "Logged in, one may ask more often").waits) == 2


def test_a_wait_of_hours_is_told_at_once(download, adapter, hub):
    hub.faults["info"].append(Fault(status=429, headers=(("Retry-After", "86400"),)))
    assert refused(download(NAME), "rate", "wait 86400 seconds").waits == []


@pytest.mark.parametrize("where", ["info", "tree", "resolve", "content"])
def test_trouble_of_the_hub_itself(download, adapter, hub, where, home):
    hub.faults[where].extend([Fault(status=503)] * 40)
    assert len(refused(download(NAME), "server", "HTTP 503", "what has come is kept").waits) >= 2
    hub.faults[where].clear()
    assert download(NAME).finished


def test_a_connection_that_is_cut_and_cut(download, adapter, hub):
    hub.faults["content"].extend([Fault(cut=0)] * 40)
    refused(download(NAME), "cut", "What has come is kept: try again")


def test_as_long_as_something_comes_it_goes_on(download, adapter, hub):
    hub.faults["content"].extend([Fault(cut=4000)] * 8)
    assert download(NAME).finished


def test_silence(download, adapter, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    hub.faults["content"].extend([Fault(slow=0.4)] * 12)
    refused(download(NAME), "timeout", "did not answer in time")


def test_other_bytes_are_never_kept(download, adapter, hub, home):
    hub.faults["content"].extend([Fault(wrong=True)] * 40)
    went = refused(download(NAME), "hash", "is not the file the hub lists", "It was not kept")
    assert len(went.waits) >= 2
    assert list(home.loras.glob("[!.]*")) == []
    (one,) = find_unfinished(home.loras)
    assert one.done == 0
    hub.faults["content"].clear()
    assert download(NAME).finished


def test_too_little_room_is_told_before_anything_comes(download, adapter, hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12 - 1000, 1000))
    refused(download(NAME), "disk", "are to come, and 1.00 kB are free", "--output")
    assert not hub.sent


def test_a_disk_that_fills_up_meanwhile(download, adapter, hub, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(transfer.os, "fsync", full)
    monkeypatch.setattr("desktop.library.hub.record.write_atomically", lambda path, data: path.write_bytes(data))
    refused(download(NAME), "disk", "The disk is full")
    monkeypatch.undo()


def test_no_permission(download, adapter, hub, monkeypatch, home):
    def denied(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(home.loras))

    monkeypatch.setattr(staging, "write_record", denied)
    refused(download(NAME), "permission", f"no permission to write {home.loras}", "--output")


def test_somebody_else_downloads_the_same(download, adapter, hub, home):
    with staging.locked(home.loras / "tloen_alpaca-lora-7b"):
        refused(download(NAME), "busy", "is being downloaded already")


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_is_listed_and_not_there(download, adapter, hub, status):
    hub.faults["content"].extend([Fault(status=status)] * 40)
    refused(download(NAME), "file", "The server that keeps", f"refuses it (HTTP {status})")


def test_an_address_that_has_run_out_is_asked_for_again(download, adapter, hub):
    hub.faults["content"].append(Fault(status=403))
    assert download(NAME).finished


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"401 for https://me:{TOKEN}@proxy:8080/x",
        "https://cdn.example/file?X-Amz-Signature=verysecret&Expires=1 said 403",
        f"token={TOKEN}",
    ],
)
def test_secrets_are_taken_out(text):
    assert "secret" not in without_secrets(text)
    assert "secret" not in without_secrets("my secret", "secret")
