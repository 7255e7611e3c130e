"""The base panel: what is offered, by whom it would be opened, how it is held, and the one button."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit

from desktop.api import Capabilities, Conversion, LoaderInfo, Verdict, settings_schema
from desktop.discovery.choice import Choice, failed_choice, ordered
from desktop.discovery.describer import Found
from desktop.engine.messages import LoaderRef
from desktop.library.models import ModelEntry
from desktop.session.plans import LoadPlan, State
from desktop.session.saved import Saved
from tests.ui import gallery
from tests.ui.hands import CONTROL, choose, find, key, name_of, press, sees, type_text, words


@pytest.fixture
def listed(window, session):
    """The window with two models listed and the first one judged."""
    gallery.library(session)
    return window


def models(window):
    return find(window, "Base model", QComboBox)


def open_settings(window):
    press(window, "Settings")
    return window


def test_the_first_whole_model_is_chosen_and_the_broken_one_says_why(listed):
    assert models(listed).currentText() == "SmolLM2-135M"
    choose(models(listed), "llama-7b-hf")
    assert "2 of 33 weight files are missing." in words(listed)


def test_the_choice_outlives_a_new_listing(listed, session):
    choose(models(listed), "llama-7b-hf")
    gallery.library(session)
    assert models(listed).currentText() == "llama-7b-hf"


def test_a_choice_asks_the_loaders(listed, session):
    choose(models(listed), "llama-7b-hf")
    assert session.last("probe") == ("/library/models/llama",)


def test_memory_is_told_before_loading(listed):
    assert "about 269 MB of memory for the weights" in words(listed)
    assert "context 8,192 tokens; KV cache 23.0 kB a token, 189 MB when full" in words(listed)


def test_the_estimate_follows_the_bits(listed):
    choose(find(open_settings(listed), "Bits of a weight"), "4 bits (nf4)")
    assert "about 67.2 MB of memory" in words(listed)


def test_a_loader_that_cannot_run_here_is_greyed_with_its_reason(listed):
    box = find(listed, "Loader", QComboBox)
    row = box.findText("ExLlama")
    assert not box.model().item(row).isEnabled()
    assert "It is not quantised." in box.itemData(row, Qt.ItemDataRole.ToolTipRole)
    with pytest.raises(AssertionError, match="can't be reached"):
        choose(box, "ExLlama")


def test_automatic_says_whom_it_means(listed):
    assert find(listed, "Loader", QComboBox).currentText() == "Automatic: Transformers"


def test_nobody_fits(listed, session):
    verdict = Verdict(fits=False, reason="It is a picture.")
    session.verdicts_found.emit(gallery.MODEL, [Choice(gallery.LOADERS[0], verdict)])
    assert "No loader here can open it.\nTransformers: It is a picture." in words(listed)
    assert not find(listed, "Load").isEnabled()


def quantised(session, **preferred):
    """The loaders judge the chosen model, a GPTQ checkpoint that three of them know."""
    said = {
        "AutoGPTQ": Verdict(fits=True, native=True, reason="GPTQ 4-bit."),
        "GPTQ-for-LLaMa": Verdict(fits=True, reason="GPTQ 4-bit."),
        "Transformers": Verdict(fits=False, reason="This model is quantised with GPTQ."),
    }
    found = [Choice(Found(LoaderRef(title, title), LoaderInfo(title=title)), said[title]) for title in said]
    found.append(Choice(gallery.LOADERS[1], Verdict(fits=True)))
    session.verdicts_found.emit(gallery.MODEL, ordered(found, **preferred))


def test_of_several_loaders_it_says_which_was_chosen_and_why(listed, session):
    quantised(session)
    others = "GPTQ-for-LLaMa could open it too. ExLlama could, but can't run here."
    assert f"AutoGPTQ opens it: it is made for this format. {others}" in words(listed)
    choose(find(listed, "Loader", QComboBox), "GPTQ-for-LLaMa")
    others = "AutoGPTQ could open it too. ExLlama could, but can't run here."
    assert f"You chose GPTQ-for-LLaMa. {others}" in words(listed)
    choose(find(open_settings(listed), "Arithmetic type"), "float32")
    assert f"You chose GPTQ-for-LLaMa. {others}" in words(listed)


def test_it_says_where_the_settings_chose(listed, session):
    quantised(session, preferred="GPTQ-for-LLaMa")
    assert "GPTQ-for-LLaMa opens it: your settings prefer it. AutoGPTQ could open it too." in words(listed)


def test_one_loader_alone_needs_no_words(listed):
    assert "opens it" not in words(listed)


def test_each_loader_says_why_it_does_not_open_a_model(listed, session):
    said = ("It has no config.json.", "It is no GPTQ.", "It is a picture.")
    titles = ("Transformers", "AutoGPTQ", "GPTQ-for-LLaMa")
    found = [
        Choice(Found(LoaderRef(title, title), LoaderInfo(title=title)), Verdict(fits=False, reason=reason))
        for title, reason in zip(titles, said, strict=True)
    ]
    found.append(failed_choice(gallery.LOADERS[2]))
    session.verdicts_found.emit(gallery.MODEL, found)
    seen = words(listed)
    for title, reason in zip(titles, said, strict=True):
        assert f"{title}: {reason}" in seen
    assert "parrot: ImportError: No module named 'polly'" in seen
    assert not find(listed, "Load").isEnabled()


def test_a_late_verdict_about_another_model_is_passed_over(listed, session):
    verdict = Verdict(fits=False, reason="It is a picture.")
    session.verdicts_found.emit("/elsewhere", [Choice(gallery.LOADERS[0], verdict)])
    assert "picture" not in words(listed)


def test_a_conversion_is_announced_with_its_cost(listed, session):
    cost = Conversion(source="Q8_0", target="bfloat16", disk_bytes=269_000_000, memory_bytes=0, seconds=12)
    verdict = Verdict(fits=True, conversion=cost)
    session.verdicts_found.emit(gallery.MODEL, [Choice(gallery.LOADERS[0], verdict)])
    assert "Q8_0: converted once to bfloat16, 269 MB on the disk, about 12 s" in words(listed)


def test_load_takes_what_is_chosen(listed, session):
    open_settings(listed)
    choose(find(listed, "Bits of a weight"), "8 bits (LLM.int8)")
    choose(find(listed, "Arithmetic type"), "float32")
    type_text(find(listed, "Memory limits"), "cpu=16GB")
    press(listed, "Load")
    (plan,) = session.last("load")
    wanted = LoadPlan(name="SmolLM2-135M", path=gallery.MODEL, bits=8, dtype="float32")
    assert plan == msgspec.structs.replace(wanted, memory_limits={"cpu": 16_000_000_000})


def test_ctrl_o_loads(listed, session):
    key(listed, Qt.Key.Key_O, CONTROL)
    assert session.last("load")[0].path == gallery.MODEL


def test_a_limit_that_makes_no_sense_is_refused_where_it_stands(listed, session):
    limits = find(open_settings(listed), "Memory limits", QLineEdit)
    type_text(limits, "lots")
    assert "write it as DEVICE=SIZE" in words(listed)
    assert not find(listed, "Load").isEnabled()
    limits.selectAll()
    key(limits, Qt.Key.Key_Delete)
    assert "DEVICE=SIZE" not in words(listed)
    assert find(listed, "Load").isEnabled()


def test_while_loading_the_button_cancels(listed, session):
    session.become(State.LOADING)
    session.progressed.emit("Loading weights", 0.43)
    assert "Loading weights" in words(listed)
    press(listed.base, "Cancel")
    assert session.last("cancel") == ()
    assert not models(listed).isEnabled()


def test_a_loaded_model_tells_what_it_is_and_can_be_unloaded(ready, session):
    assert "Transformers · bfloat16 · cpu · 269 MB" in words(ready)
    assert "SmolLM2-135M · idle · 912 MB" in words(ready)
    press(ready, "Unload")
    assert session.last("unload") == ()
    session.become(State.EMPTY)
    session.model_unloaded.emit()
    assert not sees(ready, "Unload")
    assert "no model" in words(ready)


def test_what_the_loader_remarks_of_a_loaded_model_stands_below(ready, session):
    loaded = gallery.loaded()
    info = msgspec.structs.replace(loaded.info, notes=("Computed by GPTQModel (TorchAten).",))
    session.model_loaded.emit(msgspec.structs.replace(loaded, info=info))
    assert "Transformers · bfloat16 · cpu · 269 MB\nComputed by GPTQModel (TorchAten)." in words(ready)


def test_while_it_answers_nothing_is_loaded_or_unloaded(ready, session):
    session.become(State.ANSWERING)
    assert not find(ready, "Load").isEnabled()
    assert not find(ready, "Unload").isEnabled()


class ParrotSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a stranger's loader may have."""

    seed: int = 3
    """Where it begins."""
    loud: bool = False
    pitch: float = 0.5
    voice: str = "shrill"


