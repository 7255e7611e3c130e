"""What this machine has, and packages from carried wheels."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def why_no_card() -> str:
    """Why nothing can be checked here, in words; empty where there is a card."""
    import torch

    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return f"There is no GPU to check: torch {torch.__version__} is built for the CPU."
    return f"There is no GPU to check: torch {torch.__version__} sees no CUDA device."


def card() -> str:
    """Its name and memory, with the versions that matter."""
    import torch

    if not torch.cuda.is_available():
        return f"no card, torch {torch.__version__}"
    found = torch.cuda.get_device_properties(0)
    return f"{found.name}, {found.total_memory / 2**30:.0f} GiB, torch {torch.__version__}, CUDA {torch.version.cuda}"


def used_memory() -> int:
    """Bytes of the first card that are in use, by anybody; 0 without one."""
    import torch

    if not torch.cuda.is_available():
        return 0
    free, total = torch.cuda.mem_get_info(0)
    return int(total - free)


def lacking(packages: tuple[str, ...], folder: Path | None) -> list[str]:
    """Packages that neither this interpreter nor the carried ones have."""
    return [name for name in packages if find_spec(name) is None and not (folder and (folder / name).exists())]


def unpack_wheels(wheels: Path, target: Path) -> None:
    """Install every wheel of a folder into another, without the network and without what they ask for."""
    files = sorted(str(file) for file in wheels.glob("*.whl"))
    if not files:
        raise SystemExit(f"There are no wheels in {wheels}.")
    options = ["--no-index", "--no-deps", "--target", str(target), "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *files], check=True)
