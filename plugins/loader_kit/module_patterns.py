"""PEFT's `rank_pattern` and `alpha_pattern`: values for modules, by names or regular expressions of a stranger's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from time import thread_time
from typing import Any

from desktop.api import LoaderError

from .config_check import shown

SECONDS = 0.5
"""Computing time all the expressions of a field may take; those that people write take a thousandth of it."""
_NAME = re.compile(r"[\w.\-]+")
_LENGTH = 1000
_PATHS = 2e6
"""Ways through one expression that are tried at the most, for a name of eighty letters: a third of a second."""


class ModulePatterns:
    """Values by module. A key holds for a module whose name it matches to the end, as a regular expression.

    A key without anything special in it is taken for a name, whose dots are dots.
    """

    def __init__(self, patterns: object, is_sound: Callable[[object], bool], adapter: str) -> None:
        """`patterns` is what the configuration says. Raises LoaderError where it makes no sense."""
        self._adapter = adapter
        self._names: dict[str, tuple[int, Any]] = {}
        self._expressions: list[tuple[int, re.Pattern[str], Any]] = []
        self._left = SECONDS
        if patterns is not None and not isinstance(patterns, Mapping):
            raise self._refusal(f"its patterns are {shown(patterns)}")
        for place, (key, value) in enumerate((patterns or {}).items()):
            if not is_sound(value):
                raise self._refusal(f"it has {shown(value)} for {shown(key)}")
            if _NAME.fullmatch(key):
                self._names[key] = (place, value)
            else:
                self._expressions.append((place, self._compiled(key), value))

    def of(self, module: str, default: Any) -> Any:
        """The value of the first key that holds for this module. Raises LoaderError if finding it takes too long."""
        if not self._names and not self._expressions:
            return default
        parts = module.split(".")
        endings = (".".join(parts[begin:]) for begin in range(len(parts)))
        place, value = min(
            (self._names[ending] for ending in endings if ending in self._names),
            key=lambda found: found[0],
            default=(math.inf, default),
        )
        if not self._expressions:
            return value
        started = thread_time()
        earlier = (row for row in self._expressions if row[0] < place)
        value = next((found for _, pattern, found in earlier if pattern.match(module)), value)
        self._spend(thread_time() - started)
        return value

    def _compiled(self, key: str) -> re.Pattern[str]:
        if len(key) > _LENGTH or _paths(key) > _PATHS:
            raise self._refusal(f"the pattern {shown(key)} could take for ever to be matched")
        started = thread_time()
        try:
            compiled = re.compile(rf"(.*\.)?({key})$")
        except (re.error, RecursionError, OverflowError) as error:
            raise self._refusal(f"{shown(key)} is no pattern ({error})") from error
        self._spend(thread_time() - started)
        return compiled

    def _spend(self, seconds: float) -> None:
        self._left -= seconds
        if self._left < 0:
            raise self._refusal("its patterns take too long to be matched")

    def _refusal(self, words: str) -> LoaderError:
        return LoaderError(
            f"The adapter_config.json of {self._adapter} makes no sense: {words}. Download the adapter again."
        )


def _paths(key: str) -> float:
    """A bound on the ways a backtracking matcher may go through an expression; infinite for repeated groups."""
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\.", "x", key, flags=re.DOTALL))
    if re.search(r"\)[*+{]", bare):
        return math.inf
    repeats = len(re.findall(r"[*+{]", bare))
    options = len(re.findall(r"(?<!\()\?", bare))
    groups = bare.count("(") + 1
    alternatives = ((bare.count("|") + groups) / groups) ** groups
    # Repeats share the letters of the name among them.
    return math.inf if repeats > 8 or options > 20 else math.comb(80 + repeats, repeats) * 2**options * alternatives
