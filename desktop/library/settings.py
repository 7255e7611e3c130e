"""The user's settings, kept in `settings.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from .atomic import write_atomically


class SettingsError(Exception):
    """The settings file can't be used; the message says what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the user can set for the program as a whole."""

    loader: Annotated[
        str, Meta(description="The loader to use wherever it can open the model; empty means no wish.")
    ] = ""
    interpreters: Annotated[
        dict[str, str], Meta(description="Loaders that run in an interpreter of their own: its executable by loader.")
    ] = {}
    folders: Annotated[
        tuple[str, ...],
        Meta(
            description="Further folders with `models` and `loras` inside, and caches of the Hugging Face hub; read in "
            "place and never written to."
        ),
    ] = ()


def read_settings_file(path: Path) -> Settings:
    """The settings on disk, the defaults where there is no file. Raises SettingsError; the file is left alone."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        raise SettingsError(
            f"{path} can't be used: {error}. Mend it in an editor, or move it away to start with the defaults."
        ) from error


def write_settings_file(path: Path, settings: Settings) -> None:
    """Write the settings atomically; fields that stand at their default are left out."""
    defaults = msgspec.structs.asdict(Settings())
    changed = {name: value for name, value in msgspec.structs.asdict(settings).items() if value != defaults[name]}
    write_atomically(path, msgspec.toml.encode(changed))
