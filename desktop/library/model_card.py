"""The few facts that stand before the text of an adapter's README.md, and the version of PEFT that wrote it.

They are written in YAML, of which only plain values and lists at the outermost level are read.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

CARD = "README.md"
_LIMIT = 1 << 20
"""Bytes of a card that are looked into."""
_HEAD = 8 << 10
"""Bytes of a card that are read for its facts alone, where there are many cards."""
_ENTRY = re.compile(r"([A-Za-z_][\w-]*):(?:\s+(.*))?")
_ITEM = re.compile(r"\s*-\s+(.*)")
_QUOTED = re.compile(r"""(["'])(.*?)\1(?:\s+#.*)?""")
_BEGINNING = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*(\n|\Z)", re.DOTALL)
_PEFT = re.compile(r"^- PEFT (\d[\w.+-]*)\s*$", re.MULTILINE)


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever made the adapter says of it."""

    base_model: tuple[str, ...] = ()
    license: str = ""
    datasets: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    peft_version: str = ""


def read_model_card(folder: Path) -> ModelCard | None:
    """The card in an adapter's folder; None where there is none. Raises OSError if it can't be read."""
    if not (folder / CARD).is_file():
        return None
    with (folder / CARD).open("rb") as file:
        text = file.read(_LIMIT).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    facts = _front_matter(text)
    version = _PEFT.search(text)
    return ModelCard(
        base_model=facts.get("base_model", ()),
        license=", ".join(facts.get("license", ())),
        datasets=facts.get("datasets", ()),
        language=facts.get("language", ()),
        tags=facts.get("tags", ()),
        peft_version=version[1] if version else "",
    )


def read_front_matter(folder: Path) -> dict[str, tuple[str, ...]]:
    """Every value and list at the start of the card, by its name; none without a card. Raises OSError."""
    try:
        with (folder / CARD).open("rb", buffering=0) as file:
            return _front_matter(file.read(_HEAD).decode("utf-8-sig", "replace").replace("\r\n", "\n"))
    except (FileNotFoundError, NotADirectoryError):
        return {}


def read_card_text(folder: Path, limit: int) -> str:
    """The text of the card below its facts, at most so many characters; empty without a card. Raises OSError."""
    if not (folder / CARD).is_file():
        return ""
    with (folder / CARD).open("rb") as file:
        text = file.read(_LIMIT).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    body = _BEGINNING.sub("", text, count=1).strip()
    return body if len(body) <= limit else body[:limit].rpartition("\n")[0]


def _front_matter(text: str) -> dict[str, tuple[str, ...]]:
    """Every value and list between the two lines `---` at the start of a text, by its name."""
    head, *lines = text.split("\n")
    if head.rstrip() != "---":
        return {}
    found: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in lines:
        if line.rstrip() == "---":
            return found
        if entry := _ENTRY.fullmatch(line.rstrip()):
            name = entry[1]
            found[name] = _values(entry[2] or "")
        elif (item := _ITEM.fullmatch(line.rstrip())) and name:
            found[name] += _values(item[1])
    return {}


def _values(text: str) -> tuple[str, ...]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return tuple(value for part in text[1:-1].split(",") for value in _values(part))
    if quoted := _QUOTED.fullmatch(text):
        return (quoted[2],)
    text = text.partition(" #")[0].rstrip()
    return () if text in {"", "~", "null", "|", ">"} or text.startswith("#") else (text,)
