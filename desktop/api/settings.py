"""A loader's own settings: a msgspec Struct whose fields carry a description and bounds.

The window builds its form, and the command line its `--set KEY=VALUE` and its help, from the JSON Schema of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from .errors import LoaderError

T = TypeVar("T", bound=msgspec.Struct)


def settings_schema(settings: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a settings Struct, one object with its `properties` at the top."""
    (schema,), components = msgspec.json.schema_components([settings])
    name = schema["$ref"].rsplit("/", 1)[1]
    return dict(components[name])


def read_settings(settings: type[T], values: Mapping[str, Any]) -> T:
    """Check values against a settings Struct. Strings are read as the field's type ("128" as 128, "true" as True).

    Raises LoaderError naming the setting, what is wrong with it, and which settings there are.
    """
    known = settings.__struct_fields__
    for name in values:
        if name not in known:
            there_are = ", ".join(known) or "none"
            raise LoaderError(f"There is no setting called {name!r} for this loader. Its settings: {there_are}.")
    try:
        return msgspec.convert(dict(values), settings, strict=False)
    except msgspec.ValidationError as error:
        raise LoaderError(f"A setting has a value that can't be used: {error}.") from error
