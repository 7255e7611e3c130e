"""The form of a run comes back as it was left: typed, chosen, half filled in, after a restart and after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from desktop.session.saved import FILE, Saved, read_saved
from desktop.session.saver import DELAY
from desktop.session.train_draft import TrainDraft
from tests.ui import gallery, train_gallery
from tests.ui.hands import choose, find, press, type_text, until
from tests.ui.test_saved_window import through_the_disk

TYPED = """
import sys
from pathlib import Path
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit
from desktop.app import make_application
from desktop.library.home import Home
from desktop.library.settings import Settings
from desktop.session.saved import Saved
from desktop.session.session import Session
from desktop.ui.main_window import MainWindow

application = make_application([])
session = Session(Home(Path(sys.argv[1])), Settings())
session.warm_up = lambda: None
window = MainWindow(session, Saved(theme="light", place="train"))
window.show()
window.begin(None, None)
form = window.train_desk.place.form
for box, text in ((form.data._sources.lineEdit(), "rows.json"), (form.base._output, "sailor é")):
    box.setFocus()
    box.insert(text) if not text.isascii() else QTest.keyClicks(box, text)
form.base.edited.emit()
print("typed", flush=True)
application.exec()
"""


def filled(window, session):
    """Everything a form has, by real keys and clicks."""
    place = train_gallery.visit(window, session)
    type_text(find(place, "Training data").lineEdit(), "eight rows.json | more.json")
    choose(find(place, "Kind of rows"), "instructions (Alpaca)")
    choose(find(place, "Dressed by"), "format vicuna-format")
    choose(find(place, "What is learnt"), "what stands after a text")
    type_text(find(place, "Text after which learning begins"), "!")
    type_text(find(place, "Name of the new adapter"), "sailor")
    choose(find(place, "Bits of the base"), "4 bits (nf4)")
    press(place, "On top of the present stack")
    find(place, "rank").setValue(24)
    type_text(find(place, "Sample prompts"), "Who are you?")
    return place.form


def test_everything_comes_back_after_a_restart(window, session, make_window, tmp_path):
    form = filled(window, session)
    left = form.draft()
    run = form.run(gallery.rows())
    again = make_window(through_the_disk(tmp_path, window.gather()))
    again.begin(None, None)
    place = train_gallery.visit(again, session)
    assert place.form.draft() == left
    assert place.form.run(gallery.rows()) == run
    assert (left.name, left.bits, left.on_stack, left.samples) == ("sailor", 4, True, "Who are you?")
    assert run.settings.rank == 24
    assert run.data.loss == "after:### Response:!"


def test_every_change_asks_for_saving(window, session):
    place = train_gallery.visit(window, session)
    for name, text in (("Name of the new adapter", "a"), ("File for evaluation", "b"), ("Sample prompts", "c")):
        session.asked.clear()
        type_text(find(place, name), text)
        assert ("touch", ()) in session.asked, name


def test_a_form_that_is_not_visited_again_is_not_lost(window, session, make_window, tmp_path):
    left = filled(window, session).draft()
    second = make_window(through_the_disk(tmp_path, window.gather()))
    second.places.show_place("prompt")
    second = make_window(msgspec.structs.replace(second.gather(), place="prompt"))
    assert second.train_desk.place is None
    assert second.gather().train == left
    assert make_window(Saved(theme="light")).gather().train is None


def test_half_of_a_form_and_what_cannot_be_used_come_back(window, session, make_window, tmp_path):
    place = train_gallery.visit(window, session)
    find(place, "Sample prompts").setPlainText(" two lines\n\n")
    targets = next(field for name, field in place.form.settings._form._fields.items() if name == "targets")
    targets.set_value(", ,")
    targets.edited.emit()
    assert place.form.run(()) is None
    again = make_window(through_the_disk(tmp_path, window.gather()))
    back = train_gallery.visit(again, session).form
    assert back._samples.toPlainText() == " two lines\n\n"
    assert back.settings.values()["targets"] == ", ,"


def test_a_base_that_was_chosen_stays_chosen(window, session, make_window, tmp_path):
    gallery.library(session)
    place = train_gallery.visit(window, session)
    place.form.base._base.addItem("other", "/library/models/other")
    choose(find(place, "Base to train on"), "other")
    again = make_window(through_the_disk(tmp_path, window.gather()))
    base = train_gallery.visit(again, session).form.base.base()
    assert (base.name, base.path) == ("other", "/library/models/other")


def test_a_part_of_another_version_costs_that_part_alone(make_window, session, tmp_path):
    draft = TrainDraft(data={"sources": ["a"], "hologram": 1}, base={"name": 7}, name="sailor", settings={"no": 1})
    window = make_window(through_the_disk(tmp_path, Saved(theme="light", train=draft)))
    form = train_gallery.visit(window, session).form
    assert form.base.output() == "sailor"
    assert form.data.plan().sources == ()


def test_what_was_typed_outlives_a_kill(tmp_path, make_window, session):
    assert DELAY < 1000
    home = tmp_path / "killed"
    home.mkdir()
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    killed = subprocess.Popen(
        [sys.executable, "-c", TYPED, str(home)], stdout=subprocess.PIPE, text=True, env=environment
    )  # fmt: skip
    try:
        assert killed.stdout.readline().strip() == "typed"
        until(lambda: "sailor é" in text_of(home / FILE))
    finally:
        killed.kill()
        killed.wait()
        killed.stdout.close()
    saved, notice = read_saved(home)
    assert notice == ""
    window = make_window(saved)
    form = window.train_desk.place.form
    assert form.base.output() == "sailor é"
    assert form.data.plan().sources == ("rows.json",)


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
