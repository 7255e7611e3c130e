"""The folder everything lives in: `--home`, else `$LORA_DECK_HOME`, else the platform's user data folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


class Home:
    """Names the places inside the home folder. Nothing is made on disk before something is written."""

    def __init__(self, root: Path) -> None:
        """`root` need not exist yet."""
        self.root = root.expanduser().absolute()

    @classmethod
    def find(cls, given: str | None = None) -> Home:
        """The home folder the user chose, or the default one."""
        chosen = given or os.environ.get("LORA_DECK_HOME")
        return cls(Path(chosen) if chosen else Path(platformdirs.user_data_dir("lora-deck", appauthor=False)))

    @property
    def models(self) -> Path:
        """Base models, a folder each."""
        return self.root / "models"

    @property
    def loras(self) -> Path:
        """Adapters, a folder each."""
        return self.root / "loras"

    @property
    def datasets(self) -> Path:
        """Data to train on, a file or a folder of texts each."""
        return self.root / "datasets"

    @property
    def formats(self) -> Path:
        """`%key%` formats of the user's own, a file each."""
        return self.root / "formats"

    @property
    def recipes(self) -> Path:
        """Saved recipes, a file each."""
        return self.root / "recipes"

    @property
    def conversations(self) -> Path:
        """Conversations, a file each, and every reply with its recipe, a file a day."""
        return self.root / "conversations"

    @property
    def downloads(self) -> Path:
        """The list of downloads, which comes back after a restart."""
        return self.root / "downloads.json"

    @property
    def linked(self) -> Path:
        """The folders of text-generation-webui that are used in place."""
        return self.root / "linked_folders.json"

    @property
    def runs(self) -> Path:
        """Training runs, a folder each."""
        return self.root / "runs"

    @property
    def trash(self) -> Path:
        """What the user deleted; emptied by nobody but the user."""
        return self.root / "trash"

    @property
    def engines(self) -> Path:
        """Interpreters made for loaders that need their own."""
        return self.root / "engines"

    @property
    def logs(self) -> Path:
        """What engine processes print."""
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        """What can be made again at any time."""
        return self.root / "cache"

    @property
    def templates(self) -> Path:
        """The user's own templates, a Jinja file each."""
        return self.root / "templates"

    @property
    def presets(self) -> Path:
        """Presets of sampling, a TOML file each."""
        return self.root / "presets"

    @property
    def settings_file(self) -> Path:
        """The user's settings."""
        return self.root / "settings.toml"
