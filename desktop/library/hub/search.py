"""Finds models and adapters on the hub, and says which adapters fit a model of the library."""

from __future__ import annotations

import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from huggingface_hub import HfApi

from desktop import __version__
from desktop.api import LoaderError
from desktop.api.checkpoints import ADAPTER_HEADER_LIMIT, ADAPTER_JSON_LIMIT, read_json, read_safetensors_header
from desktop.library.fit import Fit, Shapes, compare, model_shapes

from .choosing import CONFIG
from .events import Hit, Search
from .http_words import in_words
from .remote import read_range, watched_session

_FIELDS = ["downloads", "gated", "likes", "pipeline_tag", "siblings", "tags", "usedStorage"]
_WEIGHTS = "adapter_model.safetensors"
_FIRST = 128 * 1024
"""Bytes of a weights file asked for first: the header of most adapters is shorter."""
_TOGETHER = 6
"""Adapters looked into at the same time."""


def search(asked: Search) -> tuple[Hit, ...]:
    """What the hub has, the most downloaded first. Raises HubError, or what the hub's library raises."""
    found: dict[str, Any] = {}
    for tags in _filters(asked):
        watched_session()
        api = HfApi(library_name="lora-deck", library_version=__version__)
        options: dict[str, Any] = {"pipeline_tag": "text-generation"} if asked.kind == "model" else {}
        listed = api.list_models(
            search=asked.words or None,
            filter=tags or None,
            sort="downloads",
            limit=asked.limit,
            expand=_FIELDS,  # type: ignore[arg-type]
            **options,
        )
        found |= {info.id: info for info in listed}
    hits = [_hit(info) for info in found.values()]
    hits = [hit for hit in hits if asked.kind in ("", hit.kind)]
    hits = sorted(hits, key=lambda hit: -hit.downloads)[: asked.limit]
    return _judged(hits, found, asked.model) if asked.model else tuple(hits)


def judge_remote(repo: str, names: list[str], model: Shapes) -> Fit:
    """Whether an adapter on the hub fits a model, from its configuration and the header of its weights."""
    if CONFIG not in names:
        return Fit("unknown", f"it has no {CONFIG} at its outermost level")
    try:
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / CONFIG
            config.write_bytes(read_range(repo, CONFIG, ADAPTER_JSON_LIMIT))
            kind = str(read_json(config, ADAPTER_JSON_LIMIT).get("peft_type", "LORA"))
            if kind.upper() not in ("LORA", "ADALORA"):
                return Fit("unknown", f"it is of the kind {kind[:40]}, whose shapes say nothing")
            if _WEIGHTS not in names:
                return Fit("unknown", "its weights are a .bin, which can't be looked into before it is here")
            weights = Path(folder) / _WEIGHTS
            weights.write_bytes(_header(repo))
            tensors = read_safetensors_header(weights, ADAPTER_HEADER_LIMIT, whole=False)
        return compare({tensor.name: tensor.shape for tensor in tensors}, model)
    except LoaderError:
        return Fit("unknown", "its files on the hub make no sense")
    except Exception as error:
        return Fit("unknown", str(in_words(error, repo)))


def _header(repo: str) -> bytes:
    """The length and the header of a safetensors file, and perhaps some bytes more."""
    begin = read_range(repo, _WEIGHTS, _FIRST)
    length = struct.unpack("<Q", begin[:8])[0] if len(begin) >= 8 else 0
    if 8 + length <= len(begin) or length > ADAPTER_HEADER_LIMIT:
        return begin
    return read_range(repo, _WEIGHTS, 8 + length)


def _judged(hits: list[Hit], found: dict[str, Any], model: str) -> tuple[Hit, ...]:
    try:
        shapes = model_shapes(Path(model))
    except (LoaderError, OSError) as error:
        return tuple(msgspec.structs.replace(hit, verdict="unknown", reason=str(error)) for hit in hits)

    def judge(hit: Hit) -> Hit:
        if hit.kind != "adapter":
            return hit
        names = [sibling.rfilename for sibling in found[hit.repo].siblings or ()]
        fit = judge_remote(hit.repo, names, shapes)
        return msgspec.structs.replace(hit, verdict=fit.verdict, reason=fit.reason)

    with ThreadPoolExecutor(_TOGETHER, thread_name_prefix="search") as pool:
        return tuple(pool.map(judge, hits))


def _filters(asked: Search) -> list[list[str]]:
    """The tags of each question: one for each name of the base, because the hub knows no "or"."""
    if asked.bases:
        return [[f"base_model:adapter:{name}"] for name in asked.bases]
    return [["peft"]] if asked.kind == "adapter" else [[]]


def _hit(info: Any) -> Hit:
    tags = [str(tag) for tag in info.tags or ()]
    bases = [tag.removeprefix("base_model:adapter:") for tag in tags if tag.startswith("base_model:adapter:")]
    names = {sibling.rfilename for sibling in info.siblings or ()}
    is_adapter = bool(bases) or "peft" in tags or CONFIG in names
    return Hit(
        repo=info.id,
        kind="adapter" if is_adapter else "model",
        base=bases[0] if bases else "",
        size=getattr(info, "used_storage", None) or 0,
        downloads=info.downloads or 0,
        license=next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), ""),
        gated=bool(info.gated),
    )
