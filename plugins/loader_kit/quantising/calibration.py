"""The text that shows which inputs a model's linears get: read from a file, cut into equal blocks of tokens."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from desktop.api import LoaderError

BLOCK = 512
"""Tokens in a block, where the model's context is no shorter."""
LEAST = 256
"""Tokens below which a text says too little."""
OWN = "calibration.jsonl"

_FORMS = (
    'Use a text file in UTF-8, or .json or .jsonl rows with "text", with "instruction" and "output", or with '
    '"messages".'
)


def read_blocks(path: str, tokenizer: Any, context: int, most: int) -> torch.Tensor:
    """Blocks of tokens (n, tokens) of a file, or of the text that comes along for an empty path; at most `most`, taken
    from all over it. Raises LoaderError where the file is missing, no text, or too short."""
    documents = _documents(path)
    end = getattr(tokenizer, "eos_token_id", None)
    ids: list[int] = []
    for document in documents:
        text, dressed = _text(document, tokenizer)
        ids += tokenizer(text, add_special_tokens=not dressed)["input_ids"]
        if end is not None and not dressed:
            ids.append(end)
    if len(ids) < LEAST:
        raise LoaderError(
            f"{path or OWN} holds {len(ids)} tokens, too few to calibrate with: at least {LEAST} are needed, and "
            "10,000 are better. Give a longer text, or leave --calibration out to use the one that comes along."
        )
    size = min(BLOCK, context or BLOCK, len(ids))
    count = len(ids) // size
    blocks = torch.tensor(ids[: count * size], dtype=torch.int64).view(count, size)
    if count <= most:
        return blocks
    return blocks[torch.linspace(0, count - 1, most).round().long()]


def _documents(path: str) -> list[Any]:
    """Texts, and rows of JSON as they stand."""
    if not path:
        return _rows(files(__package__).joinpath(OWN).read_text(encoding="utf-8"), OWN, lines=True)
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LoaderError(f"{file} is no text in UTF-8, so it can't calibrate anything. {_FORMS}") from error
    except OSError as error:
        raise LoaderError(
            f"The calibration text {file} can't be read ({error.strerror}). Name another file."
        ) from error
    if "\0" in text:
        raise LoaderError(f"{file} holds binary data, so it can't calibrate anything. {_FORMS}")
    if file.suffix.lower() in {".json", ".jsonl"}:
        return _rows(text, str(file), lines=file.suffix.lower() == ".jsonl")
    return [part for part in text.split("\n\n\n") if part.strip()]


def _rows(text: str, name: str, *, lines: bool) -> list[Any]:
    try:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LoaderError(f"{name} is no proper JSON ({error}). {_FORMS}") from error
    if not isinstance(rows, list):
        raise LoaderError(f"{name} is no list of rows. {_FORMS}")
    if wrong := next((number for number, row in enumerate(rows, 1) if not _is_known(row)), None):
        raise LoaderError(f"Row {wrong} of {name} has no text in it. {_FORMS}")
    return rows


def _is_known(row: Any) -> bool:
    if isinstance(row, str):
        return True
    if not isinstance(row, dict):
        return False
    if isinstance(messages := row.get("messages"), list):
        return all(isinstance(one, dict) and isinstance(one.get("content"), str) for one in messages)
    fields = ("text",) if "text" in row else ("instruction", "output")
    return all(isinstance(row.get(field), str) for field in fields) and isinstance(row.get("input", ""), str)


def _text(row: Any, tokenizer: Any) -> tuple[str, bool]:
    """The text of a row, and whether the model's chat template has dressed it."""
    if isinstance(row, str):
        return row, False
    if isinstance(row.get("text"), str):
        return row["text"], False
    messages = row.get("messages")
    if messages is None:
        question = "\n\n".join(part for part in (row["instruction"], row.get("input", "")) if part)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": row["output"]}]
    if getattr(tokenizer, "chat_template", None):
        try:
            return str(tokenizer.apply_chat_template(messages, tokenize=False)), True
        except Exception:
            pass
    return "\n\n".join(message["content"] for message in messages), False