def with_parrot(session):
    info = LoaderInfo(title="Parrot", settings=settings_schema(ParrotSettings), capabilities=Capabilities(bits=(16,)))
    parrot = Found(LoaderRef("parrot", "parrot"), info)
    session.verdicts_found.emit(gallery.MODEL, [Choice(parrot, Verdict(fits=True))])


def test_a_loaders_own_settings_make_a_form(listed, session):
    with_parrot(session)
    open_settings(listed)
    type_text(find(listed, "voice"), "er")
    find(listed, "loud").setFocus()
    key(listed, Qt.Key.Key_Space)
    press(listed, "Load")
    assert session.last("load")[0].settings == {"voice": "shriller", "loud": True}


def test_a_changed_setting_is_marked_and_set_back(listed, session):
    with_parrot(session)
    open_settings(listed)
    assert not sees(listed, "Set voice back")
    type_text(find(listed, "voice"), "!")
    assert find(listed, "Set voice back").toolTip() == "Set voice back to shrill"
    press(listed, "Set voice back")
    press(listed, "Load")
    assert session.last("load")[0].settings == {}


def test_bits_a_loader_does_not_have_are_greyed(listed, session):
    with_parrot(session)
    bits = find(open_settings(listed), "Bits of a weight", QComboBox)
    with pytest.raises(AssertionError, match="can't be reached"):
        choose(bits, "4 bits (nf4)")


