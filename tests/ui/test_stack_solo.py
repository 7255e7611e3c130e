"""Solo and mute: what acts changes, what the user ticked doesn't."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from desktop.api import AttachReceipt, Lora
from desktop.session.plans import StackReport
from tests.ui.hands import find, press, words

ROWS = (
    Lora(id="ad_1", name="pirate", path="/loras/pirate", weight=0.8),
    Lora(id="ad_2", name="french", path="/loras/french", enabled=False),
    Lora(id="ad_3", name="chef", path="/loras/chef"),
)


@pytest.fixture
def stacked(window):
    """Three adapters on the stack, of which one is off."""
    window.begin(None, ROWS)
    QTest.qWait(1)
    return window


def acting(session):
    return [row.name for row in session.last("set_rows")[0] if row.enabled]


def pressed(window):
    """The toggles that are down; the rows' own ticks are none of them."""
    buttons = window.stack.findChildren(QToolButton)
    return {one.accessibleName() for one in buttons if one.isVisible() and one.isChecked()}


def test_solo_lets_one_act_and_gives_the_ticks_back(stacked, session):
    press(stacked, "Solo pirate")
    assert acting(session) == ["pirate"]
    assert "Solo" in words(stacked.stack)
    assert stacked.gather().rows == ROWS
    press(stacked, "Solo pirate")
    assert session.last("set_rows")[0] == ROWS
    assert "Solo" not in words(stacked.stack)


def test_one_solo_takes_the_place_of_another(stacked, session):
    press(stacked, "Solo pirate")
    press(stacked, "Solo french")
    assert acting(session) == ["french"], "solo counts, whatever the tick says"
    assert pressed(stacked) == {"Solo french"}


def test_mute_rests_all_and_gives_the_ticks_back(stacked, session):
    press(stacked, "Mute all")
    assert acting(session) == []
    assert "All muted" in words(stacked.stack)
    assert stacked.gather().rows == ROWS
    press(stacked, "Mute all")
    assert session.last("set_rows")[0] == ROWS


def test_of_solo_and_mute_the_later_counts(stacked, session):
    press(stacked, "Mute all")
    press(stacked, "Solo chef")
    assert acting(session) == ["chef"]
    assert pressed(stacked) == {"Solo chef"}
    press(stacked, "Mute all")
    assert acting(session) == []
    assert pressed(stacked) == {"Mute all"}


def test_what_is_changed_meanwhile_is_kept(stacked, session):
    press(stacked, "Mute all")
    press(stacked, "french acts")
    find(stacked, "Weight of chef").setValue(50)
    assert acting(session) == []
    press(stacked, "Mute all")
    assert session.last("set_rows")[0] == (
        ROWS[0], msgspec.structs.replace(ROWS[1], enabled=True), msgspec.structs.replace(ROWS[2], weight=0.5),
    )  # fmt: skip


def test_one_that_is_added_during_solo_waits(stacked, session):
    press(stacked, "Solo pirate")
    stacked.stack.add("/loras/new")
    assert acting(session) == ["pirate"]
    press(stacked, "Solo pirate")
    assert acting(session) == ["pirate", "chef", "new"]


def test_taking_the_one_off_ends_solo(stacked, session):
    press(stacked, "Solo pirate")
    press(stacked, "Take pirate off")
    assert acting(session) == ["chef"]
    assert pressed(stacked) == set()


def test_an_empty_stack_has_nothing_to_mute(stacked, session):
    press(stacked, "Mute all")
    for row in ROWS:
        press(stacked, f"Take {row.name} off")
    assert not find(stacked, "Mute all").isEnabled()
    assert "All muted" not in words(stacked.stack)
    stacked.stack.add("/loras/new")
    assert acting(session) == ["new"]


def test_another_stack_ends_both(stacked):
    press(stacked, "Solo pirate")
    stacked.stack.show_rows(ROWS)
    assert stacked.stack.effective_rows() == ROWS
    assert pressed(stacked) == set()


def test_the_whole_receipt_is_in_the_tooltip(stacked, session):
    receipt = AttachReceipt(
        id="ad_1", name="pirate", kind="rsLoRA", rank=16, alpha=32, modules_matched=208, modules_targeted=210,
        tensors_unused=("a.lora_A", "b.lora_A", "c.lora_A", "d.lora_A"), bytes=4_880_000, milliseconds=18.4,
        notes=("It is a fresh step-0 checkpoint.",),
    )  # fmt: skip
    session.stack_changed.emit(StackReport(rows=ROWS, receipts=(receipt,)))
    row = find(stacked, "pirate acts").parentWidget()
    assert row.toolTip().splitlines() == [
        "pirate",
        "rsLoRA, rank 16, alpha 32",
        "208 of 210 modules matched",
        "4 tensors unused: a.lora_A, b.lora_A, c.lora_A, …",
        "4.88 MB, attached in 18 ms",
        "It is a fresh step-0 checkpoint.",
    ]
    assert find(stacked, "pirate acts").accessibleDescription() == row.toolTip()
    session.model_unloaded.emit()
    assert row.toolTip() == "pirate"


def test_a_hostile_receipt_is_text(stacked, session):
    receipt = AttachReceipt(id="ad_1", name="pirate", tensors_unused=("<img src=x>",))
    session.stack_changed.emit(StackReport(rows=ROWS, receipts=(receipt,)))
    assert "&lt;img src=x&gt;" in find(stacked, "pirate acts").parentWidget().toolTip()
