"""Recipes in the window: a reply's menu, saving, loading with what differs, and making a reply again."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPlainTextEdit, QPushButton, QTextBrowser, QToolButton

from desktop.session.plans import Problem, StackReport, State
from tests.ui import gallery
from tests.ui.hands import click, find, name_of, press, type_text, until, words

LEFT = "Conversation"
ID = "20261125-120000-00000001"


@pytest.fixture
def replied(ready, session):
    """A reply that is logged."""
    session.answer_ended.emit(gallery.logged_answer())
    return ready


def said(window):
    """What the conversation says, once it is laid out."""
    text = find(window, LEFT, QTextBrowser)
    until(text.is_settled)
    QTest.qWait(1)
    return text.text()


def reply_buttons(window):
    said(window)
    buttons = [one for one in find(window, LEFT).findChildren(QToolButton) if one.isVisible()]
    return [one for one in buttons if name_of(one).startswith("Reply")]


def open_menu(window):
    """A click on the reply's button; its menu."""
    (button,) = reply_buttons(window)
    click(button)
    until(window.place.reply_menu.isVisible)
    actions = window.place.reply_menu.actions()
    return {action.text().replace("&", ""): action for action in actions if action.isVisible()}


def choose(window, text):
    action = open_menu(window)[text]
    assert action.isEnabled()
    action.trigger()
    window.place.reply_menu.close()


def test_each_reply_has_a_button_and_a_logged_one_its_recipe(replied, session):
    (button,) = reply_buttons(replied)
    assert name_of(button) == "Reply: In France, matey."
    text = find(replied, LEFT, QTextBrowser)
    assert button.geometry().left() >= text.viewport().geometry().right()
    assert "Save recipe..." in open_menu(replied)
    replied.place.reply_menu.close()
    replied.menus.clear.trigger()
    session.answer_ended.emit(gallery.answer("Older?", "Not logged."))
    assert "Save recipe..." not in open_menu(replied)
    replied.place.reply_menu.close()


def test_the_buttons_follow_the_text(replied, session):
    for number in range(60):
        session.answer_ended.emit(gallery.answer(f"Question {number}?", f"Answer {number}."))
    seen = reply_buttons(replied)
    assert 1 < len(seen) < 60
    assert name_of(seen[-1]) == "Reply: Answer 59."
    find(replied, LEFT, QTextBrowser).verticalScrollBar().setValue(0)
    until(lambda: name_of(reply_buttons(replied)[0]) == "Reply: In France, matey.")
    replied.menus.clear.trigger()
    assert find(replied, "New conversation", QToolButton)
    assert not replied.place.chat.isVisible()


def test_another_theme_leaves_the_buttons(replied):
    replied.place.chat.messages.show_again()
    assert len(reply_buttons(replied)) == 1


def test_a_reply_s_recipe_is_saved_under_a_name_that_is_free(replied, session):
    choose(replied, "Save recipe...")
    assert session.last("list_recipes") == ()
    dialog = replied.recipe_desk.dialogs._names
    session.recipes.recipes_listed.emit(gallery.recipe_entries())
    name, save = find(dialog, "Name"), find(dialog, "Save", QPushButton)
    assert not save.isEnabled()
    for text, said in (("pirates", "already"), ("../up", "can't be a recipe's name")):
        name.clear()
        type_text(name, text)
        assert not save.isEnabled()
        assert said in words(dialog)
    name.clear()
    type_text(name, "mine é")
    click(save)
    assert session.last("save_reply") == (ID, "mine é")


def test_a_recipe_is_copied(replied, session):
    choose(replied, "Copy recipe")
    assert session.last("read_reply") == (ID,)
    session.recipes.recipe_read.emit('{"recipe": 1}')
    assert QGuiApplication.clipboard().text() == '{"recipe": 1}'
    assert "The recipe was copied." in words(replied.job_bar)


def test_the_present_stack_is_saved(ready, session):
    ready.menus.recipes.save.trigger()
    type_text(find(ready.recipe_desk.dialogs._names, "Name"), "stack")
    press(ready.recipe_desk.dialogs._names, "Save")
    name, plan, rows = session.last("save_stack")
    assert (name, plan.prompt, rows) == ("stack", "", ready.stack.rows())


@pytest.fixture
def listed(ready, session):
    """The dialog of recipes, listed."""
    dialog = gallery.recipes(ready, session)
    until(dialog.isVisible)
    return dialog


def test_what_differs_is_shown_before_a_recipe_is_applied(listed, ready, session):
    said = find(listed, "What is missing and what differs", QPlainTextEdit).toPlainText()
    assert "The adapter parrot is missing" in said
    assert "torch differs" in said
    before = ready.stack.rows()
    assert before == gallery.rows()
    press(listed, "Apply")
    look = gallery.recipe_look()
    assert ready.stack.rows() == look.rows == session.last("set_rows")[0]
    shown = ready.details.plan("", False)
    assert (shown.template, shown.sampling.seed, shown.max_new_tokens) == ("alpaca", 7, 64)
    assert find(ready, "Prompt").toPlainText() == "Where is the treasure?"


def test_a_prompt_that_was_typed_is_not_replaced(listed, ready):
    ready.place.box.show_text("mine")
    press(listed, "Apply")
    assert ready.place.box.text() == "mine"


