"""Opens a GGUF by converting it once: de-quantised by transformers' own reader, written as bfloat16 safetensors."""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

from desktop.api import Conversion, LoaderError, Progress, Verdict

ELEMENTS_PER_SECOND = 9_000_000
"""How fast de-quantising goes on a desktop CPU, measured at 9 to 10 million weights a second."""
BYTES_PER_ELEMENT_WORKING = 8
"""Memory at the peak: the de-quantised tensors beside their copy in the target type."""
SPARE_DISK = 64 * 1024 * 1024
"""Room for the tokenizer and the file system beyond the weights themselves."""


def gguf_verdict(path: Path) -> Verdict:
    """What a GGUF is and what converting it costs. Raises LoaderError for a broken file."""
    architecture, kind, elements = _read_header(path)
    conversion = Conversion(
        source=f"GGUF {kind}",
        target="bfloat16 safetensors",
        disk_bytes=elements * 2 + SPARE_DISK,
        memory_bytes=elements * BYTES_PER_ELEMENT_WORKING,
        seconds=elements / ELEMENTS_PER_SECOND,
    )
    return Verdict(
        fits=True,
        reason=f"A GGUF ({architecture}, {kind}); it is converted once and then loads like any other model.",
        format=f"GGUF {kind}",
        memory_bytes=elements * 2,
        conversion=conversion,
    )


def convert_gguf(source: Path, target: Path, progress: Progress) -> Path:
    """Write the model at `source` as a Hugging Face folder `target`, which must not exist; whole or not at all.

    Raises LoaderError if the file is broken or of an unknown architecture, or if the disk is too small.
    """
    judged = gguf_verdict(source)
    if target.exists():
        raise LoaderError(f"{target} is there already. Remove it or choose another place to convert to.")
    target.parent.mkdir(parents=True, exist_ok=True)
    need = judged.conversion.disk_bytes if judged.conversion else 0
    free = shutil.disk_usage(target.parent).free
    if free < need:
        raise LoaderError(
            f"Converting needs {need / 1e9:.2f} GB on the disk and {free / 1e9:.2f} GB are free in {target.parent}. "
            "Free some space and try again."
        )
    # Beside the target, so that the last step is a rename; a dot hides it from the library's listing.
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        progress("De-quantising the GGUF", None)
        _save_model(source, work)
        progress("Writing the tokenizer", 0.95)
        _save_tokenizer(source, work)
        _make_readable(work)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return target


def _read_header(path: Path) -> tuple[str, str, int]:
    """Architecture, quantisation in words, number of weights."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFReader

    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise LoaderError(f"{path} is no GGUF file, whatever its name says. Download it again.")
        reader = GGUFReader(path)
        field = reader.fields["general.architecture"]
        architecture = bytes(field.parts[field.data[0]]).decode("utf-8")
        sizes: dict[str, int] = {}
        for tensor in reader.tensors:
            name = GGMLQuantizationType(tensor.tensor_type).name
            sizes[name] = sizes.get(name, 0) + int(tensor.n_elements)
    except LoaderError:
        raise
    # The reader indexes into whatever the file says; a broken one may raise any of these.
    except (
        OSError,
        ValueError,
        KeyError,
        IndexError,
        OverflowError,
        TypeError,
        struct.error,
        np.exceptions.DTypePromotionError,
    ) as error:
        raise LoaderError(f"{path} is damaged or cut short ({error}). Download it again.") from error
    if not sizes:
        raise LoaderError(f"{path} holds no weights. Download it again.")
    return architecture, max(sizes, key=lambda name: sizes[name]), sum(sizes.values())


def _save_model(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            str(source.parent), gguf_file=source.name, dtype=torch.bfloat16, local_files_only=True
        )
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        words = str(error).split("\n")[0]
        raise LoaderError(f"transformers can't read this GGUF: {words}. Get the model as safetensors.") from error
    config = loaded.config
    # With this key every later load would look for a GGUF, and save_pretrained refuses.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = type(loaded)(config)
    plain.load_state_dict(loaded.state_dict(), assign=True)
    # assign=True parts lm_head from embed_tokens; tied again, one copy is written.
    plain.tie_weights()
    plain.generation_config = GenerationConfig.from_model_config(config)
    plain.save_pretrained(str(target))
    # rope_theta and torch_dtype are the names that transformers 4 reads: without the first it computes with 10000
    # and says nothing.
    old_names: dict[str, Any] = {"torch_dtype": "bfloat16"}
    theta = (getattr(config, "rope_parameters", None) or {}).get("rope_theta")
    if theta is not None:
        old_names["rope_theta"] = theta
    _edit(target / "config.json", old_names, drop=("_model_name_or_path",))


def _save_tokenizer(source: Path, target: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name, local_files_only=True)
    if _pre_tokenizer(source) == "smollm":
        _split_digits(tokenizer)
    tokenizer.save_pretrained(str(target))
    changes: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if tokenizer.chat_template:
        # transformers 4 doesn't read chat_template.jinja in all its versions.
        changes["chat_template"] = tokenizer.chat_template
    _edit(target / "tokenizer_config.json", changes, drop=("backend", "is_local", "local_files_only"))


def _split_digits(tokenizer: Any) -> None:
    """The pre-tokenizer "smollm": every digit alone, then GPT-2's pattern. transformers' reader knows the second half
    only, so that numbers and the line breaks before them became tokens the model was not trained on."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)]
    )


def _pre_tokenizer(source: Path) -> str:
    from gguf import GGUFReader

    field = GGUFReader(source).fields.get("tokenizer.ggml.pre")
    return bytes(field.parts[field.data[0]]).decode("utf-8") if field else ""


def _edit(path: Path, changes: dict[str, Any], drop: tuple[str, ...]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content = {key: _short(value) for key, value in content.items() if key not in drop} | changes
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _short(value: Any) -> Any:
    """A GGUF holds numbers in float32; 9.999999747378752e-06 was written as 1e-05."""
    import numpy as np

    return float(str(np.float32(value))) if isinstance(value, float) and np.isfinite(value) else value


def _make_readable(folder: Path) -> None:
    """save_pretrained leaves the weights readable by their owner only, mkdtemp the folder."""
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
    for file in folder.iterdir():
        file.chmod(0o666 & ~mask)
