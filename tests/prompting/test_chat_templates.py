"""Conversations in every format, to the letter as the models' own documentation has them."""

from __future__ import annotations

import pytest

from desktop.api import Message
from desktop.prompting.chat_templates import name_by_marks
from desktop.prompting.dressing import Wish, dress
from desktop.prompting.jinja_templates import stops_of_jinja
from desktop.prompting.templates import TEMPLATES, Template, TemplateError, choose_template

TALK = [Message("user", "Hi {{ 1 }}"), Message("assistant", "Hello."), Message("user", "Who?")]
WITH_SYSTEM = [Message("system", "Be brief."), *TALK]
ALPACA = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. "
)
TEXTS = {
    "chatml": (
        "<|im_start|>user\nHi {{ 1 }}<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
        "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
    ),
    "vicuna": VICUNA + "USER: Hi {{ 1 }} ASSISTANT: Hello.</s>USER: Who? ASSISTANT:",
    "llama-2": "[INST] Hi {{ 1 }} [/INST] Hello. </s><s>[INST] Who? [/INST]",
    "llama-3": (
        "<|start_header_id|>user<|end_header_id|>\n\nHi {{ 1 }}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "mistral": "[INST] Hi {{ 1 }} [/INST] Hello.</s>[INST] Who? [/INST]",
    "gemma": (
        "<start_of_turn>user\nHi {{ 1 }}<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
        "<start_of_turn>user\nWho?<end_of_turn>\n<start_of_turn>model\n"
    ),
    "phi-3": "<|user|>\nHi {{ 1 }}<|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nWho?<|end|>\n<|assistant|>\n",
    "alpaca": (
        f"{ALPACA}### Instruction:\nHi {{{{ 1 }}}}\n\n### Response:\nHello.\n\n"
        "### Instruction:\nWho?\n\n### Response:\n"
    ),
}
SYSTEMS = {
    "chatml": ("<|im_start|>system\nBe brief.<|im_end|>\n", ""),
    "vicuna": ("Be brief. ", VICUNA),
    "llama-3": ("<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>", ""),
    "phi-3": ("<|system|>\nBe brief.<|end|>\n", ""),
}
INSIDE = {"llama-2": "<<SYS>>\nBe brief.\n<</SYS>>\n\n", "mistral": "Be brief.\n\n", "gemma": "Be brief.\n\n"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_conversation(name):
    template = choose_template(name, False)
    assert template.render_messages(TALK) == TEXTS[name]
    assert template.render("Who?") == template.render_messages(TALK[2:])
    assert name_by_marks(TEXTS[name]) == ("mistral" if name == "llama-2" else name)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_message_comes_first(name):
    begin, default = SYSTEMS[name]
    assert choose_template(name, False).render_messages(WITH_SYSTEM) == begin + TEXTS[name].removeprefix(default)


@pytest.mark.parametrize("name", INSIDE)
def test_a_system_message_inside_the_first_turn(name):
    expected = TEXTS[name].replace("Hi {{ 1 }}", INSIDE[name] + "Hi {{ 1 }}")
    assert choose_template(name, False).render_messages(WITH_SYSTEM) == expected


def test_every_template_but_the_models_own_is_covered():
    covered = {*TEXTS, "plain", "model", "alpaca-compact", "alpaca-fr", "alpaca-fr-compact"}
    assert {template.name for template in TEMPLATES} == covered


def test_where_there_is_no_place_for_a_system_message_it_says_so():
    for name in ("alpaca", "plain"):
        with pytest.raises(TemplateError, match=f"or one for chats; {name} has no place for it"):
            choose_template(name, False).render_messages(WITH_SYSTEM)


def test_a_prompt_with_a_system_message_is_dressed_and_brings_its_stops():
    got = dress(Wish(prompt="Who?", template="phi-3", system="Be brief."), False, str)
    assert got.text == "<|system|>\nBe brief.<|end|>\n<|user|>\nWho?<|end|>\n<|assistant|>\n"
    assert (got.stop, got.add_special_tokens) == (("<|end|>",), True)


def own(source):
    return Template(name="own", title="own", description="", jinja=source)


def test_a_template_of_the_users_own():
    source = "{% for m in messages %}\n{{ m['role'] }}: {{ m.content }}\n{% endfor %}\n{{ bos_token }}assistant:"
    text = dress(Wish(prompt="Who {{ 7 }}?", template="own", system="Be brief."), False, str, [own(source)]).text
    assert text == "system: Be brief.\nuser: Who {{ 7 }}?\nassistant:"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% for %}", r"own: The template can't be used \(line 1\)"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ raise_exception('no system, please') }}", "refuses this conversation: no system, please"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{# stop: </s> #}x", "Write the stop texts as a list"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{{ 'much' }}{% endfor %}{% endfor %}",
            "without an end",
        ),
        ("{% include '/etc/passwd' %}", "can't be used"),
    ],
)
def test_what_a_template_must_not_or_can_not_is_said_in_words(source, words):
    with pytest.raises(TemplateError, match=words):
        own(source).render_messages(TALK)


@pytest.mark.parametrize("template", [one for one in TEMPLATES if one.source], ids=lambda one: one.name)
def test_every_template_as_jinja_is_the_same(template):
    hostile = [Message("user", "{{ 1 }} {# é \n"), Message("assistant", "\"' \\ %}"), Message("user", "  ")]
    jinja = own(template.source)
    for talk in (TALK, hostile, TALK[:1], *([WITH_SYSTEM] if template.turns and template.takes_system else ())):
        assert jinja.render_messages(talk) == template.render_messages(talk)
    assert stops_of_jinja(template.source) == template.stop
