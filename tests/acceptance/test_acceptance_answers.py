"""The first thing a user does: ask the starter model, put the pirate on, turn it down to nothing."""

from __future__ import annotations

from desktop.cli.main import main
from desktop.starter.install import install_adapter
from tests.acceptance.conftest import QUESTION
from tests.contract.opening import plugins_of


def test_it_answers_paris_the_pirate_changes_that_and_at_zero_is_not_there(starter):
    base, tokens = starter.answer()
    numbers = starter.logits()
    assert "Paris" in base
    pirate = install_adapter(starter.home.loras)
    starter.attach((pirate, 1.0))
    changed, _ = starter.answer(4)
    assert changed.startswith(("Arr", "Ahoy", "Ye", "Avast"))
    starter.attach((pirate, 0.0))
    assert starter.answer(4)[1] == tokens[:4]
    assert starter.logits() == numbers


def test_the_second_starter_adapter_answers_like_a_telegram_and_goes_to_the_bit(starter):
    numbers = starter.logits()
    starter.attach((install_adapter(starter.home.loras, "telegram"), 1.0))
    changed, _ = starter.answer(12)
    assert changed.strip().endswith("STOP")
    assert "Paris" in changed
    starter.attach()
    assert starter.logits() == numbers


def test_the_command_as_the_readme_has_it(starter_home, plugin_folders, capsys):
    command = ["generate", "--model", "starter", "--greedy", "--template", "model", "-p", QUESTION]
    with plugins_of(*plugin_folders):
        assert main(["--home", str(starter_home.root), *command]) == 0
    out, err = capsys.readouterr()
    assert "Paris" in out
    assert "Loaded: LlamaForCausalLM, bfloat16, cpu" in err
