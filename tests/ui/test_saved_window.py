"""The window comes back as it was left, from the file on the disk; a damaged one is kept and told of."""

from __future__ import annotations

import pytest

from desktop.session.plans import LoadPlan, State
from desktop.session.saved import Saved, read_saved, write_saved
from tests.ui import gallery
from tests.ui.hands import choose, find, press, type_text, words


def through_the_disk(root, saved):
    write_saved(root, saved)
    again, notice = read_saved(root)
    assert notice == ""
    return again


def test_everything_comes_back_as_it_was_left(ready, session, make_window, tmp_path):
    type_text(find(ready, "Prompt"), "Ahoy é 🙂?")
    session.answer_ended.emit(gallery.answer("First?", gallery.HOSTILE, "Base."))
    press(ready, "pirate acts")
    choose(find(ready, "Template"), "Alpaca")
    left = ready.gather()
    session.become(State.EMPTY)
    again = make_window(through_the_disk(tmp_path, left))
    again.begin(None, None)
    back = again.gather()
    assert (back.prompt, back.rows) == ("Ahoy é 🙂?", ready.stack.rows())
    assert session.last("open") == (left.conversation,)
    assert (back.template, back.plan) == ("alpaca", left.plan)
    assert left.was_loaded
    assert not back.was_loaded


def test_the_stack_that_came_back_is_asked_for(make_window, session):
    window = make_window(Saved(theme="light", rows=gallery.rows()))
    window.begin(None, None)
    assert session.last("set_rows") == (gallery.rows(),)


def test_the_command_lines_stack_takes_the_place_of_the_saved_one(make_window, session):
    window = make_window(Saved(theme="light", rows=gallery.rows()))
    window.begin(LoadPlan(name="a", path="/a"), gallery.rows()[:1])
    assert session.last("set_rows") == (gallery.rows()[:1],)
    assert session.last("load") == (LoadPlan(name="a", path="/a"),)


def test_what_ends_the_program_while_loading_is_not_tried_again_by_itself(window, session):
    gallery.library(session)
    press(window, "Load")
    session.become(State.LOADING)
    assert not window.gather().was_loaded
    assert window.gather().plan.path == gallery.MODEL


def test_sizes_come_back(make_window, tmp_path):
    window = make_window(size=(1111, 777))
    window._columns.setSizes([400, 450, 260])
    sizes = window._columns.sizes()
    again = make_window(through_the_disk(tmp_path, window.gather()), size=(1111, 777))
    assert again._columns.sizes() == sizes


def test_the_folded_details_stay_folded(window, make_window):
    window.menus.details.trigger()
    assert not make_window(window.gather()).details.isVisible()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'{"prompt": 7}', b'{"sampling": {"temperature": -1}}', b"[]", b'{"theme": "pink"}'],
)
def test_a_damaged_file_is_moved_aside_and_said(content, make_window, tmp_path):
    (tmp_path / "session.json").write_bytes(content)
    saved, notice = read_saved(tmp_path)
    window = make_window(saved)
    window.begin(None, None, notice)
    aside = tmp_path / "session.broken.json"
    assert f"The last session could not be read. It was kept as {aside}." in words(window)
    assert aside.read_bytes() == content
    assert not (tmp_path / "session.json").exists()


def test_a_second_damaged_file_does_not_take_the_place_of_the_first(tmp_path):
    for content in (b"first", b"second"):
        (tmp_path / "session.json").write_bytes(content)
        read_saved(tmp_path)
    kept = {file.read_bytes() for file in tmp_path.glob("*.json")}
    assert kept == {b"first", b"second"}


def test_nonsense_for_a_layout_is_passed_over(make_window):
    layout = {"window": "!", "columns": "AAA", "middle": "é", "other": "x"}
    assert make_window(Saved(theme="light", layout=layout)).isVisible()


def test_a_file_of_a_later_version_is_read_as_far_as_it_goes(tmp_path):
    (tmp_path / "session.json").write_text('{"prompt": "Ahoy", "hologram": true}', encoding="utf-8")
    assert read_saved(tmp_path) == (Saved(prompt="Ahoy"), "")


def test_closing_saves(ready, session):
    type_text(find(ready, "Prompt"), "Ahoy?")
    ready.close()
    assert session.last("save")[0].prompt == "Ahoy?"
