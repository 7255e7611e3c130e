"""The stand-ins take what the real classes take; the real ones are read, never imported."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from exllama_loader import engine_v1, engine_v2
from tests.plugins.exllama_source import SOURCES, digest, read_classes
from tests.plugins.exllama_standins import CLASSES

HERE = Path(__file__).parent
KNOWN = json.loads((HERE / "exllama_signatures.json").read_text(encoding="utf-8"))
REAL = {name: facts for classes in KNOWN.values() for name, facts in classes.items()}
STAND_INS = {
    name: facts
    for file in ("exllama_standins.py", "exllamav2_standins.py")
    for name, facts in read_classes((HERE / file).read_text(encoding="utf-8")).items()
}
BASES = {"ExLlamaV2Cache": "ExLlamaV2CacheBase", "ExLlamaV2Linear": "ExLlamaV2Module"}
"""Classes that have some of what they hold from another."""
OWN = {"calls", "freed", "gpu_split"}
"""What the stand-ins remember for the tests."""


@pytest.mark.parametrize("name", sorted(set(REAL) - set(BASES.values())))
def test_a_stand_in_takes_what_the_real_class_takes(name):
    mine = STAND_INS[name]
    for method, arguments in REAL[name]["methods"].items():
        if (name, method) == ("ExLlamaV2Linear", "__init__"):
            # Made by ExLlamaV2 itself, which has many more arguments for it.
            assert arguments.startswith(mine["methods"][method])
        else:
            assert mine["methods"][method] == arguments, method


@pytest.mark.parametrize("name", sorted(set(REAL) - set(BASES.values())))
def test_a_stand_in_holds_nothing_that_the_real_class_doesn_t(name):
    there = {attribute for part in (name, BASES.get(name, name)) for attribute in REAL[part]["attributes"]}
    public = {attribute for attribute in STAND_INS[name]["attributes"] if not attribute.startswith("_")}
    assert public - OWN <= there


@pytest.mark.parametrize(("engine", "package"), [(engine_v1, "exllama"), (engine_v2, "exllamav2")])
def test_the_loader_imports_only_what_has_a_stand_in(engine, package):
    tree = ast.parse(Path(engine.__file__).read_text(encoding="utf-8"))
    imported = {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package
        for name in node.names
    }
    assert imported == {one.__name__ for one in CLASSES[package]}


@pytest.mark.long
@pytest.mark.parametrize("package", SOURCES)
def test_the_packages_own_source_is_as_it_is_known(package, tmp_path):
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-d", tmp_path, package]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    found = {}
    with ZipFile(wheel) as archive:
        for file, wanted in SOURCES[package].items():
            found |= digest(read_classes(archive.read(file).decode()), wanted)
    assert found == KNOWN[package]
