"""From a record's value to the parts of a training row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from desktop.api import Part
from desktop.prompting.templates import choose_template

from .kinds import Shape
from .plan import DataPlan


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """Makes the parts of a row from a record's value, or raises RowError."""

    make: Callable[[Any], tuple[Part, ...]]
    name: str
    """Of the template or format."""
    columns: frozenset[str] = frozenset()
    """Columns it looks at."""
    add_special_tokens: bool = True
    cut: bool = False
    notes: tuple[str, ...] = ()


def choose_maker(plan: DataPlan, shape: Shape) -> Maker:
    """The maker for a plan."""
    template = choose_template(plan.template or "alpaca", False)

    def make(value: Any) -> tuple[Part, ...]:
        roles = {role: value.get(column) or "" for role, column in shape.mapping.items()}
        prompt = template.render(roles["instruction"], roles["input"])
        return (Part(prompt, trained=plan.loss == "all"), Part(roles["output"]))

    return Maker(make=make, name=template.name, columns=frozenset(shape.mapping.values()))
