"""The adapter stack over the model's own modules: every adapter of a module in one pair of products.

Needs no PEFT. Attaching copies the factors in behind those of the others; changing a weight writes a vector; taking the
last one off takes the site out of the module. Plain LoRA and rsLoRA, any ranks, patterns, linears and embeddings.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from desktop.api import AttachReceipt, Lora

from .adapter_files import AdapterFiles, Factors, read_adapter
from .addition_site import Acting, AdditionSite, weighed
from .additions import Addition, make_additions, notes_on, with_token_rows
from .lora_site import Copies, Layout, LoraSite, Part, copy_all, dealt, reweight
from .matching import make_receipt, match_modules, scaling_of

KEPT = 64 * 1024 * 1024
"""Bytes of buffers that are kept when nothing is left in them. Fresh memory costs more time than the copying."""

_numbers = itertools.count(1)


class Row(msgspec.Struct):
    """One adapter that is attached."""

    lora: Lora
    receipt: AttachReceipt
    key: str
    """Its name in the buffers; never used twice."""
    scalings: dict[str, float]
    """By module: alpha / rank, or alpha / sqrt(rank)."""
    ranks: dict[str, int]
    fresh: dict[str, Factors]
    """Its factors until they are in the buffers."""
    additions: dict[str, Addition]
    """By module: what it brings besides factors."""


class FusedStack:
    """The adapters of one model, in the user's order. Every change is all or nothing."""

    def __init__(self, model: Any) -> None:
        """`model` is a torch module without adapters."""
        self._model = model
        self._modules: dict[str, Any] = dict(model.named_modules())
        self._sites: dict[str, LoraSite] = {}
        self._addition_sites: dict[str, AdditionSite] = {}
        self._rows: list[Row] = []

    @property
    def sites(self) -> dict[str, LoraSite]:
        """Where adapters act, by module name."""
        return {name: site for name, site in self._sites.items() if site.acts}

    @property
    def trained(self) -> set[str]:
        """Modules in whose place an adapter that acts brings a trained one."""
        acting = [row for row in self._rows if row.lora.effective_weight != 0]
        return {name for row in acting for name, addition in row.additions.items() if addition.trained is not None}

    @property
    def rows(self) -> list[Row]:
        """What is attached, in the user's order."""
        return list(self._rows)

    def replace(self, wanted: Sequence[Lora], read: Mapping[str, AdapterFiles] | None = None) -> list[AttachReceipt]:
        """Make `wanted` the whole stack. On any exception the stack is what it was.

        `read` has the files of adapters that were read already, by the row's id.
        """
        started = perf_counter()
        rows = [self._row(lora, (read or {}).get(lora.id)) for lora in wanted]
        additions = self._weigh_additions(rows)
        if self._only_weights_changed(rows):
            self._rows = rows
            self._reweight()
            self._settle_additions(additions)
        else:
            layouts = self._arrange(rows)
            for name in additions.keys() & self._sites.keys():
                # An addition stands under the factors, so those make room; they are back when they are settled.
                self._sites[name].leave()
            self._settle_additions(additions)
            self._settle(rows, layouts)
        took = (perf_counter() - started) * 1000
        for row in rows:
            if row.fresh:
                row.receipt = self._with_costs(row, took)
                row.fresh = {}
        return [row.receipt for row in rows]

    def _row(self, lora: Lora, files: AdapterFiles | None) -> Row:
        present = next((row for row in self._rows if (row.lora.id, row.lora.path) == (lora.id, lora.path)), None)
        if present is not None:
            receipt = msgspec.structs.replace(present.receipt, name=lora.name, weight=lora.effective_weight)
            return msgspec.structs.replace(present, lora=lora, receipt=receipt, fresh={})
        files = files or read_adapter(Path(lora.path), lora.name)
        matched = match_modules(self._model, files, self._modules)
        receipt = make_receipt(lora, files, matched)
        factors = with_token_rows(self._modules, files, matched)
        return Row(
            lora=lora,
            receipt=msgspec.structs.replace(receipt, notes=receipt.notes + notes_on(files)),
            key=f"row_{next(_numbers)}",
            scalings={name: scaling_of(name, files) if name in matched else 1.0 for name in factors},
            ranks={name: row.rank for name, row in factors.items()},
            fresh=factors,
            additions=make_additions(self._modules, files, matched),
        )

    def _only_weights_changed(self, rows: Sequence[Row]) -> bool:
        def acting(some: Sequence[Row]) -> list[str]:
            return [row.key for row in some if row.lora.effective_weight != 0]

        return [row.key for row in rows] == [row.key for row in self._rows] and acting(rows) == acting(self._rows)

    def _arrange(self, rows: Sequence[Row]) -> dict[str, Layout | None]:
        """Buffers for every site that changes, None for one that goes; nothing acts differently yet."""
        layouts: dict[str, Layout | None] = {}
        keep = sum(site.bytes_held for site in self._sites.values()) <= KEPT
        copies: Copies = []
        for name in {name for row in (*rows, *self._rows) for name in row.ranks}:
            parts = _parts(name, rows)
            site = self._site(name, rows)
            if not any(row.lora.effective_weight != 0 for row in rows if name in row.ranks) and site.parts:
                # Nothing acts here: what the buffers hold may stay where it is, and come back at no cost.
                parts = [part for part in site.parts if part in parts] + [
                    part for part in parts if part not in site.parts
                ]
            fresh = {row.key: row.fresh[name] for row in rows if name in row.fresh}
            if parts:
                layouts[name] = site.arranged(parts, fresh, copies)
            else:
                layouts[name] = site.emptied() if keep else None
        copy_all(copies)
        return layouts

    def _settle(self, rows: list[Row], layouts: Mapping[str, Layout | None]) -> None:
        self._rows = rows
        scales = dealt([_acting(name, rows) for name in layouts])
        for (name, layout), acting in zip(layouts.items(), scales, strict=True):
            if layout is not None:
                self._sites[name].settle(layout, acting)
            else:
                self._sites.pop(name).leave()

    def _weigh_additions(self, rows: Sequence[Row]) -> dict[str, Acting]:
        """What acts besides factors, for every module that has such an addition or is to have one."""
        names = {name for row in rows for name in row.additions} | self._addition_sites.keys()
        acting = [row for row in rows if row.lora.effective_weight != 0]
        return {
            name: weighed([(row.additions[name], row.lora.effective_weight) for row in acting if name in row.additions])
            for name in names
        }

    def _settle_additions(self, additions: Mapping[str, Acting]) -> None:
        for name, acting in additions.items():
            self._addition_sites.setdefault(name, AdditionSite(self._modules[name])).settle(acting)

    def _reweight(self) -> None:
        acting = {name: found for name in self._sites if (found := _acting(name, self._rows))}
        reweight([(self._sites[name], found) for name, found in acting.items()])

    def _site(self, name: str, rows: Sequence[Row]) -> LoraSite:
        if name not in self._sites:
            embedding = any(row.fresh[name].embedding for row in rows if name in row.fresh)
            self._sites[name] = LoraSite(self._modules[name], embedding=embedding)
        return self._sites[name]

    def _with_costs(self, row: Row, milliseconds: float) -> AttachReceipt:
        taken = sum(rank * self._sites[name].bytes_a_rank for name, rank in row.ranks.items())
        taken += sum(addition.bytes for addition in row.additions.values())
        return msgspec.structs.replace(row.receipt, bytes=taken, milliseconds=milliseconds)


def _parts(name: str, rows: Sequence[Row]) -> list[Part]:
    """What a site holds: rows that act, in order, then those at rest."""
    there = [row for row in rows if name in row.ranks]
    ordered = sorted(there, key=lambda row: row.lora.effective_weight == 0)
    return [Part(row.key, row.ranks[name]) for row in ordered]


def _acting(name: str, rows: Sequence[Row]) -> list[tuple[Part, float]]:
    return [
        (Part(row.key, row.ranks[name]), row.lora.effective_weight * row.scalings[name])
        for row in rows
        if name in row.ranks and row.lora.effective_weight != 0
    ]
