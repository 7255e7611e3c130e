"""How a prompt is dressed before the tokenizer sees it: named templates, kept as data."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from desktop.api import Message

from . import chat_templates as chat
from .jinja_templates import JinjaError, render_jinja
from .turns import Around, Turns

PLAIN_TEMPLATE = "plain"
"""The prompt as it stands."""
MODEL_TEMPLATE = "model"
"""The chat template the model brings along; the engine renders it, not this module."""

PLAIN_JINJA = (
    "{% for message in messages %}{% if message['role'] != 'assistant' and not loop.first %}{{ '\\n\\n' }}{% endif %}"
    "{{ message['content'] }}{% endfor %}"
)
"""The plain template as Jinja."""


class TemplateError(Exception):
    """The template can't be used as asked; the message says what to do."""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One way to dress a prompt. The texts around the values are fixed; values are put between them as they are."""

    name: str
    title: str
    description: str
    after: str = ""
    """Stands after an input, before the answer."""
    before_with_input: str | None = None
    """Stands before an instruction with an input; None means that the template has no place for one."""
    between: str = ""
    """Stands between the instruction and the input."""
    stop: tuple[str, ...] = ()
    """Texts at which an answer ends unless the user says otherwise."""
    add_special_tokens: bool = True
    """Whether the tokenizer adds its own, such as BOS."""
    turns: Turns | None = None
    """How it dresses a conversation; None where it can't."""
    jinja: str | None = None
    """The source of a template the user has written; it takes the place of all texts here."""
    problem: str = ""
    """Why it can't be used; empty where it can."""
    file: str = ""
    """The file of another program it is read from, and never written to; empty for any other."""

    @property
    def takes_input(self) -> bool:
        """Whether there is a place for an input beside the instruction."""
        return self.before_with_input is not None

    @property
    def takes_system(self) -> bool:
        """Whether there is a place for a system message."""
        has_place = self.turns is not None and self.turns.system is not None
        return self.name == MODEL_TEMPLATE or self.jinja is not None or has_place

    @property
    def source(self) -> str:
        """As Jinja, to be read or to begin another with; empty for the model's own."""
        if self.jinja is not None:
            return self.jinja
        if self.turns is not None:
            return self.turns.as_jinja(self.stop)
        return "" if self.name == MODEL_TEMPLATE else PLAIN_JINJA

    def render_messages(self, messages: Sequence[Message]) -> str:
        """The text of a conversation up to its next answer. Raises TemplateError for what has no place."""
        if self.problem:
            raise TemplateError(self.problem)
        if self.jinja is not None:
            try:
                return render_jinja(self.jinja, messages)
            except JinjaError as error:
                raise TemplateError(f"{self.name}: {error}") from error
        if not self.takes_system and any(message.role == "system" for message in messages):
            raise TemplateError(
                f"A system message needs the model's own template, or one for chats; {self.name} has no place for it."
            )
        if self.turns is not None:
            return self.turns.render(messages)
        if self.name == MODEL_TEMPLATE:
            raise TemplateError("The model's own template is rendered by the model, so it needs a loaded one.")
        return _in_plain(messages)

    def render(self, prompt: str, input: str = "") -> str:
        """The text for the model. Nothing inside `prompt` or `input` is interpreted. Raises TemplateError."""
        if self.name == MODEL_TEMPLATE:
            raise TemplateError("The model's own template is rendered by the model, so it needs a loaded one.")
        if not input:
            return self.render_messages([Message("user", prompt)])
        if self.before_with_input is None:
            fitting = ", ".join(template.name for template in TEMPLATES if template.takes_input)
            raise TemplateError(f"The template {self.name} has no place for an input. Use one of: {fitting}.")
        return self.before_with_input + prompt + self.between + input + self.after


def _in_plain(messages: Sequence[Message]) -> str:
    """Each message of the user on lines of its own, each answer straight behind what it continues."""
    first, *rest = messages
    return first.content + "".join(
        message.content if message.role == "assistant" else f"\n\n{message.content}" for message in rest
    )


class _Words(msgspec.Struct, frozen=True):
    """The texts of the Alpaca prompt in one language."""

    task: str
    task_with_input: str
    instruction: str
    input: str
    response: str


_ENGLISH = _Words(
    task="Below is an instruction that describes a task. Write a response that appropriately completes the request.",
    task_with_input="Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.",
    instruction="### Instruction:",
    input="### Input:",
    response="### Response:",
)
_FRENCH = _Words(
    task="Ci-dessous se trouve une instruction décrivant une tâche. "
    "Écrivez une réponse qui complète correctement la demande.",
    task_with_input="Ci-dessous se trouve une instruction décrivant une tâche, accompagnée d'une entrée qui fournit "
    "davantage de contexte. Écrivez une réponse qui complète correctement la demande.",
    instruction="### Instruction:",
    input="### Entrée:",
    response="### Réponse:",
)


