"""The texts that stand around the messages of a conversation, and how they are put together."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from desktop.api import Message


class Around(msgspec.Struct, frozen=True):
    """What stands before and after a message."""

    before: str = ""
    after: str = ""

    def put(self, text: str) -> str:
        """The message in its place, as it is."""
        return self.before + text + self.after


class Turns(msgspec.Struct, frozen=True, kw_only=True):
    """A format for conversations."""

    user: Around
    assistant: Around
    answer: str
    """Stands where the next answer begins."""
    begin: str = ""
    """Stands before everything."""
    system: Around | None = None
    """None: there is no place for a system message."""
    system_inside: bool = False
    """Whether the system message stands inside the first message of the user, before its text."""
    default_system: str = ""
    """The system message where none is given."""

    def render(self, messages: Sequence[Message]) -> str:
        """The text of a conversation up to its next answer. Nothing inside a message is interpreted."""
        given = [message.content for message in messages if message.role == "system"]
        rest = [message for message in messages if message.role != "system"]
        words = "\n\n".join(given) or self.default_system
        system = self.system.put(words) if words and self.system else ""
        parts = [self.begin] if self.system_inside else [self.begin, system]
        for message in rest:
            if message.role == "user":
                lead = system if self.system_inside else ""
                parts.append(self.user.put(lead + message.content))
                system = ""
            else:
                parts.append(self.assistant.put(message.content))
        return "".join([*parts, self.answer])

    def as_jinja(self, stop: Sequence[str] = ()) -> str:
        """The same as a Jinja template, to begin one's own with."""
        first = "ns.system + " if self.system_inside else ""
        begin = _quoted(self.begin) + ("" if self.system_inside else " + ns.system")
        system = self.system or Around()
        told = "{% if message['role'] == 'system' %}{% set ns.system = message['content'] %}{% endif %}"
        wrapped = f"{_quoted(system.before)} + ns.system + {_quoted(system.after)}"
        return "\n".join(
            (
                f"{{#- stop: {json.dumps(list(stop), ensure_ascii=False)} -#}}",
                f"{{%- set ns = namespace(system={_quoted(self.default_system)}) %}}",
                f"{{%- for message in messages %}}{told}{{% endfor %}}" if self.system else "{#- no system message -#}",
                f"{{%- if ns.system %}}{{% set ns.system = {wrapped} %}}{{% endif %}}",
                f"{{{{- {begin} }}}}",
                "{%- for message in messages %}",
                "{%- if message['role'] == 'user' %}",
                f"{{{{- {_quoted(self.user.before)} + {first}message['content'] + {_quoted(self.user.after)} }}}}",
                "{%- set ns.system = '' %}",
                "{%- elif message['role'] == 'assistant' %}",
                f"{{{{- {_quoted(self.assistant.before)} + message['content'] + {_quoted(self.assistant.after)} }}}}",
                "{%- endif %}",
                "{%- endfor %}",
                f"{{{{- {_quoted(self.answer)} }}}}",
            )
        )


def _quoted(text: str) -> str:
    """A literal of Jinja's."""
    return json.dumps(text, ensure_ascii=False)
