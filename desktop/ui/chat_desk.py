"""The conversation in the window: what is sent, what comes of it, and what is done with its messages."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

import msgspec
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QMainWindow

from desktop.api import Lora
from desktop.library.conversation import (
    Conversation,
    ReplyFacts,
    append,
    find_turn,
    grow,
    new_conversation,
    path_of,
    show,
    versions_of,
)
from desktop.session.chat_plans import (
    facts_of,
    place_for,
    plan_for,
    plan_of_conversation,
    with_plan_of,
)
from desktop.session.plans import Answer, PromptPlan, State

from .details_panel import DetailsPanel
from .prompt_place import PromptPlace
from .reply_words import facts_in_words
from .shown_turns import shown_turns
from .stack_panel import StackPanel


class _Running(msgspec.Struct):
    """The reply that is being made."""

    turn: str
    plan: PromptPlan
    text: str
    earlier: ReplyFacts | None = None
    """Of the reply that goes on."""
    base: str = ""


class ChatDesk(QObject):
    """Holds the conversation; the panels show it and say what is wanted."""

    #: Answer this plan.
    answer_wanted = Signal(object)
    #: Make these rows the stack, in the panel too: tuple of Lora.
    rows_wanted = Signal(object)
    #: The answer grew: tokens so far, tokens a second or None.
    progressed = Signal(int, object)
    #: Something that is saved has changed.
    changed = Signal()
    #: The conversation in sight is another one, or has another name or length.
    shown = Signal()

    def __init__(self, window: QMainWindow, stack: StackPanel, place: PromptPlace, details: DetailsPanel) -> None:
        """An empty conversation."""
        super().__init__(window)
        self._window = window
        self._stack = stack
        self._place = place
        self._details = details
        self._conversation = new_conversation()
        self._state = State.EMPTY
        self._running: _Running | None = None
        self._wants_notebook = self._writes_notebook = False
        self._target = ""
        self._open_thinking: set[str] = set()
        self._tokens, self._first_token = 0, 0.0
        self._versions: Mapping[str, str] = {}
        place.chat.messages.thinking_toggled.connect(self.toggle_thinking)

    @property
    def conversation(self) -> Conversation:
        """As it is to be kept: with what has come of the running reply, and how it is answered."""
        running = self._running
        made = self._conversation
        if running is not None:
            made = grow(made, running.turn, running.text, find_turn(made, running.turn).facts)
        plan = self._details.plan("", False)
        kept = with_plan_of(made, plan, self._details.kept_texts())
        if kept.stack is not None and kept.stack != self._stack.rows():
            kept = msgspec.structs.replace(kept, stack=self._stack.rows())
        return kept

    @property
    def is_busy(self) -> bool:
        """Whether a reply is being made."""
        return self._running is not None or self._writes_notebook

    def show_conversation(self, conversation: Conversation, *, with_plan: bool = True) -> None:
        """Show another conversation, answered in its way and with its own stack where it has one."""
        self._conversation = conversation
        self._open_thinking.clear()
        if with_plan:
            self._details.show_plan(plan_of_conversation(conversation))
            if conversation.stack is not None:
                self.rows_wanted.emit(conversation.stack)
        self._show()

    def become(self, conversation: Conversation) -> None:
        """The same conversation after something was done with it."""
        self._conversation = conversation
        self._show()
        self.changed.emit()

    def know_versions(self, versions: Mapping[str, str]) -> None:
        """Of the libraries that answer from now on."""
        self._versions = versions

    def show_state(self, state: State) -> None:
        """What the session is doing."""
        self._state = state

    def last_reply(self) -> ReplyFacts | None:
        """How the last reply in sight was made."""
        return next((turn.facts for turn in reversed(path_of(self._conversation)) if turn.facts), None)

    def used_tokens(self, typed: int) -> int:
        """Tokens of the context the conversation takes, with what is typed; 0 where nobody knows."""
        facts = self.last_reply()
        return facts.prompt_tokens + facts.tokens + typed if facts else 0

    def use_own_stack(self, own: bool) -> None:
        """Whether the conversation keeps a stack of its own, from now on the present one."""
        rows: tuple[Lora, ...] | None = self._stack.rows() if own else None
        self.become(msgspec.structs.replace(self._conversation, stack=rows))

    @Slot(bool)
    def send(self, compare: bool = False) -> None:
        """Say what the box holds, and have it answered."""
        box = self._place.box
        if self._state is not State.READY or self.is_busy:
            return
        self._conversation = append(self._conversation, "user", box.text())
        plan = plan_for(self._details.plan("", compare), path_of(self._conversation), start=box.start())
        box.show_text("")
        self._ask(plan, self._conversation.leaf)

    @Slot()
    def regenerate_last(self) -> None:
        """Another reply to the user's last message in sight."""
        if (path := path_of(self._conversation)) and self._state is State.READY:
            self.regenerate(path[-1].id)

    def regenerate(self, turn_id: str) -> None:
        """Another version of a reply, or a reply to one of the user's messages."""
        turn = find_turn(self._conversation, turn_id)
        asked = turn_id if turn.role == "user" else turn.parent
        if asked and not self.is_busy:
            compare = turn.facts is not None and turn.facts.base is not None
            path = path_of(self._conversation, asked)
            self._ask(plan_for(self._details.plan("", compare), path), asked)

    def go_on(self, turn_id: str) -> None:
        """Let a reply go on where it ended."""
        turn = find_turn(self._conversation, turn_id)
        if turn.parent and not self.is_busy:
            path = path_of(self._conversation, turn.parent)
            self._ask(plan_for(self._details.plan("", False), path, start=turn.text), turn_id)

    @Slot()
    def complete_notebook(self) -> None:
        """Let the model write on in the notebook."""
        if self._state is State.READY and not self.is_busy:
            self._wants_notebook = True
            plan = self._details.plan(self._place.notebook.text(), False)
            self.answer_wanted.emit(msgspec.structs.replace(plan, template="plain", system="", input=""))
            self._wants_notebook = False

    def _ask(self, plan: PromptPlan, target: str) -> None:
        self._target = target
        self.answer_wanted.emit(plan)
        self._target = ""

    def begin(self, plan: PromptPlan) -> None:
        """A plan was sent: one of ours, or a reply that is to be made again."""
        self._tokens, self._first_token = 0, 0.0
        self._place.banner.hide()
        if self._wants_notebook:
            self._writes_notebook = True
            self._place.notebook.begin()
            return
        target = self._target or place_for(self._conversation, plan)
        if not target:
            self._conversation = append(self._conversation, "user", plan.prompt)
            target = self._conversation.leaf
        turn = find_turn(self._conversation, target)
        if turn.role == "assistant":
            self._running = _Running(target, plan, turn.text, turn.facts)
            self._conversation = show(self._conversation, target)
        else:
            self._conversation = append(self._conversation, "assistant", plan.start, parent=target)
            self._running = _Running(self._conversation.leaf, plan, plan.start)
        self._show()
        self.changed.emit()

    @Slot(int, str, int)
    def grow(self, column: int, text: str, tokens: int) -> None:
        """A piece of the answer came."""
        running = self._running
        if self._writes_notebook:
            self._place.notebook.grow(text)
        elif running is None:
            return
        elif column:
            running.base += text
            self._place.chat.grow_base(text)
        else:
            running.text += text
            self._place.chat.messages.grow(text)
        now = monotonic()
        self._first_token = self._first_token or now
        self._tokens += tokens
        seconds = now - self._first_token
        self.progressed.emit(self._tokens, self._tokens / seconds if seconds > 0.5 else None)
        self.changed.emit()

    def end(self, answer: Answer) -> None:
        """The answer ended, whole or not."""
        running, self._running = self._running, None
        if self._writes_notebook:
            self._writes_notebook = False
            self._place.notebook.end(facts_in_words(facts_of(answer, {})))
        else:
            if running is None:
                # Nobody here has asked for it: it is shown all the same.
                self.begin(answer.plan)
                running, self._running = self._running, None
            assert running is not None
            facts = facts_of(answer, self._versions, running.earlier)
            text = answer.plan.start + answer.with_stack.text
            self._conversation = grow(self._conversation, running.turn, text, facts)
            self._show()
        if not self._window.isActiveWindow():
            QApplication.alert(self._window)
        self.changed.emit()

    @Slot(str)
    def toggle_thinking(self, turn_id: str) -> None:
        """Fold or unfold the thinking of a reply."""
        self._open_thinking ^= {turn_id}
        self._show()

    @Slot(str, int)
    def step_version(self, turn_id: str, step: int) -> None:
        """Show the version of a message before or after it."""
        versions = [turn.id for turn in versions_of(self._conversation, turn_id)]
        wanted = versions.index(turn_id) + step
        if 0 <= wanted < len(versions) and not self.is_busy:
            self.become(show(self._conversation, versions[wanted]))

    def _show(self) -> None:
        turns = shown_turns(self._conversation, self._running.turn if self._running else "", self._open_thinking)
        self._place.chat.show_turns(turns, *self._compared())
        self._place.show_page(bool(turns))
        self.shown.emit()

    def _compared(self) -> tuple[str | None, str]:
        """The base's answer beside the last reply, where there is one, and what was asked."""
        path = path_of(self._conversation)
        if len(path) < 2:
            return None, ""
        if self._running is not None:
            return (self._running.base if self._running.plan.compare else None), self._running.plan.prompt
        facts = path[-1].facts
        return (facts.base if facts else None), path[-2].text
