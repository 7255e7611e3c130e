"""The form of a schema: what is folded away takes no room."""

from __future__ import annotations

from PySide6.QtWidgets import QToolButton

from desktop.api import Sampling, settings_schema
from desktop.ui.schema_form import SchemaForm
from tests.ui.hands import click, find


def test_what_is_folded_away_takes_no_room(application):
    form = SchemaForm()
    form.show_schema(settings_schema(Sampling))
    form.resize(form.sizeHint())
    form.show()
    fold = find(form, "More settings", QToolButton)
    assert form.sizeHint().height() == fold.geometry().bottom() + 1
    folded = form.sizeHint().height()
    click(fold)
    assert form.sizeHint().height() > folded + 100
    click(fold)
    assert form.sizeHint().height() == folded
    form.deleteLater()
