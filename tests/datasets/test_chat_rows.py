"""Conversations: the text is transformers' to the letter, and the assistant's words are found in it."""

from __future__ import annotations

import json

import pytest

from desktop.api import Part
from desktop.datasets import DataError, DataPlan, prepare
from desktop.datasets.chat_spans import chat_parts
from desktop.datasets.chat_template import ChatTemplate, chatml, read_chat_template
from desktop.datasets.plan import RowError

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)
LLAMA = (
    "{% for message in messages %}{% set content = '<|start|>' + message['role'] + '<|end|>\n\n' + "
    "message['content'] | trim + '<|eot|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>\n\n' }}{% endif %}"
)
BLOCKS = """{%- if tools %}
    {{- tools | tojson(indent=2) }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == "tool" %}{% continue %}{% endif %}
    {{- "<" + message.role + ">" + message.content + "</" + message.role + ">\n" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<assistant>" }}
{%- endif %}
"""
MARKED = (
    "{% for message in messages %}{{ message.role }}: {% if message.role == 'assistant' %}{% generation %}"
    "{{ message.content }}{{ eos_token }}{% endgeneration %}{% else %}{{ message.content }}{% endif %}|{% endfor %}"
)
THINKING = (
    "{% for message in messages %}{{ '<|' + message.role + '|>' }}{{ message.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
FORGETFUL = (
    "{% for message in messages %}{{ '<|' + message.role + '|>' }}"
    "{% if message.role == 'assistant' and loop.last %}<think></think>{% endif %}{{ message.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ALL = {"mistral": MISTRAL, "llama": LLAMA, "blocks": BLOCKS, "marked": MARKED, "thinking": THINKING}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


TALK = [user("Hi <b>&é🙂?"), assistant(" Hello.\n"), user("And?"), assistant("Bye.")]


@pytest.mark.parametrize("name", ALL)
def test_the_text_is_what_transformers_renders(name):
    from transformers.utils.chat_template_utils import render_jinja_template

    tools = [{"type": "function", "function": {"name": "é<b>", "parameters": {}}}] if name == "blocks" else None
    template = ChatTemplate(ALL[name], SPECIAL, name)
    for messages in (TALK[:1], TALK[:2], TALK[:3], TALK):
        for ask in (False, True):
            (wanted,), _ = render_jinja_template(
                conversations=[messages], tools=tools, chat_template=ALL[name], add_generation_prompt=ask, **SPECIAL
            )
            made = template.render(messages, tools, add_generation_prompt=ask)
            assert made.replace("\0(", "").replace("\0)", "") == wanted
    parts = chat_parts(template, TALK, tools)
    (wanted,), _ = render_jinja_template(conversations=[TALK], tools=tools, chat_template=ALL[name], **SPECIAL)
    assert "".join(part.text for part in parts) == wanted


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("mistral", [" Hello.\n</s>", "Bye.</s>"]),
        ("llama", ["Hello.<|eot|>", "Bye.<|eot|>"]),
        ("blocks", [" Hello.\n</assistant>\n", "Bye.</assistant>\n"]),
        ("marked", [" Hello.\n</s>", "Bye.</s>"]),
        ("thinking", ["Hello.\n</s>", "Bye.</s>"]),
    ],
)
def test_the_answers_are_trained_and_nothing_else(name, answers):
    parts = chat_parts(ChatTemplate(ALL[name], SPECIAL, name), TALK)
    assert [part.text for part in parts if part.trained] == answers
    assert all(part.text for part in parts)
    # An answer that is weighed 0 is read and not learnt.
    first = [TALK[0], assistant(" Hello.\n", weight=0), *TALK[2:]]
    weighed = chat_parts(ChatTemplate(ALL[name], SPECIAL, name), first)
    assert [part.text for part in weighed if part.trained] == answers[1:]
    assert "".join(part.text for part in weighed) == "".join(part.text for part in parts)


def test_chatml_ends_an_answer_at_its_end_token():
    assert chat_parts(chatml(), TALK[2:]) == (
        Part("<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n", trained=False),
        Part("Bye.<|im_end|>"),
        Part("\n", trained=False),
    )


