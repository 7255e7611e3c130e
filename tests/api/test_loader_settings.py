"""A loader's settings: read from what a person typed, refused in words, described for forms and help."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from desktop.api import LoaderError, Lora, Sampling, read_settings, settings_schema


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a loader."""

    length: Annotated[int, Meta(ge=1, le=4096, description="Longest context.")] = 2048
    fast: Annotated[bool, Meta(description="Use the fast kernels.")] = False
    share: Annotated[float, Meta(gt=0, le=1, description="Share of the memory.")] = 0.9
    kernel: Annotated[Literal["auto", "triton", "cuda"], Meta(description="Which kernels.")] = "auto"
    cache: Annotated[int | None, Meta(description="Bytes of cache.")] = None


class None_(msgspec.Struct):  # noqa: N801 - a loader without settings
    """Nothing to set."""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Options()),
        ({"length": "128"}, Options(length=128)),
        ({"length": 128}, Options(length=128)),
        ({"fast": "true"}, Options(fast=True)),
        ({"fast": "1"}, Options(fast=True)),
        ({"fast": "false"}, Options(fast=False)),
        ({"fast": True}, Options(fast=True)),
        ({"share": "0.5"}, Options(share=0.5)),
        ({"share": "1"}, Options(share=1.0)),
        ({"share": 1}, Options(share=1.0)),
        ({"kernel": "triton"}, Options(kernel="triton")),
        ({"cache": "4096"}, Options(cache=4096)),
        ({"cache": "null"}, Options(cache=None)),
        ({"cache": None}, Options(cache=None)),
        ({"length": "1", "fast": "True"}, Options(length=1, fast=True)),
    ],
)
def test_what_was_typed_becomes_the_fields_type(values, expected):
    settings = read_settings(Options, values)
    assert settings == expected
    assert [type(getattr(settings, name)) for name in values] == [type(getattr(expected, name)) for name in values]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lenght": "1"}, "no setting called 'lenght'.*length, fast, share, kernel, cache"),
        ({"length": "0"}, r">= 1.*length"),
        ({"length": "4097"}, r"<= 4096.*length"),
        ({"length": "long"}, r"Expected `int`.*length"),
        ({"length": "1.5"}, r"`int`.*length"),
        ({"share": "0"}, r"> 0.*share"),
        ({"share": "nan"}, r"share"),
        ({"fast": "perhaps"}, r"`bool`.*fast"),
        ({"kernel": "rocm"}, r"'rocm'.*kernel"),
        ({"length": ["1"]}, r"`int`, got `array`.*length"),
    ],
)
def test_what_can_not_be_used_is_refused_by_name(values, words):
    with pytest.raises(LoaderError, match=words):
        read_settings(Options, values)


def test_a_loader_without_settings_says_so():
    assert read_settings(None_, {}) == None_()
    with pytest.raises(LoaderError, match="Its settings: none"):
        read_settings(None_, {"x": "1"})


def test_the_schema_has_all_a_form_needs():
    properties = settings_schema(Options)["properties"]
    assert list(properties) == ["length", "fast", "share", "kernel", "cache"]
    assert properties["length"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 4096,
        "description": "Longest context.",
        "default": 2048,
    }
    assert properties["share"]["exclusiveMinimum"] == 0
    assert sorted(properties["kernel"]["enum"]) == ["auto", "cuda", "triton"]
    assert properties["fast"] == {"type": "boolean", "description": "Use the fast kernels.", "default": False}
    assert all(field["description"] for field in properties.values())


def test_every_sampling_field_is_described_and_bounded():
    properties = settings_schema(Sampling)["properties"]
    assert set(properties) == set(Sampling.__struct_fields__)
    assert all(field["description"].endswith(".") for field in properties.values())
    with pytest.raises(LoaderError, match="temperature"):
        read_settings(Sampling, {"temperature": "0"})


def test_a_disabled_row_has_no_weight():
    assert Lora(id="a", name="a", path="/a", weight=2.0).effective_weight == 2.0
    assert Lora(id="a", name="a", path="/a", weight=2.0, enabled=False).effective_weight == 0.0
