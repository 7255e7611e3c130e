"""Opens a checkpoint with ExLlama or ExLlamaV2, and says in words what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch

from desktop.api import LoaderError, LoadRequest, ModelInfo, Progress, read_settings
from desktop.api.checkpoints import read_json
from loader_kit.devices import choose_device, versions
from loader_kit.gptq_checkpoint import GptqCheckpoint
from loader_kit.gptq_files import find_files
from loader_kit.gptq_format import recognise
from loader_kit.model_folder import first_line, load_tokenizer, usable_folder
from loader_kit.torch_model import find_end_tokens

from .choosing import choose, elsewhere
from .engine import TITLES, Engine, EngineName, Plan
from .engine_config import engine_config
from .info import why_unavailable
from .model import ExllamaModel
from .passes import Configurations, Ends
from .probe import verdict
from .settings import Settings

USUAL_CONTEXT = 8192
"""Room of the KV cache in tokens, for models made for longer texts: 128,000 tokens would take a card for themselves."""


def load_model(request: LoadRequest, progress: Progress) -> ExllamaModel:
    """Load a folder or a file. Raises LoaderError for what neither engine opens, and where neither can run."""
    settings = read_settings(Settings, request.settings)
    path = Path(request.path)
    judged = verdict(path)
    if not judged.fits:
        raise LoaderError(judged.reason)
    found, files = recognise(path), find_files(path)
    lacking = why_unavailable()
    if lacking:
        raise LoaderError(f"{lacking} {elsewhere(found)}")
    _refuse_other_arithmetic(request, found)
    config = engine_config(files.config or {}, files.quantisation or {})
    name = choose(found, files.config or {}, settings.engine)
    device = cuda_device(request.device, found)
    context = settings.context or min(int(config.get("max_position_embeddings", 2048)), USUAL_CONTEXT)
    progress("Reading the tokenizer", None)
    with usable_folder(path, files.folder, ()) as usable:
        tokenizer = load_tokenizer(usable, request.trust_remote_code)
    ends = _ends(files.folder, files.config or {}, tokenizer)
    plan = Plan(
        files=found.files, config=config, context=context, device=device, gigabytes=_gigabytes(request.memory_limits)
    )
    engine = open_engine(cast(EngineName, name), plan, progress)
    info = _info(request.path, name, found, plan, bool(getattr(tokenizer, "chat_template", None)))
    return ExllamaModel(engine, tokenizer, info, ends)


def open_engine(name: EngineName, plan: Plan, progress: Progress) -> Engine:
    """Import one engine and let it load. Raises LoaderError in words."""
    title = TITLES[name]
    progress(f"Starting {title}; the first time it compiles its CUDA code, which takes minutes", None)
    try:
        with threads_kept():
            import_module("exllama.model" if name == "exllama" else "exllamav2")
    except Exception as error:  # a compiler runs in there, and may fail in any way
        raise LoaderError(
            f"{title} can't be started: {first_line(error)}. It compiles CUDA code when it is first used: look whether "
            "nvcc, of the CUDA version torch was built with, and a C++ compiler are installed."
        ) from error
    progress("Loading weights", None)
    try:
        if name == "exllama":
            from .engine_v1 import ExllamaEngine

            return ExllamaEngine(plan)
        from .engine_v2 import ExllamaV2Engine

        return ExllamaV2Engine(plan)
    except torch.OutOfMemoryError:
        raise
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise LoaderError(f"{title} can't load this model: {first_line(error)}.") from error


@contextmanager
def threads_kept() -> Iterator[None]:
    """Importing exllamav2 sets torch's threads to one for the whole process."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def cuda_device(wanted: str, found: GptqCheckpoint) -> str:
    """The card to load on, such as "cuda:0". Raises LoaderError where it is none, naming who opens the model there."""
    device = choose_device(wanted)
    if device.type != "cuda":
        here = "torch sees none here" if wanted == "auto" else f"{wanted} is none"
        raise LoaderError(f"ExLlama computes on NVIDIA cards with CUDA only, and {here}. {elsewhere(found)}")
    return f"cuda:{device.index or 0}"


def _refuse_other_arithmetic(request: LoadRequest, found: GptqCheckpoint) -> None:
    if request.bits not in {16, found.bits}:
        raise LoaderError(
            f"This model is {found.words}, and its weights stay so. Leave {request.bits}-bit loading out."
        )
    if request.dtype not in {"auto", "float16"}:
        raise LoaderError(f"ExLlama computes in float16, not in {request.dtype}. Leave the type out.")


def _gigabytes(limits: Mapping[str, int]) -> tuple[float, ...]:
    """Limits of the cards, from cuda:0 on; a card without one takes none."""
    numbers = {int(name.removeprefix("cuda:")): size for name, size in limits.items() if name.startswith("cuda:")}
    return tuple(numbers.get(number, 0) / 2**30 for number in range(max(numbers, default=-1) + 1))


def _ends(folder: Path, config: Mapping[str, Any], tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, of both configurations and of the tokenizer."""
    file = folder / "generation_config.json"
    generation = read_json(file) if file.is_file() else {}
    said = Configurations(Ends(config.get("eos_token_id")), Ends(generation.get("eos_token_id")))
    return find_end_tokens(said, tokenizer)


def _info(path: str, name: str, found: GptqCheckpoint, plan: Plan, has_template: bool) -> ModelInfo:
    config = plan.config
    made_for = int(config.get("max_position_embeddings", plan.context))
    notes = [f"{TITLES[cast(EngineName, name)]} computes it, in float16."]
    if plan.context < made_for:
        notes.append(f"The cache has room for {plan.context:,} of the {made_for:,} tokens it was made for (context).")
    return ModelInfo(
        path=path,
        architecture=config["architectures"][0],
        dtype="float16",
        bits=round(found.bits or 4),
        device=plan.device,
        context_length=plan.context,
        vocabulary_size=config["vocab_size"],
        memory_bytes=found.memory_bytes,
        has_template=has_template,
        notes=(*notes, *found.remarks),
        versions=versions(name, "torch", "transformers"),
    )
