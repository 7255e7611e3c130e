"""Which device and which arithmetic type a model gets, and why, in words."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from desktop.api import LoaderError, LoadRequest

HEADROOM = 1.15
"""The share of the weights' size that must be free beyond them, for activations and the KV cache."""

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


class Place(msgspec.Struct, frozen=True):
    """Where and in which type a model computes."""

    device: torch.device
    dtype: torch.dtype
    notes: tuple[str, ...] = ()
    """Why, where it is not what the checkpoint says."""


def choose_place(request: LoadRequest, stored: torch.dtype, parameters: int) -> Place:
    """The device and type for a model of so many parameters stored in `stored`. Raises LoaderError."""
    device = choose_device(request.device)
    if request.dtype != "auto":
        return Place(device, DTYPES[request.dtype])
    if device.type == "cpu":
        return _on_cpu(device, request.device == "cpu", stored, parameters)
    if device.type == "cuda" and stored != torch.float16:
        if torch.cuda.is_bf16_supported():
            return Place(device, torch.bfloat16)
        return Place(device, torch.float16, ("This card has no bfloat16, so the model computes in float16.",))
    return Place(device, torch.float16)


def choose_device(wanted: str) -> torch.device:
    """The torch device for "auto", "cpu" or a name such as "cuda:1". Raises LoaderError if it is not there."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise LoaderError(f"There is no device called {wanted!r}. Use auto, cpu, cuda, cuda:1 or mps.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LoaderError(_no_cuda())
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LoaderError(f"There is no {wanted}: this machine has {torch.cuda.device_count()} CUDA device(s).")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise LoaderError("This machine has no Apple GPU that torch can use. Leave the device out or use --cpu.")
    return device


def available_memory() -> int:
    """Bytes of main memory that can still be used, the limit of a container included."""
    free = _machine_memory()
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):
            continue  # no such limit: the file is missing, or says "max"
    return max(free, 0)


def versions(*names: str) -> dict[str, str]:
    """Versions of installed distributions, those that are not installed left out."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def dtype_name(dtype: torch.dtype) -> str:
    """ "bfloat16" for torch.bfloat16."""
    return str(dtype).removeprefix("torch.")


def memory_map(limits: Mapping[str, int]) -> dict[Any, int]:
    """Per-device limits as accelerate wants them: CUDA devices by number."""
    return {int(name[5:]) if name.startswith("cuda:") else name: size for name, size in limits.items()}


def _on_cpu(device: torch.device, asked: bool, stored: torch.dtype, parameters: int) -> Place:
    fits = parameters * 4 * HEADROOM < available_memory()
    if asked or stored == torch.float32:
        if fits:
            return Place(device, torch.float32, ("Computing in float32 on the CPU.",) if asked else ())
        words = f"float32 would take {parameters * 4 / 1e9:.1f} GB, more than is free, so it computes in bfloat16."
        return Place(device, torch.bfloat16, (words,))
    if stored == torch.float16:
        return Place(device, torch.bfloat16, ("CPUs are slow in float16, so the model computes in bfloat16.",))
    return Place(device, stored)


def _no_cuda() -> str:
    if torch.version.cuda is None and (Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi")):
        return (
            f"This machine has an NVIDIA card, but the installed torch {torch.__version__} is built for the CPU only. "
            "The README tells how to install a CUDA build; until then leave the device out."
        )
    return "torch sees no CUDA device on this machine. Leave the device out or use --cpu."


def _machine_memory() -> int:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    try:
        import psutil  # type: ignore[import-untyped,unused-ignore]

        return int(psutil.virtual_memory().available)
    except ImportError:
        pass  # comes with accelerate; without it, ask the C library
    sysconf = getattr(os, "sysconf", None)
    return int(sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES")) if sysconf else 2**63