def test_a_stack_alone_leaves_what_was_typed(ready):
    ready.details.show_plan(msgspec.structs.replace(gallery.recipe_look().plan, input="in", system="sys"))
    look = gallery.recipe_look()
    ready.recipe_desk.dialogs.apply_requested.emit(
        msgspec.structs.replace(look, plan=msgspec.structs.replace(look.plan, prompt=""))
    )
    assert ready.details.kept_texts() == ("in", "sys")


def test_a_damaged_recipe_is_told_and_can_t_be_applied(ready, session):
    ready.menus.recipes.load.trigger()
    session.recipes.recipes_listed.emit(gallery.recipe_entries()[1:])
    dialog = ready.recipe_desk.dialogs._list
    assert "It can't be used: broken.json is no recipe" in words(dialog)
    assert not find(dialog, "Apply", QPushButton).isEnabled()
    assert not find(dialog, "Export...", QPushButton).isEnabled()


def test_importing_and_exporting_ask_for_a_file(listed, ready, session, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/out.json", ""))
    press(listed, "Export...")
    assert session.last("give_out") == ("pirates", "/out.json")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/in.json", ""))
    ready.menus.recipes.take_in.trigger()
    assert session.last("take_in") == ("/in.json",)
    session.recipes.refused.emit("in.json is damaged.")
    assert ready.place.banner.sentence() == "in.json is damaged."


@pytest.fixture
def reproducing(replied, session):
    """Reproduce was chosen, and what it needs was found."""
    choose(replied, "Reproduce")
    assert session.last("reproduce") == (ID,)
    session.recipes.reproduction_found.emit(gallery.reproduction())
    return replied


def finish(session, tokens):
    plan = session.last("answer")[0]
    session.become(State.ANSWERING)
    answer = gallery.logged_answer()
    side = msgspec.structs.replace(answer.with_stack, token_ids=tokens)
    session.answer_ended.emit(msgspec.structs.replace(answer, plan=plan, with_stack=side))
    session.become(State.READY)


def test_a_reply_is_answered_again_once_its_stack_is_attached(reproducing, session):
    wanted = gallery.reproduction()
    assert session.last("set_rows") == (wanted.rows,)
    assert session.last("answer") is None
    session.stack_changed.emit(StackReport(rows=gallery.rows()[:1]))
    assert session.last("answer") is None, "it is another stack's report"
    session.stack_changed.emit(StackReport(rows=wanted.rows))
    assert session.last("answer") == (wanted.plan,)
    shown = reproducing.details.plan("", False)
    assert (shown.sampling.seed, shown.max_new_tokens) == (7, 64)
    assert reproducing.stack.rows() == wanted.rows


def test_the_same_tokens_are_said_to_be_the_same(reproducing, session):
    session.stack_changed.emit(StackReport(rows=gallery.reproduction().rows))
    finish(session, (1, 2, 3))
    assert said(reproducing).endswith(
        "\nReproduced: the same 3 tokens.\ntorch differs: 2.12 in the recipe, 2.13 here."
    )  # fmt: skip
    assert reproducing.chat.last_reply().note.startswith("Reproduced")
    session.answer_ended.emit(gallery.logged_answer())
    assert reproducing.chat.last_reply().note == ""


def test_where_the_tokens_part_is_said(reproducing, session):
    session.stack_changed.emit(StackReport(rows=gallery.reproduction().rows))
    finish(session, (1, 9, 3))
    assert "Not reproduced: token 2 of 3 differs, it was 2 and is 9" in words(reproducing)


def test_a_stack_that_can_t_be_attached_ends_it(reproducing, session):
    rows = gallery.reproduction().rows
    session.stack_changed.emit(StackReport(rows=(), problems={rows[0].id: Problem(sentence="It does not fit.")}))
    assert "can't be reproduced with this stack: It does not fit." in reproducing.place.banner.sentence()
    session.stack_changed.emit(StackReport(rows=rows))
    assert session.last("answer") is None


def test_an_answer_that_began_meanwhile_is_not_disturbed(reproducing, session):
    session.become(State.ANSWERING)
    session.stack_changed.emit(StackReport(rows=gallery.reproduction().rows))
    assert session.last("answer") is None
    assert "Another answer has begun meanwhile." in reproducing.place.banner.sentence()


def test_nothing_is_reproduced_without_a_model(replied, session):
    session.become(State.LOST)
    assert not open_menu(replied)["Reproduce"].isEnabled()
    replied.place.reply_menu.close()


def test_the_mode_of_a_reply_is_taken_before_it_is_answered_again(replied, session):
    wanted = msgspec.structs.replace(gallery.reproduction(), mode="folded")
    session.recipes.reproduction_found.emit(wanted)
    session.stack_changed.emit(StackReport(rows=wanted.rows))
    assert session.last("set_mode") == ("folded",)
    assert session.last("answer") is None
    session.tools.mode_changed.emit("folded")
    session.tools.ended.emit()
    assert session.last("answer")[0].prompt == wanted.plan.prompt


def test_a_mode_that_is_refused_ends_it(replied, session):
    wanted = msgspec.structs.replace(gallery.reproduction(), mode="folded")
    session.recipes.reproduction_found.emit(wanted)
    session.stack_changed.emit(StackReport(rows=wanted.rows))
    session.tools.mode_changed.emit("exact")
    session.tools.ended.emit()
    session.tools.mode_changed.emit("folded")
    session.tools.ended.emit()
    assert session.last("answer") is None
