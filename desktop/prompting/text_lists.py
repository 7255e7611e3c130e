"""Several texts on one line: separated by |, with \\n for a line break, \\| for a bar and \\\\ for a backslash."""

from __future__ import annotations

import re
from collections.abc import Sequence


def texts_from(line: str) -> tuple[str, ...]:
    """The texts a line stands for, none of them empty; spaces belong to them."""
    parts = re.findall(r"(?:\\.|[^|\\]|\\$)+", line)
    return tuple(re.sub(r"\\([n|\\])", lambda one: "\n" if one[1] == "n" else one[1], part) for part in parts)


def line_from(texts: Sequence[str]) -> str:
    """The line that stands for these texts."""
    return "|".join(re.sub(r"([|\\])", r"\\\1", text).replace("\n", "\\n") for text in texts)
