"""Sizes as people write and read them."""

from __future__ import annotations

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


class SizeError(ValueError):
    """A text is no size; the message says how to write one."""


def parse_memory_limit(text: str) -> tuple[str, int]:
    """("cuda:0", 10_000_000_000) from "cuda:0=10GB". Raises SizeError."""
    device, separator, size = text.rpartition("=")
    number = size.strip().upper().removesuffix("B")
    digits = number.rstrip("KMGI")
    try:
        amount = int(float(digits) * _UNITS[number[len(digits) :]])
    except (KeyError, ValueError, OverflowError):
        amount = 0
    if not separator or not device.strip() or amount <= 0:
        raise SizeError(f"{text}: write it as DEVICE=SIZE, for example cuda:0=10GB or cpu=16GB.")
    return device.strip(), amount


def size_in_words(size: float) -> str:
    """Three figures and a unit of 1000: "1.23 GB", "98.4 MB", "512 B"."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            decimals = 0 if unit == "B" or size >= 99.95 else 1 if size >= 9.995 else 2
            return f"{size:.{decimals}f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")