def test_a_template_that_is_not_clear_refuses_the_row():
    template = ChatTemplate(FORGETFUL, SPECIAL, "forgetful")
    with pytest.raises(RowError, match="message 2 otherwise when more follows"):
        chat_parts(template, TALK)
    assert [part.text for part in chat_parts(template, TALK[:2]) if part.trained] == ["<think></think> Hello.\n"]
    late = ChatTemplate(LLAMA + "{{ tools | tojson }}", SPECIAL, "late")
    with pytest.raises(RowError, match="otherwise when more follows"):
        chat_parts(late, TALK, tools=[{"name": "x"}])
    with pytest.raises(RowError, match="doesn't show where the answer in message 2 begins"):
        chat_parts(ChatTemplate(THINKING, SPECIAL, "thinking"), [user("x"), assistant("|")])
    silent = "{% for message in messages %}{% if message.role == 'user' %}{{ message.content }}{% endif %}{% endfor %}"
    with pytest.raises(RowError, match="leaves out the answer"):
        chat_parts(ChatTemplate(silent, SPECIAL, "silent"), TALK[:2])


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[0].nothing.at_all }}",
        "{{ ''.__class__.__mro__ }}{{ messages.append }}{{ 1 / 0 }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ raise_exception('Only \\'user\\' may speak') }}",
        "{% for i in range(10000000) %}{% endfor %}",
    ],
)
def test_a_template_that_fails_or_reaches_out_refuses_the_row(source):
    with pytest.raises(RowError, match="chat template refuses this row"):
        ChatTemplate(source, SPECIAL, "bad").render(TALK)


def test_a_broken_template_is_told(tmp_path):
    with pytest.raises(DataError, match="can't be read"):
        ChatTemplate("{% for %}", SPECIAL, "bad")
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        read_chat_template(tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(DataError, match=r"inside model\.gguf"):
        read_chat_template(tmp_path / "model.gguf")


def test_where_a_model_keeps_its_template(tmp_path):
    assert read_chat_template(tmp_path) is None
    config = {"chat_template": "A{{ bos_token }}", "bos_token": {"content": "<b>"}, "eos_token": "<e>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert read_chat_template(tmp_path).render([]) == "A<b>"
    assert read_chat_template(tmp_path).end_token == "<e>"
    config["chat_template"] = [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert read_chat_template(tmp_path).render([]) == "D"
    (tmp_path / "chat_template.jinja").write_text("J{{ eos_token }}")
    assert read_chat_template(tmp_path).render([]) == "J<e>"


def rows_of(tmp_path, rows, **plan):
    """Check rows that are written as JSON lines."""
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return prepare(DataPlan(sources=(str(path),), **plan))


def test_sharegpt_and_messages_are_one(tmp_path):
    told = {"messages": [{"role": "system", "content": "Be brief."}, user("Hi?"), assistant("Hi.")]}
    gpt = {"conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Hi."}], "system": "Be brief."}
    pieces = {
        "messages": [*told["messages"][:2], assistant([{"type": "text", "text": "H"}, {"type": "text", "text": "i."}])]
    }
    rows = [next(rows_of(tmp_path, [row]).rows()).parts for row in (told, gpt, pieces)]
    assert rows[0] == rows[1] == rows[2]
    report = rows_of(tmp_path, [gpt]).report
    assert (report.kind, report.template) == ("conversations", "chatml")
    assert report.notes == ("No model is named, so conversations are written in ChatML.",)


def test_a_conversation_in_another_dress(tmp_path):
    rows = [{"messages": TALK[2:]}, {"messages": TALK}]
    check = rows_of(tmp_path, rows, template="alpaca", on_bad="skip")
    assert check.report.bad_by_reason == {"more than one question and answer": 1}
    assert next(check.rows()).parts[1] == Part("Bye.")
    check = rows_of(tmp_path, rows, format="alpaca-chatbot", on_bad="skip")
    assert check.report.kind == "messages"
    assert [part.text for part in next(check.rows()).parts] == ["User: And?\nAssistant: ", "Bye."]


def test_instructions_in_the_models_own_template(tmp_path):
    (tmp_path / "chat_template.jinja").write_text(LLAMA)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(SPECIAL))
    row = {"instruction": "Ask.", "input": "Given.", "output": "Tell.", "system": "Be brief."}
    check = rows_of(tmp_path, [row], template="model", model_folder=str(tmp_path))
    (made,) = check.rows()
    assert "".join(part.text for part in made.parts) == (
        "<s><|start|>system<|end|>\n\nBe brief.<|eot|><|start|>user<|end|>\n\nAsk.\n\nGiven.<|eot|>"
        "<|start|>assistant<|end|>\n\nTell.<|eot|>"
    )
    assert [part.trained for part in made.parts] == [False, True]
    assert not made.add_special_tokens
    assert check.report.template == "model"