def _alpaca(name: str, title: str, description: str, words: _Words, gap: str) -> Template:
    # Every shape ends with a newline, as the page of the Alpaca LoRA has it and as alpaca-lora was trained;
    # Stanford's own script stops at the colon.
    return Template(
        name=name,
        title=title,
        description=description,
        after=f"{gap}{words.response}\n",
        before_with_input=f"{words.task_with_input}{gap}{words.instruction}\n",
        between=f"{gap}{words.input}\n",
        stop=(words.instruction,),
        turns=Turns(
            begin=f"{words.task}{gap}",
            user=Around(f"{words.instruction}\n", gap),
            assistant=Around(f"{words.response}\n", gap),
            answer=f"{words.response}\n",
        ),
    )


def _chat(name: str, title: str, description: str, turns: Turns, *stop: str) -> Template:
    return Template(name=name, title=title, description=description, turns=turns, stop=stop)


TEMPLATES = (
    Template(
        name=PLAIN_TEMPLATE,
        title="Plain",
        description="The prompt as it stands, for base models and for text to be continued.",
    ),
    Template(
        name=MODEL_TEMPLATE,
        title="The model's own",
        description="The chat template that comes with the model.",
        add_special_tokens=False,
    ),
    _alpaca(
        "alpaca",
        "Alpaca",
        "Instruction and response with blank lines between the parts, as Alpaca adapters were trained.",
        _ENGLISH,
        "\n\n",
    ),
    _alpaca(
        "alpaca-compact", "Alpaca, compact", "The Alpaca prompt without blank lines between the parts.", _ENGLISH, "\n"
    ),
    _alpaca(
        "alpaca-fr",
        "Alpaca en français",
        "The Alpaca prompt in French, with blank lines between the parts.",
        _FRENCH,
        "\n\n",
    ),
    _alpaca(
        "alpaca-fr-compact",
        "Alpaca en français, compact",
        "The Alpaca prompt in French without blank lines between the parts.",
        _FRENCH,
        "\n",
    ),
    _chat("chatml", "ChatML", "As Qwen, Hermes, SmolLM2 and many others.", chat.CHATML, "<|im_end|>"),
    _chat("vicuna", "Vicuna", "As Vicuna 1.1 and its descendants.", chat.VICUNA, "</s>", "USER:"),
    _chat("llama-2", "Llama 2", "As Llama 2 Chat.", chat.LLAMA_2, "</s>", "[INST]"),
    _chat("llama-3", "Llama 3", "As Llama 3 Instruct and what came after.", chat.LLAMA_3, "<|eot_id|>"),
    _chat("mistral", "Mistral", "As Mistral and Mixtral Instruct.", chat.MISTRAL, "</s>", "[INST]"),
    _chat(
        "gemma",
        "Gemma",
        "As Gemma; it has no system role, so that message opens the first turn.",
        chat.GEMMA,
        "<end_of_turn>",
    ),
    _chat("phi-3", "Phi-3", "As Phi-3 and Phi-3.5.", chat.PHI_3, "<|end|>"),
)


def template_names() -> tuple[str, ...]:
    """The names a template can be chosen by."""
    return tuple(template.name for template in TEMPLATES)


def choose_template(name: str | None, has_model_template: bool, own: Sequence[Template] = ()) -> Template:
    """The template of that name; without a name the model's own if it has one, else the plain one.

    `own` are the user's.
    Raises TemplateError, listing the names, if there is none of that name or the model brings none of its own.
    """
    wanted = name if name is not None else (MODEL_TEMPLATE if has_model_template else PLAIN_TEMPLATE)
    found = next((template for template in (*TEMPLATES, *own) if template.name == wanted), None)
    if found is None:
        names = (*template_names(), *(template.name for template in own))
        import difflib

        close = difflib.get_close_matches(wanted.lower(), names, n=1)
        guess = f" Did you mean {close[0]}?" if close else ""
        raise TemplateError(f"There is no template {wanted!r}.{guess} Templates: {', '.join(names)}.")
    if found.name == MODEL_TEMPLATE and not has_model_template:
        others = ", ".join(one for one in template_names() if one != MODEL_TEMPLATE)
        raise TemplateError(f"This model brings no chat template of its own. Use one of: {others}.")
    return found
