"""The box of a tick box can be seen on dark ground, empty and ticked."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QStyle, QStyleOptionButton

from desktop.ui import theme
from desktop.ui.tick_box import TickBox


@pytest.mark.parametrize("ticked", [False, True])
def test_the_frame_is_drawn_on_dark_ground(window, ticked):
    box = TickBox("Fits", window)
    box.setPalette(QPalette(QColor("#202020")))
    box.setChecked(ticked)
    box.resize(box.sizeHint())
    option = QStyleOptionButton()
    box.initStyleOption(option)
    place = box.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, box)
    drawn = box.grab().toImage().pixelColor(place.left() + 1, place.center().y())
    assert drawn.name() == theme.muted_colour(box.palette()).name()
