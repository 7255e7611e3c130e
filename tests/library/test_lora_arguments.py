"""What the user types after `--lora`: a name, a weight, and the row of the stack they make."""

import math
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.library.home import Home
from desktop.library.names import NameNotFound, make_row_id, parse_loras
from desktop.library.settings import Settings
from tests.library.making import make_adapter

NONE = Settings()


def weights_of(texts, home):
    return [(Path(row.path).name, row.weight) for row in parse_loras(texts, home, NONE)]


def test_names_with_weights(home):
    for name in ("a", "a=b", "a=b=0.5", "c"):
        make_adapter(home.loras / name)
    texts = ["a", "a=0.5", "a=-2", "a=b", "a=b=0.5", "a=b=0.25", "a=b=0.5=3", "c=1e-3", "c=.5", "c=0", "c=+1."]
    assert weights_of(texts, home) == [
        ("a", 1.0), ("a", 0.5), ("a", -2.0), ("a=b", 1.0), ("a=b=0.5", 1.0), ("a=b", 0.25), ("a=b=0.5", 3.0),
        ("c", 0.001), ("c", 0.5), ("c", 0.0), ("c", 1.0),
    ]  # fmt: skip


def test_a_folder_that_is_no_adapter_does_not_hide_a_weight(home):
    make_adapter(home.loras / "a")
    (home.loras / "a=0.5").mkdir()
    assert weights_of(["a=0.5"], home) == [("a", 0.5)]
    (home.loras / "b=x").mkdir()
    assert weights_of(["b=x"], home) == [("b=x", 1.0)], "the loader says what is wrong with it"


@pytest.mark.parametrize("weight", ["", "x", "nan", "inf", "-inf", "1e999", "1_0", "0x1", " 1", "١", "0.5x", "--1"])
def test_a_weight_that_is_none_is_told(home, weight):
    make_adapter(home.loras / "a")
    with pytest.raises(NameNotFound) as caught:
        parse_loras([f"a={weight}"], home, NONE)
    assert f"{weight!r} in {f'a={weight}'!r} is no weight" in str(caught.value)
    assert "a=0.5" in str(caught.value)


def test_a_comma_is_answered_with_a_point(home):
    make_adapter(home.loras / "a")
    with pytest.raises(NameNotFound, match=r"Write 0\.5\.$"):
        parse_loras(["a=0,5"], home, NONE)


def test_an_unknown_name_with_a_weight_is_told_without_the_weight(home):
    make_adapter(home.loras / "alpaca")
    with pytest.raises(NameNotFound, match=r"There is no adapter 'alpca'\..*Close names: 'alpaca'\."):
        parse_loras(["alpca=0.5"], home, NONE)


# No "/" and no NUL, which no file name holds; short enough for 255 bytes.
names = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: name not in {".", ".."} and os.name == "posix"
)


@settings(max_examples=60, deadline=None)
@given(name=names, weight=st.floats(allow_nan=False, allow_infinity=False))
def test_every_name_takes_every_weight(name, weight):
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        adapter = make_adapter(home.loras / name)
        plain, weighted = parse_loras([name, f"{name}={weight!r}"], home, NONE)
        assert (plain.path, plain.weight) == (str(adapter), 1.0)
        assert (weighted.path, weighted.name) == (str(adapter), name)
        assert math.copysign(1, weighted.weight) == math.copysign(1, weight)
        assert weighted.weight == weight
        assert plain.id != weighted.id


def test_rows_have_ids_of_their_own(home):
    for name in ("a", "Ä =.🦙", "lora_"):
        make_adapter(home.loras / name)
    rows = parse_loras(["a", "a=2", "Ä =.🦙", "lora_", str(home.loras / "a")], home, NONE)
    assert len({row.id for row in rows}) == 5
    for row in rows:
        assert re.fullmatch(r"ad_[0-9a-f]{10}", row.id)
        assert not any(row.id in kept for kept in ("lora_", "base_layer", "base_model", "default", "modules_to_save"))
    assert rows[0].id == parse_loras(["a"], home, NONE)[0].id == make_row_id(home.loras / "a")
    assert [row.name for row in rows] == ["a", "a", "Ä =.🦙", "lora_", "a"]


def test_a_row_is_called_by_its_place_in_the_library_or_by_its_folder(home, tmp_path, monkeypatch):
    make_adapter(home.loras / "run" / "checkpoint-100")
    make_adapter(tmp_path / "outside")
    monkeypatch.chdir(tmp_path / "outside")
    rows = parse_loras(["run/checkpoint-100", ".", "../outside"], home, NONE)
    assert [row.name for row in rows] == ["run/checkpoint-100", "outside", "outside"]
    assert {row.path for row in rows[1:]} == {str(tmp_path / "outside")}
