"""The chat, driven by clicks and keys: turns, versions, branches, examples, the notebook, and all of it kept."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QPlainTextEdit, QPushButton, QTextBrowser, QToolButton

from desktop.api import Message
from desktop.library.conversation import path_of
from desktop.library.conversations import ConversationEntry
from desktop.session.plans import Problem, State
from desktop.session.saved import Saved
from tests.ui import gallery
from tests.ui.hands import CONTROL, SHIFT, click, find, key, name_of, press, type_text, until

ALT = Qt.KeyboardModifier.AltModifier


def said(window):
    """What the conversation says, once it is laid out."""
    text = find(window, "Conversation", QTextBrowser)
    until(text.is_settled)
    return text.text()


def in_sight(window):
    return [turn.text for turn in path_of(window.chat.conversation)]


def replies(session, text, **facts):
    """The engine answers what was asked last."""
    (plan,) = session.last("answer")
    session.become(State.ANSWERING)
    session.answer_grew.emit(0, text, 3)
    whole = gallery.answer(plan.prompt, text)
    session.answer_ended.emit(msgspec.structs.replace(whole, plan=plan, **facts))
    session.become(State.READY)
    return plan


def ask(window, session, prompt, reply, **facts):
    type_text(find(window, "Prompt", QPlainTextEdit), prompt)
    key(window, Qt.Key.Key_Return, CONTROL)
    return replies(session, reply, **facts)


def choose(window, message, verb, number=-1):
    """Open a message's menu by its button, and choose from it; of several that are called so, the last by default."""
    said(window)
    named = [one for one in window.findChildren(QToolButton) if one.isVisible() and name_of(one).endswith(message)]
    click(sorted(named, key=lambda one: one.mapToGlobal(one.rect().center()).y())[number])
    menu = window.place.chat.menu
    until(menu.isVisible)
    (action,) = [one for one in menu.actions() if one.isVisible() and one.text().replace("&", "") == verb]
    assert action.isEnabled(), verb
    menu.close()
    action.trigger()


@pytest.fixture
def talked(ready, session):
    """Two turns."""
    ask(ready, session, "One?", "Uno.")
    ask(ready, session, "Two? <lora:pirate:0.5>", "Dos.")
    return ready


def test_each_turn_is_sent_with_those_before_it(talked, session):
    (plan,) = session.last("answer")
    assert plan.prompt == "Two? <lora:pirate:0.5>"
    assert plan.before == (Message("user", "One?"), Message("assistant", "Uno."))
    plan = ask(talked, session, "Three?", "Tres.")
    assert plan.before[2:] == (Message("user", "Two?"), Message("assistant", "Dos."))
    assert in_sight(talked) == ["One?", "Uno.", "Two? <lora:pirate:0.5>", "Dos.", "Three?", "Tres."]


def test_another_version_and_back_by_keys(talked, session):
    key(talked, Qt.Key.Key_R, CONTROL)
    plan = replies(session, "Deux.")
    assert (plan.prompt, len(plan.before)) == ("Two? <lora:pirate:0.5>", 2)
    assert in_sight(talked)[-1] == "Deux."
    assert "2/2" in said(talked)
    key(talked, Qt.Key.Key_Left, ALT)
    assert in_sight(talked)[-1] == "Dos."
    choose(talked, "Reply: Dos.", "Next version")
    assert in_sight(talked)[-1] == "Deux."


def test_a_reply_goes_on(talked, session):
    key(talked, Qt.Key.Key_Return, ALT)
    plan = replies(session, " Y tres.")
    assert plan.start == "Dos."
    assert in_sight(talked)[-1] == "Dos. Y tres."
    assert said(talked).count("Dos.") == 1
    assert len(talked.chat.conversation.turns) == 4


def test_a_reply_begins_as_the_user_wants(ready, session):
    ready.menus.start_with.trigger()
    type_text(find(ready, "Start the reply with"), "Arr, ")
    plan = ask(ready, session, "One?", "uno.")
    assert plan.start == "Arr, "
    assert in_sight(ready) == ["One?", "Arr, uno."]


def test_a_message_is_edited_and_answered_and_the_old_one_stays(talked, session):
    choose(talked, "Your message: One?", "Edit...")
    dialog = talked.conversations._edit
    text = find(dialog, "Text of the message", QPlainTextEdit)
    text.selectAll()
    type_text(text, "Eins?")
    press(dialog, "Save and answer")
    plan = replies(session, "Ja.")
    assert (plan.prompt, plan.before) == ("Eins?", ())
    assert in_sight(talked) == ["Eins?", "Ja."]
    choose(talked, "Your message: Eins?", "Previous version")
    assert in_sight(talked) == ["One?", "Uno.", "Two? <lora:pirate:0.5>", "Dos."]


