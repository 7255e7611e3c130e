"""What computes here: what torch sees in each loader's interpreter, against what the machine has."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from .loaders import Loaders

DEADLINE = 120.0
"""Seconds an interpreter has to import torch; a cold disk can be slow."""
COMMAND = (
    "{python} -m pip install --force-reinstall torch=={version} --index-url https://download.pytorch.org/whl/{build}"
)
CUDA, ROCM = "cu130", "rocm7.1"
"""Builds of torch on PyTorch's own index, as docs/install.md has them."""

_LOOK = """
import json, torch
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
mps = bool(getattr(torch.backends, "mps", None)) and torch.backends.mps.is_available()
print(json.dumps({"torch": str(torch.__version__), "cuda": torch.version.cuda or "",
                  "rocm": getattr(torch.version, "hip", None) or "", "devices": names, "mps": mps,
                  "threads": torch.get_num_threads()}))
"""


class TorchSight(msgspec.Struct, frozen=True, kw_only=True):
    """What torch says in one interpreter."""

    torch: str
    cuda: str = ""
    """The CUDA version it was built for; empty for another build."""
    rocm: str = ""
    devices: tuple[str, ...] = ()
    """Names of the CUDA or ROCm devices it sees."""
    mps: bool = False
    threads: int = 0


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Accelerators the machine has, by what the system says; torch is not asked."""

    nvidia: tuple[str, ...] = ()
    amd: bool = False
    apple: bool = False


class DeviceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line for the user."""

    title: str
    words: str
    command: str = ""
    """What mends it, to be copied; empty where nothing is amiss."""


def look_at_devices(loaders: Loaders) -> list[DeviceLine]:
    """The lines for every interpreter in use. Takes seconds."""
    machine = look_at_machine()
    pythons = dict.fromkeys(loaders.launch(ref).python for ref in loaders.refs) or {sys.executable: None}
    return [line for python in pythons for line in device_lines(python, ask_torch(python), machine)]


def ask_torch(python: str) -> TorchSight | str:
    """What torch sees in an interpreter, or why it can't be asked."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _LOOK], capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL
        )
        return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=TorchSight)
    except subprocess.TimeoutExpired:
        return f"torch did not answer within {DEADLINE:.0f} seconds."
    except OSError as error:
        return f"The interpreter can't be started ({error.strerror})."
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return f"torch can't be imported: {last}"


def look_at_machine() -> Machine:
    """What the system knows of accelerators."""
    return Machine(
        nvidia=_nvidia_names(),
        amd=Path("/dev/kfd").exists(),
        apple=sys.platform == "darwin" and platform.machine() == "arm64",
    )


def device_lines(python: str, sight: TorchSight | str, machine: Machine) -> list[DeviceLine]:
    """What to tell about one interpreter, with the command that mends what is amiss."""
    if isinstance(sight, str):
        return [DeviceLine(title=python, words=sight)]
    title = f"torch {sight.torch}"
    lines = [DeviceLine(title="CPU", words=f"{title} computes with {sight.threads} threads ({python}).")]
    lines += [DeviceLine(title=name, words=f"{title} sees it.") for name in sight.devices]
    if sight.mps:
        lines.append(DeviceLine(title="Apple GPU", words=f"{title} sees it; LoRA Deck has not been tried on it yet."))
    if machine.nvidia and not sight.devices:
        card = machine.nvidia[0]
        if not sight.cuda:
            words = f"This machine has an {card}, but {title} is built without CUDA, so nothing runs on the card."
            lines.append(DeviceLine(title=card, words=words, command=_command(python, sight, CUDA)))
        else:
            words = f"{title} (CUDA {sight.cuda}) doesn't see the {card}. Update the NVIDIA driver."
            lines.append(DeviceLine(title=card, words=words, command="nvidia-smi"))
    if machine.amd and not sight.rocm and not machine.nvidia:
        words = f"This machine has an AMD GPU, but {title} is built without ROCm, so nothing runs on it."
        lines.append(DeviceLine(title="AMD GPU", words=words, command=_command(python, sight, ROCM)))
    if machine.apple and not sight.mps:
        lines.append(
            DeviceLine(title="Apple GPU", words=f"{title} doesn't see it. Update macOS, or install torch anew.")
        )
    return lines


def _command(python: str, sight: TorchSight, build: str) -> str:
    quoted = f'"{python}"' if " " in python else python
    return COMMAND.format(python=quoted, version=sight.torch.partition("+")[0], build=build)


def _nvidia_names() -> tuple[str, ...]:
    tool = shutil.which("nvidia-smi")
    if tool is not None:
        try:
            done = subprocess.run(
                [tool, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=20
            )
            names = tuple(line.strip() for line in done.stdout.splitlines() if line.strip())
            if done.returncode == 0 and names:
                return names
        except (OSError, subprocess.TimeoutExpired):
            pass  # a driver that hangs; the folder below still tells that there is a card
    return ("NVIDIA card",) if Path("/proc/driver/nvidia").exists() else ()
