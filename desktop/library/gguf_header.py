"""The first lines of a GGUF file: its architecture and how it is quantised."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import msgspec

from desktop.api import LoaderError

_READ = 64 * 1024
"""The facts wanted stand before the vocabulary, which alone is longer than this."""
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING = 8

_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
}  # fmt: skip
"""`general.file_type`, as llama.cpp numbers it."""
_IN_NAME = re.compile(
    r"(?<![a-z0-9])((?:IQ|TQ|Q)\d_(?:K_)?(?:XXS|XS|NL|S|M|L|K|\d)|BF16|F16|F32)(?![a-z0-9])", re.IGNORECASE
)


class GgufHeader(msgspec.Struct, frozen=True):
    """What a GGUF file says of itself before its vocabulary and its weights."""

    architecture: str
    """Such as "llama"; empty where it isn't among the first facts."""
    quantisation: str
    """Such as "Q4_K_M"; from the file's name where it isn't among the first facts, empty where neither says."""

    @property
    def bits(self) -> int | None:
        """Bits of a weight, as the quantisation's name has it."""
        digits = re.search(r"\d+", self.quantisation)
        return int(digits[0]) if digits else None


def read_gguf_header(path: Path) -> GgufHeader:
    """Raises LoaderError if the file is no GGUF or ends inside its header. Missing weights at its end aren't seen."""
    try:
        with path.open("rb") as file:
            data = file.read(_READ)
    except OSError as error:
        raise LoaderError(f"{path} can't be read ({error.strerror}).") from error
    if data[:4] != b"GGUF":
        raise LoaderError(f"{path} is no GGUF file, whatever its name says. Download it again.")
    try:
        facts = _facts(data)
    except (struct.error, UnicodeDecodeError) as error:
        raise LoaderError(f"{path} is damaged or cut short. Download it again.") from error
    number = facts.get("general.file_type")
    in_name = _IN_NAME.search(path.stem)
    quantisation = _FILE_TYPES.get(number, "") if isinstance(number, int) else ""
    architecture = facts.get("general.architecture", "")
    return GgufHeader(
        architecture=architecture if isinstance(architecture, str) else "",
        quantisation=quantisation or (in_name[1].upper() if in_name else ""),
    )


def _facts(data: bytes) -> dict[str, object]:
    """The plain facts up to the first list: the lists are the vocabulary, and nothing wanted here stands in one."""
    (version,) = struct.unpack_from("<I", data, 4)
    # Version 1 counts in 32 bits. A big-endian file has its version in the upper bytes; nothing is read from those.
    if version not in {1, 2, 3}:
        return {}
    size, at = ("<I", 16) if version == 1 else ("<Q", 24)
    (count,) = struct.unpack_from(size, data, at - struct.calcsize(size))
    found: dict[str, object] = {}
    try:
        for _ in range(count):
            key, at = _text(data, at, size)
            (kind,) = struct.unpack_from("<I", data, at)
            if kind == _STRING:
                found[key], at = _text(data, at + 4, size)
            elif kind in _NUMBERS:
                (found[key],) = struct.unpack_from(_NUMBERS[kind], data, at + 4)
                at += 4 + struct.calcsize(_NUMBERS[kind])
            else:
                break
    except struct.error:
        # Past what was read of a long file it is no damage: a chat template can be that long.
        if len(data) < _READ:
            raise
    return found


def _text(data: bytes, at: int, size: str) -> tuple[str, int]:
    (length,) = struct.unpack_from(size, data, at)
    start = at + struct.calcsize(size)
    if start + length > len(data):
        raise struct.error("text beyond the end")
    return data[start : start + length].decode("utf-8"), start + length
