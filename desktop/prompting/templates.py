"""How a prompt is dressed before the tokenizer sees it: named templates, kept as data."""

from __future__ import annotations

import difflib

import msgspec

PLAIN_TEMPLATE = "plain"
"""The prompt as it stands."""
MODEL_TEMPLATE = "model"
"""The chat template the model brings along; the engine renders it, not this module."""


class TemplateError(Exception):
    """The template can't be used as asked; the message says what to do."""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """One way to dress a prompt. The texts around the values are fixed; values are put between them as they are."""

    name: str
    title: str
    description: str
    before: str = ""
    """Stands before the instruction."""
    after: str = ""
    """Stands after the instruction, before the answer."""
    before_with_input: str | None = None
    """Takes the place of `before` where an input is given; None means that the template has no place for one."""
    between: str = ""
    """Stands between the instruction and the input."""
    stop: tuple[str, ...] = ()
    """Texts at which an answer ends unless the user says otherwise."""
    add_special_tokens: bool = True
    """Whether the tokenizer adds its own, such as BOS."""

    @property
    def takes_input(self) -> bool:
        """Whether there is a place for an input beside the instruction."""
        return self.before_with_input is not None

    def render(self, prompt: str, input: str = "") -> str:
        """The text for the model. Nothing inside `prompt` or `input` is interpreted. Raises TemplateError."""
        if self.name == MODEL_TEMPLATE:
            raise TemplateError("The model's own template is rendered by the model, so it needs a loaded one.")
        if not input:
            return self.before + prompt + self.after
        if self.before_with_input is None:
            fitting = ", ".join(template.name for template in TEMPLATES if template.takes_input)
            raise TemplateError(f"The template {self.name} has no place for an input. Use one of: {fitting}.")
        return self.before_with_input + prompt + self.between + input + self.after


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
        before=f"{words.task}{gap}{words.instruction}\n",
        after=f"{gap}{words.response}\n",
        before_with_input=f"{words.task_with_input}{gap}{words.instruction}\n",
        between=f"{gap}{words.input}\n",
        stop=(words.instruction,),
    )


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
)


def template_names() -> tuple[str, ...]:
    """The names a template can be chosen by."""
    return tuple(template.name for template in TEMPLATES)


def choose_template(name: str | None, has_model_template: bool) -> Template:
    """The template of that name; without a name the model's own if it has one, else the plain one.

    Raises TemplateError, listing the names, if there is none of that name or the model brings none of its own.
    """
    wanted = name if name is not None else (MODEL_TEMPLATE if has_model_template else PLAIN_TEMPLATE)
    found = next((template for template in TEMPLATES if template.name == wanted), None)
    if found is None:
        close = difflib.get_close_matches(wanted.lower(), template_names(), n=1)
        guess = f" Did you mean {close[0]}?" if close else ""
        raise TemplateError(f"There is no template {wanted!r}.{guess} Templates: {', '.join(template_names())}.")
    if found.name == MODEL_TEMPLATE and not has_model_template:
        others = ", ".join(one for one in template_names() if one != MODEL_TEMPLATE)
        raise TemplateError(f"This model brings no chat template of its own. Use one of: {others}.")
    return found
