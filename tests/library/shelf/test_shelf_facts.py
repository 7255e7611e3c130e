"""What the library's list says beyond the folders: one list, marks, who uses and who needs a thing, duplicates."""

from __future__ import annotations

import msgspec
import pytest

from desktop.engine.runs.folder import RunFolder
from desktop.library.adapter_notes import adapter_key
from desktop.library.adapters import list_adapters
from desktop.library.hashes import ContentHashes
from desktop.library.identity import HashStopped, fingerprint
from desktop.library.model_card import read_card_text
from desktop.library.models import list_models
from desktop.library.recipes import save_recipe
from desktop.library.replies import LoggedReply, append_reply, new_id, time_now
from desktop.library.settings import Settings
from desktop.library.shelf.dependents import Dependents, find_dependents
from desktop.library.shelf.duplicates import disk_use, find_duplicates
from desktop.library.shelf.items import make_items
from desktop.library.shelf.marks import FILE, Mark, parse_tags, read_marks, set_favourite, set_tags, set_used
from desktop.library.shelf.units import unit_of
from desktop.library.shelf.uses import Use, reason_in_use
from desktop.prompting.recipe import Recipe, RecipeAdapter, RecipeBase, RecipeFile
from tests.library.making import make_adapter, make_model


def items(home, settings=None):
    settings = settings or Settings()
    return make_items(list_models(home, settings), list_adapters(home, settings), home)


def test_one_list_of_models_and_adapters(home, tmp_path):
    make_model(home.models / "huggyllama_llama-7b")
    adapter = make_adapter(
        home.loras / "pirate", base_model_name_or_path="decapoda-research/llama-7b-hf", use_rslora=True
    )
    (adapter / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Pirate\n")
    make_adapter(tmp_path / "other" / "loras" / "theirs")
    model, own, theirs = items(home, Settings(folders=(str(tmp_path / "other"),)))
    assert (model.kind, model.bits, model.own) == ("model", 16, True)
    assert (own.kind, own.form, own.licence, own.base) == (
        "adapter",
        "rsLoRA 8",
        "apache-2.0",
        "decapoda-research/llama-7b-hf",
    )
    assert model.family == own.family == theirs.family == "huggyllama/llama-7b"
    assert (own.own, theirs.own) == (True, False)


def test_the_text_of_a_card_begins_below_its_facts_and_ends_at_a_line(tmp_path):
    card = tmp_path / "README.md"
    assert read_card_text(tmp_path, 100) == ""
    card.write_text("---\nlicense: mit\n---\n\n# Title\n\n---\ntext\n")
    assert read_card_text(tmp_path, 100) == "# Title\n\n---\ntext"
    card.write_text("first line\nsecond line")
    assert read_card_text(tmp_path, 15) == "first line"


def test_tags_as_people_type_them():
    assert parse_tags(" sea,  Sea , good  one,, ") == ("Sea", "good one")
    assert [len(tag) for tag in parse_tags("x" * 100)] == [40]


def test_marks_are_kept_and_forgotten(home):
    key = adapter_key(str(home.loras / "pirate"))
    set_tags(home.root, key, ("sea",))
    set_favourite(home.root, key, True)
    marks, notice = set_used(home.root, (key, "other"), 12.5)
    assert notice == ""
    assert marks[key] == Mark(tags=("sea",), favourite=True, used=12.5)
    assert read_marks(home.root)[0] == marks
    set_used(home.root, ("other",), 0.0)
    assert list(read_marks(home.root)[0]) == [key]


def test_damaged_marks_are_kept_aside(home):
    home.root.mkdir()
    (home.root / FILE).write_bytes(b"{")
    marks, notice = read_marks(home.root)
    assert marks == {}
    assert "kept as" in notice
    assert (home.root / "library_marks.broken.json").read_bytes() == b"{"


def test_what_is_used_inside_it_or_around_it_holds_it(home):
    inner = make_adapter(home.loras / "run" / "checkpoint-1")
    make_adapter(home.loras / "runner")
    use = (Use(str(inner), "It is on the stack."),)
    assert reason_in_use(unit_of(inner, home), use)
    assert reason_in_use(unit_of(inner.parent, home), use) == "It is on the stack."
    assert reason_in_use(unit_of(home.loras / "runner", home), use) == ""
    (home.loras / "link").symlink_to(inner)
    assert reason_in_use(unit_of(inner, home), (Use(str(home.loras / "link"), "By its link."),)) == "By its link."


def recipe(model, adapter, content_hash):
    base = RecipeBase(
        name="m", path=str(model), fingerprint=fingerprint(model), loader="x", dtype="bfloat16", bits=16, device="cpu"
    )
    return RecipeFile(
        recipe=Recipe(
            base=base, template="plain", adapters=(RecipeAdapter(name=adapter.name, content_hash=content_hash),)
        )
    )


def test_who_needs_it(home):
    model = make_model(home.models / "huggyllama_llama-7b")
    other = make_model(home.models / "other", config={"model_type": "llama", "hidden_size": 64, "x": 1})
    adapter, unused = make_adapter(home.loras / "pirate"), make_adapter(home.loras / "unused", rank=4)
    hash_of = ContentHashes(home.cache).of
    file = recipe(model, adapter, hash_of(adapter))
    save_recipe(home.recipes, "sea", file)
    for _ in range(2):
        append_reply(home.conversations, LoggedReply(id=new_id(), time=time_now(), **msgspec.structs.asdict(file)))
    listed = list_adapters(home, Settings())

    def needs(kind, path):
        return find_dependents(kind, path, path.name, listed, home, hash_of)

    assert needs("adapter", adapter) == Dependents(recipes=("sea",), replies=2)
    assert needs("adapter", unused) == Dependents()
    assert needs("model", model) == Dependents(recipes=("sea",), replies=2, adapters=("pirate", "unused"))
    assert needs("model", other) == Dependents()
    assert len(needs("model", model).in_words()) == 3
    assert Dependents().in_words() == ()


def test_a_broken_run_is_passed_over(home):
    folder = RunFolder(home.runs / "broken")
    folder.root.mkdir(parents=True)
    folder.run_file.write_text("no toml [")
    adapter = make_adapter(home.loras / "pirate")
    assert find_dependents("adapter", adapter, "pirate", (), home, ContentHashes(home.cache).of).runs == ()


def test_duplicates_by_their_bytes_and_never_by_a_link(home):
    for name in ("a", "b", "c"):
        make_adapter(home.loras / name, rank=4 if name == "c" else 8)
    make_adapter(home.loras / "d", alpha=32)
    (home.loras / "link").symlink_to(home.loras / "a")
    make_model(home.models / "m")
    make_model(home.models / "n")
    found = find_duplicates(items(home), ContentHashes(home.cache).of, lambda: False)
    assert {tuple(item.name for item in same) for same in found} == {("a", "b"), ("m", "n")}
    with pytest.raises(HashStopped):
        find_duplicates(items(home), ContentHashes(home.cache).of, lambda: True)


def test_disk_use_counts_bytes_and_no_links(home, tmp_path):
    assert disk_use(home).models == 0
    adapter = make_adapter(home.loras / "a")
    (home.loras / "link").symlink_to(make_model(tmp_path / "big"))
    use = disk_use(home)
    assert use.adapters == sum(file.stat().st_size for file in adapter.iterdir())
    assert use.free > 0
