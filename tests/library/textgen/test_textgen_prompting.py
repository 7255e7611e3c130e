"""Presets and templates of text-generation-webui mean here what they mean there."""

from __future__ import annotations

import pytest

from desktop.api import Message, Sampling
from desktop.library.linked import link_folder
from desktop.library.presets import save_preset
from desktop.library.textgen.presets import read_preset
from desktop.library.textgen.prompting import all_presets, all_templates
from desktop.library.textgen.templates import read_template
from desktop.library.user_templates import save_template
from desktop.prompting.templates import TemplateError
from tests.library.textgen_making import NEW_TEMPLATE, OLD_TEMPLATE, make_textgen, write

TALK = [Message("user", "Hi"), Message("assistant", "Ahoy"), Message("user", "{{ 7 * 7 }}")]
NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}


@pytest.mark.parametrize(
    ("text", "sampling", "note"),
    [
        ("temperature: 0.7\ntop_p: 0.9\ntop_k: 20.0\n", {"temperature": 0.7, "top_p": 0.9, "top_k": 20}, ""),
        ("do_sample: false\ntop_p: 0.5\n", {"greedy": True, "top_p": 0.5}, ""),
        ("temperature: 0\n", {"greedy": True}, ""),
        ("min_p: 1e-1\nseed: -1\n", {"min_p": 0.1}, ""),
        ("seed: 7\nno_repeat_ngram_size: 3\n", {"seed": 7, "no_repeat_ngram": 3}, ""),
        ('dry_multiplier: 0.8\ndry_sequence_breakers: \'"\\n", ":"\'\n',
         {"dry_multiplier": 0.8, "dry_sequence_breakers": ("\n", ":")}, ""),
        ("typical_p: 0.9\ntfs: 1\ntop_a: 0.0\nmirostat_mode: 2\nmirostat_tau: 5\nmine: [1, 2]\n", {"typical_p": 0.9},
         "Not known here and left out: mirostat_mode, mine."),
        ("? [a, b]\n: 1\n", None, "is no YAML or damaged (line 1: found unhashable key)"),
        ("", None, "holds no names and values"),
        ("temperature: warm\n", None, "a value can't be used here"),
        ("top_k: .nan\n", None, "a value can't be used here"),
        ("xtc_threshold: 0.9\n", None, "a value can't be used here"),
        ("dry_sequence_breakers: [1]\n", None, "no list of texts"),
        ("dry_sequence_breakers: ']['\n", None, "no list of quoted texts"),
        ("temperature: " + "9" * 5000 + "\n", None, ""),
        ("temperature: 2026-99-99\n", None, ""),
        ("a: &a [*a, *a]\nb: *a\n", {}, "Not known here and left out: a, b."),
    ],
)  # fmt: skip
def test_a_preset(tmp_path, text, sampling, note):
    preset = read_preset(write(tmp_path / "p.yaml", text), "p")
    if sampling is None:
        assert note in preset.problem
        assert preset.problem
        return
    assert (preset.problem, preset.note) == ("", note)
    assert preset.sampling == Sampling(**(NEUTRAL | sampling))


def test_the_older_form_of_a_template(tmp_path):
    template = read_template(write(tmp_path / "t.yaml", OLD_TEMPLATE), "t")
    expected = "A talk.\n\n### Human:\nHi\n\n### Bot: Ahoy</s>\n\n### Human:\n{{ 7 * 7 }}\n\n### Bot:"
    assert template.render_messages(TALK) == expected
    assert template.stop == ("</s>", "### Human:")
    with pytest.raises(TemplateError, match="no place for it"):
        template.render_messages([Message("system", "Be brief."), *TALK])


def test_the_older_form_with_a_system_message(tmp_path):
    text = (
        'user: "<|im_start|>user"\nbot: "<|im_start|>assistant"\nsystem_message: "Be good."\n'
        'context: "<|im_start|>system\\n<|system-message|><|im_end|>\\n"\n'
        'turn_template: "<|user|>\\n<|user-message|><|im_end|>\\n<|bot|>\\n<|bot-message|><|im_end|>\\n"\n'
    )
    template = read_template(write(tmp_path / "t.yaml", text), "t")
    told = template.render_messages([Message("system", "Be brief."), Message("user", "Hi")])
    assert told == ("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert "system\nBe good.<|im_end|>" in template.render_messages([Message("user", "Hi")])
    assert template.stop == ("<|im_end|>", "<|im_start|>user")


def test_the_newer_form_of_a_template(tmp_path):
    template = read_template(write(tmp_path / "t.yaml", NEW_TEMPLATE), "t")
    assert template.render_messages(TALK) == "Q: Hi\nA: Ahoy\nQ: {{ 7 * 7 }}\nA:"


def test_names_that_are_taken_get_the_folders_name(home, tmp_path):
    first = make_textgen(tmp_path / "one", newer=True)
    second = make_textgen(tmp_path / "two", newer=False)
    for root in (first, second):
        link_folder(home, root)
    write(first / "user_data" / "presets" / "Creative.yaml", "temperature: 1.5\n")
    write(first / "user_data" / "instruction-templates" / "alpaca.yml", OLD_TEMPLATE)
    save_preset(home.presets, "simple-1", Sampling(temperature=0.2))
    save_template(home.templates, "Talk", "mine")
    assert [one.name for one in all_presets(home)][3:] == [
        "simple-1", "Creative (one)", "simple-1 (one)", "simple-1 (two)",
    ]  # fmt: skip
    names = {one.name: one for one in all_templates(home)}
    assert list(names) == ["Talk", "Talk (one)", "alpaca (one)", "Talk (two)"]
    assert (names["Talk"].file, bool(names["Talk (one)"].file)) == ("", True)


def test_a_file_is_read_anew_only_when_it_has_changed(home, tmp_path, monkeypatch):
    root = make_textgen(tmp_path / "one", newer=False)
    write(root / "instruction-templates" / "Bad.yaml", "{")
    link_folder(home, root)
    first = all_templates(home)
    monkeypatch.setattr("yaml.safe_load", lambda text: pytest.fail("read again"))
    assert all_templates(home) == first
    monkeypatch.undo()
    write(root / "instruction-templates" / "Talk.yaml", OLD_TEMPLATE.replace("Human", "Sailor"))
    assert "### Sailor:" in all_templates(home)[-1].render_messages(TALK)
    assert [bool(one.problem) for one in all_templates(home)] == [True, False]
