"""The library's keepers on real folders: what is listed, kept, refused, deleted and noticed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from desktop.api import Lora
from desktop.library.adapter_notes import adapter_key
from desktop.session.plans import StackReport
from tests.library.hub.repositories import content
from tests.library.making import make_adapter, make_model
from tests.ui.hands import until


@pytest.fixture
def heard(session):
    """What the keepers tell, by the signal's name."""
    told = {}
    keepers = session.library
    signals = {
        keepers.shelf: ("items_listed", "marks_known", "card_read", "refused"),
        keepers.changer: ("looked", "relocated", "deleted", "restored", "duplicates_found", "disk_measured", "refused"),
    }
    for keeper, names in signals.items():
        for name in names:
            getattr(keeper, name).connect(lambda *args, name=name: told.setdefault(name, []).append(args))
    return told


def test_listed_from_the_moment_it_is_wanted(session, heard, home):
    make_adapter(home.loras / "pirate")
    make_model(home.models / "m")
    listed = []
    session.adapters_listed.connect(listed.append)
    session.list_library()
    until(lambda: listed)
    session.library.shelf.open_shelf()
    session.list_library()
    until(lambda: "items_listed" in heard)
    assert len(heard["items_listed"]) == 1
    assert [(item.kind, item.name) for item in heard["items_listed"][0][0]] == [("model", "m"), ("adapter", "pirate")]


def test_a_change_on_the_disk_is_noticed(session, home):
    make_adapter(home.loras / "pirate")
    listed = []
    session.adapters_listed.connect(lambda entries: listed.append([entry.name for entry in entries]))
    session.list_library()
    until(lambda: listed == [["pirate"]])
    make_adapter(home.loras / "parrot")
    until(lambda: listed[-1] == ["parrot", "pirate"])
    (home.loras / "parrot" / "adapter_model.safetensors").unlink()
    until(lambda: len(listed) > 2)


def test_what_was_attached_is_marked_as_used(session, heard, home):
    adapter = make_adapter(home.loras / "pirate")
    report = StackReport(rows=(Lora(id="ad_1", name="pirate", path=str(adapter)),))
    session.stack_changed.emit(report)
    session.stack_changed.emit(report)
    session.library.shelf.keep_tags(str(adapter), ("sea",))
    session.library.shelf.keep_favourite(str(adapter), True)
    until(lambda: len(heard.get("marks_known", ())) == 3)
    mark = heard["marks_known"][-1][0][adapter_key(str(adapter))]
    assert mark.used > 1_700_000_000
    assert (mark.tags, mark.favourite) == (("sea",), True)


def test_the_card_is_read_and_cut(session, heard, home):
    adapter = make_adapter(home.loras / "pirate")
    (adapter / "README.md").write_text("---\nlicense: mit\n---\n" + "line of text\n" * 10_000)
    session.library.shelf.read_card(str(adapter))
    until(lambda: "card_read" in heard)
    path, text = heard["card_read"][0]
    assert path == str(adapter)
    assert text.startswith("line of text")
    assert len(text) <= 24_000


def test_deleted_and_back_and_the_list_follows(session, heard, home):
    adapter = make_adapter(home.loras / "pirate")
    before = content(adapter)
    changer = session.library.changer
    listed = []
    session.adapters_listed.connect(lambda entries: listed.append(len(entries)))
    changer.look_at(str(adapter))
    changer.delete(str(adapter))
    until(lambda: listed and listed[-1] == 0)
    assert not adapter.exists()
    look = heard["looked"][0][0]
    assert (look.refusal, look.told, look.size) == ("", (), sum(map(len, before.values())))
    changer.restore(heard["deleted"][0][0])
    until(lambda: listed[-1] == 1)
    assert content(adapter) == before
    assert heard["restored"] == [(str(adapter),)]


@pytest.mark.parametrize("verb", ["delete", "rename", "move"])
def test_what_is_on_the_stack_or_loaded_is_refused(session, heard, home, tmp_path, verb):
    adapter, model = make_adapter(home.loras / "pirate"), make_model(home.models / "m")
    session.set_rows((Lora(id="ad_1", name="pirate", path=str(adapter), enabled=False),))
    session.library.changer.know_wanted(str(model))
    args = {"delete": (), "rename": ("other",), "move": (str(tmp_path),)}[verb]
    for path in (adapter, model):
        getattr(session.library.changer, verb)(str(path), *args)
    until(lambda: len(heard.get("refused", ())) == 2)
    assert "on the stack" in heard["refused"][0][0]
    assert "being loaded" in heard["refused"][1][0]
    assert adapter.is_dir()
    assert model.is_dir()
    session.set_rows(())
    session.library.changer.forget_wanted()
    session.library.changer.look_at(str(adapter))
    until(lambda: "looked" in heard)
    assert heard["looked"][0][0].refusal == ""


def test_the_model_that_is_loaded_is_refused(loaded, home):
    said = []
    loaded.library.changer.looked.connect(said.append)
    loaded.library.changer.look_at(loaded.loaded.plan.path)
    until(lambda: said)
    # It lies outside the home, which alone is a reason.
    assert "only read" in said[0].refusal


def test_renamed_is_told_with_both_places(session, heard, home):
    adapter = make_adapter(home.loras / "pirate")
    session.library.changer.rename(str(adapter), "corsair")
    until(lambda: "relocated" in heard)
    assert heard["relocated"] == [(str(adapter), str(home.loras / "corsair"))]


def test_duplicates_and_disk_use(session, heard, home):
    for name in ("a", "b"):
        make_adapter(home.loras / name)
    session.library.changer.find_duplicates()
    session.library.changer.measure()
    until(lambda: "disk_measured" in heard)
    assert [item.name for item in heard["duplicates_found"][0][0][0]] == ["a", "b"]
    assert heard["disk_measured"][0][0].adapters > 0


def test_neither_the_hub_nor_the_shelf_is_imported_with_the_session():
    code = (
        "import sys, desktop.ui.main_window; "
        "print([name for name in sys.modules if name.startswith(('huggingface_hub', 'desktop.library.shelf', "
        "'desktop.library.hub.', 'desktop.ui.library'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
