"""Metadata folders as pip writes them, so that plugins come through real entry points."""

from __future__ import annotations

from pathlib import Path


def write_metadata(folder: Path, entries: dict[str, str], distribution: str, version: str = "1.0") -> None:
    """Write the dist-info of an installed distribution with these loaders; its files are what the folder holds."""
    metadata = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
    )
    lines = ["[lora_deck.loaders]", *(f"{name} = {value}" for name, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    (metadata / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")
