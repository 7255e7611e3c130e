"""A light and a dark palette for systems whose own theme Qt can't switch (a bare X server, for one)."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

Role = QPalette.ColorRole

_DARK = {
    Role.Window: "#1b1c20",
    Role.WindowText: "#e8e8ea",
    Role.Base: "#26282d",
    Role.AlternateBase: "#1f2125",
    Role.Text: "#e8e8ea",
    Role.PlaceholderText: "#9a9ca3",
    Role.Button: "#303339",
    Role.ButtonText: "#e8e8ea",
    Role.BrightText: "#ffffff",
    Role.ToolTipBase: "#2c2e34",
    Role.ToolTipText: "#e8e8ea",
    Role.Highlight: "#2f6fc1",
    Role.HighlightedText: "#ffffff",
    Role.Accent: "#5b9bea",
    Role.Link: "#7fb2f0",
    Role.LinkVisited: "#b79df0",
    Role.Light: "#3a3d44",
    Role.Midlight: "#33363c",
    Role.Mid: "#42454d",
    Role.Dark: "#121316",
    Role.Shadow: "#000000",
}

_LIGHT = {
    Role.Window: "#f4f4f5",
    Role.WindowText: "#1c1d20",
    Role.Base: "#ffffff",
    Role.AlternateBase: "#f4f4f5",
    Role.Text: "#1c1d20",
    Role.PlaceholderText: "#6a6c72",
    Role.Button: "#fafafa",
    Role.ButtonText: "#1c1d20",
    Role.BrightText: "#ffffff",
    Role.ToolTipBase: "#ffffff",
    Role.ToolTipText: "#1c1d20",
    Role.Highlight: "#2f6fc1",
    Role.HighlightedText: "#ffffff",
    Role.Accent: "#2f6fc1",
    Role.Link: "#1f5fb0",
    Role.LinkVisited: "#6a3fb5",
    Role.Light: "#ffffff",
    Role.Midlight: "#e6e6e8",
    Role.Mid: "#cfd0d4",
    Role.Dark: "#9fa1a8",
    Role.Shadow: "#707278",
}

_FADED = (Role.WindowText, Role.Text, Role.ButtonText)
"""Roles that step back where a control can't be used."""


def make_palette(*, dark: bool) -> QPalette:
    """All roles set, disabled ones too."""
    palette = QPalette()
    for role, colour in (_DARK if dark else _LIGHT).items():
        palette.setColor(role, QColor(colour))
    for role in _FADED:
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor("#767981" if dark else "#8b8d93"))
    return palette