def test_a_branch_is_a_conversation_of_its_own(talked, session):
    old = talked.chat.conversation.id
    choose(talked, "Reply: Uno.", "Branch into a new conversation")
    assert in_sight(talked) == ["One?", "Uno."]
    assert talked.chat.conversation.id != old
    assert session.last("keep")[0].id == old


def test_deleting_asks_first(talked):
    choose(talked, "Reply: Dos.", "Delete...")
    (box,) = talked.findChildren(QMessageBox)
    press(box, "Cancel")
    assert len(in_sight(talked)) == 4
    choose(talked, "Reply: Uno.", "Delete...")
    box = talked.findChildren(QMessageBox)[-1]
    assert "Messages in all: 3" in box.text()
    press(box, "Delete")
    assert in_sight(talked) == ["One?"]


def test_a_corrected_reply_is_kept_as_an_example(talked, session):
    choose(talked, "Reply: Uno.", "Keep as example...")
    dialog = talked.conversations._keep
    assert session.last("list_sets") == ()
    session.conversations.sets_listed.emit(["spanish"])
    text = find(dialog, "Text of the message", QPlainTextEdit)
    text.selectAll()
    type_text(text, "Una.")
    press(dialog, "Keep")
    assert session.last("keep_example") == ("spanish", (Message("user", "One?"), Message("assistant", "Una.")))
    assert in_sight(talked)[1] == "Uno."


def test_what_was_dropped_is_told(talked, session):
    ask(talked, session, "Three?", "Tres.", dropped=2)
    assert "The context is full: the 2 oldest messages, up to \u201cUno.\u201d, were not sent." in said(talked)


def test_the_context_is_metered(talked):
    meter = find(talked, "Context used")
    assert meter.text() == "context 1 %"
    assert "73 of 8,192 tokens" in meter.toolTip()


def test_thinking_is_folded_until_it_is_wanted(ready, session):
    ask(ready, session, "Where?", "<think>\nA secret thought.\n</think>\n\nHere.")
    assert "Thought: 3 words" in said(ready)
    assert "secret" not in said(ready)
    (button,) = [one for one in ready.findChildren(QToolButton) if one.isVisible() and "secret" in name_of(one)]
    choose(ready, name_of(button), "Show or hide the thinking")
    assert "A secret thought." in said(ready)


def test_a_link_is_opened_by_nobody_unasked(ready, session, monkeypatch):
    opened = []
    monkeypatch.setattr("desktop.ui.link_question.QDesktopServices.openUrl", opened.append)
    ask(ready, session, "Links?", "[a](http://x.y/z) [b](file:///etc/passwd) [c](deck:think/x) ![d](file:///e)")
    assert "b (file:///etc/passwd) c (deck:think/x) [d: file:///e]" in said(ready)
    ready.place.chat.messages.anchorClicked.emit("http://x.y/z")
    (box,) = ready.findChildren(QMessageBox)
    assert "http://x.y/z" in box.text()
    assert opened == []
    press(box, "Open")
    assert [url.toString() for url in opened] == ["http://x.y/z"]


def test_a_failure_before_the_first_token_can_be_answered_again(ready, session):
    type_text(find(ready, "Prompt"), "One?")
    press(ready, "Send")
    (plan,) = session.last("answer")
    failed = msgspec.structs.replace(gallery.answer("One?", ""), plan=plan)
    session.answer_failed.emit(Problem(sentence="No more memory."), failed)
    session.become(State.READY)
    assert "No more memory." in said(ready)
    plan = ask(ready, session, "Two?", "Dos.")
    assert plan.before == ()


def test_a_second_prompt_waits_for_the_first(ready, session):
    type_text(find(ready, "Prompt"), "One?")
    press(ready, "Send")
    session.become(State.ANSWERING)
    press(ready, "New conversation")
    assert "A reply is being made." in ready.place.banner.sentence()
    assert in_sight(ready) == ["One?", ""]


def test_conversations_are_searched_opened_renamed_and_deleted(talked, session):
    here = talked.chat.conversation
    key(talked, Qt.Key.Key_F, CONTROL | SHIFT)
    type_text(find(talked, "Search conversations"), "paris")
    until(lambda: session.last("list_all") == ("paris",))
    entries = [ConversationEntry(id=here.id, title="One?"), ConversationEntry(id="other", title="Paris")]
    session.conversations.listed.emit("pari", [])
    session.conversations.listed.emit("paris", entries)
    key(talked, Qt.Key.Key_Down)
    key(talked, Qt.Key.Key_Down)
    key(talked, Qt.Key.Key_Delete)
    assert session.last("delete") == ("other",)
    press(talked, "Open")
    assert session.last("open") == ("other",)
    assert session.last("keep")[0] == here
    session.conversations.opened.emit(gallery.talk("Hey?", "Ho.", title="Paris", template="alpaca"))
    assert in_sight(talked) == ["Hey?", "Ho."]
    assert talked.details.plan("", False).template == "alpaca"
    assert find(talked, "Conversations; this one is Paris", QToolButton).text() == "Paris"


