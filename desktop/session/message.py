"""What the user sends: the prompt as the model gets it, and the adapters its tags bring."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from desktop.api import Lora
from desktop.library.home import Home
from desktop.library.settings import read_settings_file
from desktop.prompting.lora_tags import read_tags, rows_of_tags
from desktop.starter.install import install_named


class Message(msgspec.Struct, frozen=True):
    """A prompt without its tags."""

    text: str
    brought: tuple[Lora, ...] = ()
    """The rows its tags bring for this message alone."""


def read_message(prompt: str, stack: Sequence[Lora], home: Home) -> Message:
    """Take the tags out of a prompt and find what they name. Raises NameNotFound, SettingsError and OSError."""
    tagged = read_tags(prompt)
    if not tagged.tags:
        return Message(tagged.text)
    install_named(home.loras, {tag.name for tag in tagged.tags} - {row.name for row in stack})
    settings = read_settings_file(home.settings_file)
    return Message(tagged.text, rows_of_tags(tagged.tags, stack, home, settings))
