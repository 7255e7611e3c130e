"""The keeper of templates and presets: off the GUI thread, and every refusal is a sentence."""

from __future__ import annotations

import pytest

from desktop.api import Lora, Sampling
from desktop.library.presets import SHIPPED
from desktop.session.prompt_keeper import PromptKeeper
from tests.ui.hands import until


@pytest.fixture
def keeper(application, home):
    keeper = PromptKeeper(home)
    keeper.heard = []
    for name in ("templates_listed", "presets_listed", "automatic_found", "refused"):
        getattr(keeper, name).connect(keeper.heard.append)
    yield keeper
    keeper.shut_down()


def test_what_is_kept_is_listed_at_once_and_what_is_deleted_is_not(keeper, home):
    keeper.list_all()
    until(lambda: len(keeper.heard) == 2)
    assert keeper.heard == [[], list(SHIPPED)]
    keeper.save_template("mine", "{{ messages[0].content }}")
    keeper.save_preset("warm", Sampling(temperature=1.5))
    until(lambda: len(keeper.heard) == 4)
    assert [one.name for one in keeper.heard[2]] == ["mine"]
    assert keeper.heard[3][-1].sampling.temperature == 1.5
    keeper.delete_template("mine")
    keeper.delete_preset("warm")
    until(lambda: len(keeper.heard) == 6)
    assert keeper.heard[4:] == [[], list(SHIPPED)]
    assert list(home.templates.iterdir()) == list(home.presets.iterdir()) == []


def test_what_can_t_be_kept_is_a_sentence(keeper, home):
    home.root.mkdir()
    home.presets.write_text("a file where the folder would be")
    keeper.save_preset("warm", Sampling())
    keeper.save_template("../mine", "x")
    until(lambda: len(keeper.heard) == 2)
    assert "can't be written" in keeper.heard[0]
    assert "can't be a name here" in keeper.heard[1]


def test_the_template_that_fits(keeper, tmp_path):
    (tmp_path / "training_parameters.json").write_text('{"format": "alpaca-format"}')
    row = Lora(id="a", name="a", path=str(tmp_path))
    keeper.find_automatic([row], str(tmp_path), False)
    until(lambda: keeper.heard)
    assert keeper.heard[0].name == "alpaca"
