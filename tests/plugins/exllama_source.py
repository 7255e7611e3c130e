"""Reads what classes of Python source take and hold, without importing it: importing ExLlama compiles CUDA code."""

from __future__ import annotations

import ast

SOURCES = {
    "exllama==0.1.0": {
        "exllama/model.py": {
            "ExLlamaConfig": ("__init__", "set_auto_map"),
            "ExLlamaDeviceMap": ("__init__", "map"),
            "Ex4bitLinear": ("__init__", "lora_applies"),
            "ExLlama": ("__init__", "forward", "free_unmanaged"),
            "ExLlamaCache": ("__init__",),
        },
    },
    "exllamav2==0.3.2": {
        "exllamav2/config.py": {"ExLlamaV2Config": ("__init__",)},
        "exllamav2/module.py": {"ExLlamaV2Module": ("device",)},
        "exllamav2/linear.py": {"ExLlamaV2Linear": ("__init__",)},
        "exllamav2/model.py": {"ExLlamaV2": ("__init__", "load", "update_loras", "forward", "unload")},
        "exllamav2/cache.py": {"ExLlamaV2CacheBase": (), "ExLlamaV2Cache": ("__init__",)},
    },
}
"""By package and file, the classes and methods that the loader or the stand-ins lean on."""


def read_classes(source: str) -> dict[str, dict[str, object]]:
    """By class: the arguments of each method in words, without annotations, and the attributes it sets or declares."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            methods = {part.name: _arguments(part.args) for part in node.body if isinstance(part, ast.FunctionDef)}
            found[node.name] = {"methods": methods, "attributes": sorted(_attributes(node))}
    return found


def _arguments(arguments: ast.arguments) -> str:
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return ast.unparse(arguments)


def _attributes(node: ast.ClassDef) -> set[str]:
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and isinstance(part.value, ast.Name):
            found |= {part.attr} if part.value.id == "self" else set()
    declared = [part.target for part in node.body if isinstance(part, ast.AnnAssign)]
    return found | {target.id for target in declared if isinstance(target, ast.Name)}


def digest(classes: dict[str, dict[str, object]], wanted: dict[str, tuple[str, ...]]) -> dict[str, dict[str, object]]:
    """Of these classes, what `wanted` names."""
    return {
        name: {
            "methods": {method: classes[name]["methods"][method] for method in methods},
            "attributes": classes[name]["attributes"],
        }
        for name, methods in wanted.items()
    }