def test_leave_to_run_code_goes_with_another_model(listed, session):
    open_settings(listed)
    press(listed, "Run the model's own Python code")
    press(listed, "Load")
    assert session.last("load")[0].trust_remote_code
    choose(models(listed), "llama-7b-hf")
    choose(models(listed), "SmolLM2-135M")
    press(listed, "Load")
    assert not session.last("load")[0].trust_remote_code


def test_what_was_chosen_last_stands_before_anything_is_listed(make_window):
    plan = LoadPlan(name="outside", path="/elsewhere/outside", loader="exllama", bits=4)
    window = make_window(Saved(theme="light", plan=plan))
    assert models(window).currentText() == "outside"
    assert window.base.plan() == plan


def test_a_model_outside_of_the_library_stays_offered(listed, session):
    listed.dialogs.model_chosen.emit("/elsewhere/a.gguf")
    assert models(listed).currentText() == "a.gguf"
    assert session.last("probe") == ("/elsewhere/a.gguf",)
    gallery.library(session)
    assert models(listed).currentText() == "a.gguf"


def test_a_hostile_name_is_text(window, session):
    session.models_listed.emit([ModelEntry(name=gallery.HOSTILE, path="/library/models/h", problem=gallery.HOSTILE)])
    assert models(window).currentText() == gallery.HOSTILE
    assert gallery.HOSTILE in words(window)


def test_the_whole_name_is_in_reach_in_the_smallest_window(make_window, session):
    window = make_window(size=(1024, 700))
    window.begin(None, None)
    session.models_listed.emit([ModelEntry(name=gallery.LONG * 3, path="/library/models/" + gallery.LONG * 3)])
    QTest.qWait(20)
    assert window.width() == 1024
    for button in ("Browse", "Load", "Settings", "Add"):
        shown = find(window, button)
        assert shown.visibleRegion().boundingRect().size() == shown.size(), f"{name_of(shown)} is cut off"


def test_the_library_is_read_again_only_for_a_model_that_is_new(window, session):
    gallery.library(session)
    listed = window.base._entries[0].path
    before = len([verb for verb, _ in session.asked if verb == "list_library"])

    def load(path):
        loaded = gallery.loaded()
        info = msgspec.structs.replace(loaded.info, path=path)
        session.model_loaded.emit(msgspec.structs.replace(loaded, info=info))
        return len([verb for verb, _ in session.asked if verb == "list_library"]) - before

    assert load(listed) == 0
    assert load("/somewhere/new") == 1
