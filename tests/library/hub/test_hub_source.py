"""What is typed or pasted, as a repository, a revision and a file."""

from __future__ import annotations

import pytest

from desktop.library.hub.problems import HubError
from desktop.library.hub.source import Source, parse_source

HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("tloen/alpaca-lora-7b", Source("tloen/alpaca-lora-7b")),
        ("  tloen/alpaca-lora-7b/ ", Source("tloen/alpaca-lora-7b")),
        ("gpt2", Source("gpt2")),
        ("a/b:v1.0", Source("a/b", "v1.0")),
        ("a/b:refs/pr/12", Source("a/b", "refs/pr/12")),
        ("a/b:feature/x", Source("a/b", "feature/x")),
        (f"{HUB}/a/b", Source("a/b")),
        (f"{HUB}/models/a/b/", Source("a/b")),
        (f"{HUB}/a/b/tree/main", Source("a/b")),
        (f"{HUB}/a/b/tree/v2", Source("a/b", "v2")),
        (f"{HUB}/a/b/tree/refs%2Fpr%2F3", Source("a/b", "refs/pr/3")),
        (f"{HUB}/a/b/tree/refs/pr/3", Source("a/b", "refs/pr/3")),
        (f"{HUB}/a/b/tree/feature%2Fx", Source("a/b", "feature/x")),
        (f"{HUB}/a/b/tree/main/sub/folder", Source("a/b")),
        (f"{HUB}/a/b/blob/main/x/m.gguf?download=true", Source("a/b", "main", "x/m.gguf")),
        (f"{HUB}/a/b/resolve/main/m%20x.Q4_K_M.gguf", Source("a/b", "main", "m x.Q4_K_M.gguf")),
        (f"{HUB}/a/b/raw/refs%2Fpr%2F1/c.json", Source("a/b", "refs/pr/1", "c.json")),
        (f"{HUB}/a/b/discussions/4", Source("a/b")),
        (f"{HUB}/gpt2/tree/main", Source("gpt2")),
        ("huggingface.co/a/b", Source("a/b")),
        ("hf.co/a/b/tree/v2", Source("a/b", "v2")),
        ("hf://a/b", Source("a/b")),
        ("https://hf-mirror.com/a/b", Source("a/b")),
        ("http://mirror.local:8080/a/b/tree/x", Source("a/b", "x")),
    ],
)
def test_what_is_understood(text, source, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.local:8080")
    assert parse_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "a/b/c", "../b", "a/..", "a/b:", "a/b:..", "a/b:x y", "a b/c", "a/b:-x", "https://example.com/a/b",
        "ftp://huggingface.co/a/b", f"{HUB}/datasets/a/b", f"{HUB}/spaces/a/b", "a/b:\x1b[2J", "é/b", "CON", "-a/b",
        f"{HUB}/a/b/resolve/main/../../etc/passwd", f"{HUB}/a/b/resolve/main/%2e%2e/x", "a" * 97 + "/b",
    ],
)  # fmt: skip
def test_what_is_refused_says_how_to_write_it(text):
    with pytest.raises(HubError) as caught:
        parse_source(text)
    assert caught.value.kind in ("name", "hostile")


@pytest.mark.parametrize(
    ("text", "folder"), [("a/b", "a_b"), ("a/b:v1", "a_b_v1"), ("a/b:refs/pr/1", "a_b_refs_pr_1"), ("gpt2", "gpt2")]
)
def test_the_folder(text, folder):
    assert parse_source(text).folder == folder