def test_a_conversation_can_have_its_own_stack(talked, session):
    own = next(one for one in talked.conversations.menu.actions() if one.isCheckable())
    own.trigger()
    mine = talked.chat.conversation
    assert mine.stack == gallery.rows()
    press(talked, "New conversation")
    talked.stack.show_rows(gallery.rows()[:1])
    session.conversations.opened.emit(mine)
    assert talked.stack.rows() == gallery.rows()
    assert session.last("set_rows") == (gallery.rows(),)


def test_the_notebook_is_written_on_and_taken_back(ready, session, make_window):
    press(ready, "Notebook")
    text = find(ready, "Notebook", QPlainTextEdit)
    type_text(text, "Once upon")
    key(ready, Qt.Key.Key_Return, CONTROL)
    (plan,) = session.last("answer")
    assert (plan.prompt, plan.template, plan.before) == ("Once upon", "plain", ())
    session.become(State.ANSWERING)
    for piece in (" a", " time", " there was"):
        session.answer_grew.emit(0, piece, 1)
    session.answer_ended.emit(gallery.answer("Once upon", " a time there was"))
    session.become(State.READY)
    assert text.toPlainText() == "Once upon a time there was"
    assert ready.chat.conversation.turns == ()
    left = ready.gather()
    press(ready, "Undo")
    assert text.toPlainText() == "Once upon"
    again = make_window(left)
    assert find(again, "Notebook", QPlainTextEdit).toPlainText() == "Once upon a time there was"


def test_it_comes_back_after_a_kill(ready, session, make_window):
    type_text(find(ready, "Prompt"), "One?")
    press(ready, "Send")
    session.become(State.ANSWERING)
    session.answer_grew.emit(0, "Un", 1)
    left = ready.gather()
    (kept,) = session.last("keep")
    again = make_window(left)
    again.begin(None, None)
    assert session.last("open") == (kept.id,)
    session.conversations.opened.emit(kept)
    assert in_sight(again) == ["One?", "Un"]


def test_old_answers_become_a_conversation(make_window, session):
    window = make_window(Saved(theme="light", answers=(gallery.answer("One?", "Uno."),)))
    assert in_sight(window) == ["One?", "Uno."]
    window.gather()
    assert [turn.text for turn in session.last("keep")[0].turns] == ["One?", "Uno."]


def test_the_text_grows_and_comes_back_in_its_size(talked, make_window):
    size = talked.place.chat.messages.font().pointSizeF()
    key(talked, Qt.Key.Key_Plus, CONTROL)
    assert talked.place.chat.messages.font().pointSizeF() > size
    assert "Dos." in said(talked)
    zoom = talked.gather().zoom
    key(talked, Qt.Key.Key_0, CONTROL)
    assert talked.place.chat.messages.font().pointSizeF() == pytest.approx(size)
    assert (zoom, make_window(Saved(theme="light", zoom=zoom)).gather().zoom) == (1, 1)


def test_f1_lists_every_shortcut(window):
    key(window, Qt.Key.Key_F1)
    dialog = window.wiring._shortcuts
    until(dialog.isVisible)
    shown = [one.text(1) for top in range(dialog._list.topLevelItemCount()) for one in _below(dialog, top)]
    assert {"Ctrl+R", "Alt+Return", "Ctrl+Shift+F", "F1"} <= set(shown)


def _below(dialog, top):
    item = dialog._list.topLevelItem(top)
    return [item.child(number) for number in range(item.childCount())]


def test_an_answer_that_ends_unseen_is_told(ready, session, monkeypatch):
    told = []
    monkeypatch.setattr("desktop.ui.chat_desk.QApplication.alert", lambda window: told.append(window))
    ask(ready, session, "One?", "Uno.")
    assert told == []
    monkeypatch.setattr(ready, "isActiveWindow", lambda: False)
    ask(ready, session, "Two?", "Dos.")
    assert told == [ready]


def test_the_base_is_said_to_read_the_earlier_replies_where_there_are_any(ready, session):
    manner = "The base reads the earlier replies too"

    def compare(prompt):
        type_text(find(ready, "Prompt", QPlainTextEdit), prompt)
        click(find(ready, "Compare with base", QPushButton))
        replies(session, "Arr.", base=gallery.answer(prompt, "Paris.").with_stack)
        return " ".join(label.text() for label in ready.place.chat.findChildren(QLabel) if label.isVisible())

    assert manner not in compare("One?")
    assert manner in compare("Two?")
