"""Templates and presets on the disk, and the template that fits by what the files tell."""

from __future__ import annotations

import json
import tomllib

import pytest

from desktop.api import Lora, Sampling
from desktop.library.automatic_template import choose_automatically
from desktop.library.presets import SHIPPED, changed, delete_preset, read_presets, save_preset
from desktop.library.prompt_files import PromptFileError
from desktop.library.user_templates import delete_template, read_templates, save_template

NAMES = ["", "  ", ".hidden", "..", "a/b", "..\\b", "a:b", "con", "x" * 300, "bad\x00"]


def test_a_preset_holds_only_what_differs_and_comes_back(home):
    sampling = Sampling(temperature=1.25, seed=-4, banned_tokens=("a|b", "id:7"), dry_sequence_breakers=("\n", "é"))
    assert save_preset(home.presets, " mine é ", sampling) == "mine é"
    text = (home.presets / "mine é.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(text)) == {"temperature", "seed", "banned_tokens", "dry_sequence_breakers"}
    assert [(one.name, one.sampling) for one in read_presets(home.presets)[len(SHIPPED) :]] == [("mine é", sampling)]
    save_preset(home.presets, "mine é", Sampling())
    assert (home.presets / "mine é.toml").read_text() == ""
    assert read_presets(home.presets)[-1].sampling == Sampling()
    delete_preset(home.presets, "mine é")
    delete_preset(home.presets, "mine é")
    assert read_presets(home.presets) == SHIPPED


def test_three_presets_come_along_and_each_is_another():
    assert len(SHIPPED) == len({json.dumps(changed(one.sampling)) for one in SHIPPED}) == 3
    assert all(changed(one.sampling) for one in SHIPPED)


@pytest.mark.parametrize("name", [*NAMES, "Precise"])
def test_no_name_leaves_the_folder_or_takes_that_of_what_comes_along(home, name):
    for act in (lambda: save_preset(home.presets, name, Sampling()), lambda: delete_preset(home.presets, name)):
        with pytest.raises(PromptFileError):
            act()
    assert not home.root.exists()


@pytest.mark.parametrize("text", ["temperature = 0", "temperature = 'hot'", "= 3", "top_k = 1.5", "seed = [1]"])
def test_a_damaged_preset_is_listed_with_what_is_wrong(home, text):
    home.presets.mkdir(parents=True)
    (home.presets / "broken.toml").write_text(text)
    (home.presets / "latin.toml").write_bytes(b"\xe9")
    found = read_presets(home.presets)[len(SHIPPED) :]
    assert found[0].problem.startswith("broken.toml is no preset or a damaged one (")
    assert "not UTF-8" in found[1].problem


def test_a_template_comes_back_with_its_stops_and_is_replaced_and_deleted(home):
    source = '{# stop: ["</s>", "USER:", "a|b"] #}{{ messages[0].content }}'
    assert save_template(home.templates, "mine", source) == "mine"
    (one,) = read_templates(home.templates)
    assert (one.name, one.jinja, one.stop) == ("mine", source, ("</s>", "USER:", "a|b"))
    assert one.takes_system
    assert one.render("Hi") == "Hi"
    save_template(home.templates, "mine", "x")
    assert read_templates(home.templates)[0].jinja == "x"
    delete_template(home.templates, "mine")
    assert read_templates(home.templates) == ()


@pytest.mark.parametrize("name", [*NAMES, "alpaca", "model"])
def test_a_templates_name_is_a_files_and_its_own(home, name):
    with pytest.raises(PromptFileError):
        save_template(home.templates, name, "x")
    assert not home.root.exists()


def test_a_template_that_can_t_be_read_is_listed_and_one_called_as_ours_is_not(home):
    home.templates.mkdir(parents=True)
    (home.templates / "latin.jinja").write_bytes(b"\xe9")
    (home.templates / "alpaca.jinja").write_text("x")
    (one,) = read_templates(home.templates)
    assert one.name == "latin"
    assert "not UTF-8" in one.problem


@pytest.fixture
def adapter(tmp_path):
    """Call it with files: a row of the stack whose folder holds them."""

    def make(name="a", weight=1.0, enabled=True, **files):
        folder = tmp_path / name
        folder.mkdir()
        for file, content in files.items():
            path = folder / file.replace("__", ".")
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return Lora(id=name, name=name, path=str(folder), weight=weight, enabled=enabled)

    return make


FRENCH = "Ci-dessous.\n### Instruction:\n%instruction%\n### Réponse:\n%output%"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"training_parameters__json": {"format": "alpaca-format"}}, "alpaca"),
        ({"training_parameters__json": {"format": "vicuna-format"}}, "vicuna"),
        ({"training_prompt__json": {"template_type": "dataset", "template_1": FRENCH}}, "alpaca-fr-compact"),
        ({"training_prompt__json": {"i,o": "Below.\n\n### Instruction:\n%i%\n\n### Response:\n%o%"}}, "alpaca"),
        ({"tokenizer_config__json": {"chat_template": "{{ '<|start_header_id|>' }}"}}, "llama-3"),
        ({"chat_template__jinja": "{{ '<start_of_turn>' }}"}, "gemma"),
    ],
)
def test_what_an_adapter_was_trained_with_is_chosen_and_the_reason_said(adapter, tmp_path, files, name):
    found = choose_automatically([adapter(**files)], str(tmp_path), True)
    assert found.name == name
    assert found.reason.startswith("a was trained with it (")


def test_the_last_adapter_that_acts_and_tells_counts(adapter, tmp_path):
    rows = [
        adapter("alpaca", training_parameters__json={"format": "alpaca-format"}),
        adapter("mute", 0.0, training_parameters__json={"format": "vicuna-format"}),
        adapter("off", 1.0, False, training_parameters__json={"format": "vicuna-format"}),
        adapter("broken", training_parameters__json="{", tokenizer_config__json="[]"),
    ]
    assert choose_automatically(rows, str(tmp_path), True).name == "alpaca"


def test_where_adapter_and_model_have_the_same_the_models_own_is_taken(adapter, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "tokenizer_config.json").write_text(json.dumps({"chat_template": "<|im_start|>"}))
    row = adapter(chat_template__jinja="{{ '<|im_start|>' }}")
    found = choose_automatically([row], str(model), True)
    assert (found.name, "trained with too" in found.reason) == ("model", True)
    assert choose_automatically([row], str(model), False).name == "chatml"
    assert choose_automatically([], str(model), True).name == "model"
    assert choose_automatically([], str(model), False).name == "plain"
