"""Mends what old model folders say of themselves, in a folder of links beside the untouched original.

The LLaMA folders of early 2023 spell class names their own way, leave special tokens empty and number them wrongly.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from desktop.api.checkpoints import read_json

CLASS_NAMES = {
    "LLaMATokenizer": "LlamaTokenizer",
    "LLaMAForCausalLM": "LlamaForCausalLM",
    # Written by transformers 5; versions 4 know the same thing by its old name.
    "TokenizersBackend": "PreTrainedTokenizerFast",
}


def repaired_files(folder: Path) -> dict[str, dict[str, Any]]:
    """The JSON files of a model folder that must be read differently from how they stand, by name."""
    repaired = {}
    for name, repair in (
        ("config.json", _config),
        ("tokenizer_config.json", _tokenizer),
        ("generation_config.json", _ids),
    ):
        if (folder / name).is_file():
            old = read_json(folder / name)
            new = repair(dict(old), folder)
            if new != old:
                repaired[name] = new
    return repaired


def make_view(folder: Path, files: Sequence[Path], repaired: dict[str, dict[str, Any]], view: Path) -> None:
    """Fill the empty folder `view` with links to a model's files, its repaired JSON, and its one weights file, if that
    has a name of its own, under the usual name."""
    for file in folder.iterdir():
        is_weights = file.suffix in {".safetensors", ".bin", ".pt", ".gguf"} or file.name.endswith(".index.json")
        if file.is_file() and not is_weights and file.name not in repaired:
            _link(file, view / file.name)
    for name, content in repaired.items():
        (view / name).write_text(json.dumps(content), encoding="utf-8")
    if len(files) == 1:
        usual = "model.safetensors" if files[0].suffix == ".safetensors" else "pytorch_model.bin"
        _link(files[0], view / usual)
        return
    for file in files:
        _link(file, view / file.name)
    for index in folder.glob("*.index.json"):
        _link(index, view / index.name)


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.resolve())
    except OSError:  # Windows lets only some users make symbolic links
        try:
            os.link(source, target)
        except OSError:  # another drive
            shutil.copyfile(source, target)


def _config(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    classes = config.get("architectures")
    if isinstance(classes, list):
        config["architectures"] = [CLASS_NAMES.get(name, name) for name in classes]
        if "LlamaForCausalLM" in config["architectures"]:
            config.setdefault("model_type", "llama")
    if _transformers_4():
        _spread_rope(config)
    return _ids(config, folder)


def _spread_rope(config: dict[str, Any]) -> None:
    """transformers 4 reads the rotary embedding's base and scaling at the top, and takes 10000 where they are not."""
    parameters = config.get("rope_parameters")
    if not isinstance(parameters, dict) or "rope_theta" not in parameters:
        return
    config.setdefault("rope_theta", parameters["rope_theta"])
    scaling = {key: value for key, value in parameters.items() if key != "rope_theta"}
    if scaling.get("rope_type", "default") != "default":
        config.setdefault("rope_scaling", scaling)


def _tokenizer(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    name = config.get("tokenizer_class")
    if name in CLASS_NAMES and (name != "TokenizersBackend" or _transformers_4()):
        config["tokenizer_class"] = CLASS_NAMES[name]
    # An empty special token is none; left out, the class's own default holds.
    for token in ("bos_token", "eos_token", "unk_token", "pad_token"):
        if _content(config.get(token)) == "":
            del config[token]
    if config.get("tokenizer_class") in {"LlamaTokenizer", "LlamaTokenizerFast"} and _only_sentencepiece(folder):
        # transformers 5 begins a text with BOS only where the folder says so; 4 always did, and LLaMA expects it.
        config.setdefault("add_bos_token", True)
    return config


def _ids(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    pad = config.get("pad_token_id")
    if isinstance(pad, int) and pad < 0:
        config["pad_token_id"] = None
    if _has_empty_specials(folder):
        config.update({name: number for name, number in _sentencepiece_ids(folder).items() if name in config})
    return config


def _only_sentencepiece(folder: Path) -> bool:
    return (folder / "tokenizer.model").is_file() and not (folder / "tokenizer.json").is_file()


def _has_empty_specials(folder: Path) -> bool:
    if not (folder / "tokenizer.model").is_file() or not (folder / "tokenizer_config.json").is_file():
        return False
    return bool(_content(read_json(folder / "tokenizer_config.json").get("eos_token")) == "")


def _sentencepiece_ids(folder: Path) -> dict[str, int]:
    """Numbers of the special tokens as the SentencePiece model itself has them."""
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    return {"bos_token_id": pieces.bos_id(), "eos_token_id": pieces.eos_id()}


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def _transformers_4() -> bool:
    from importlib.metadata import version

    return int(str(version("transformers")).split(".")[0]) < 5
