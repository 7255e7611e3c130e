"""What the user types for a model or an adapter, and what it leads to."""

import os
import sys
import unicodedata
from pathlib import Path

import pytest

from desktop.library.names import NameNotFound, find_adapter, find_model, parse_loras
from desktop.library.settings import Settings
from tests.library.making import make_adapter, make_model

NONE = Settings()
ODD = ["llama 7b", "v1.5.2-q4", "modèle", "🦙", "a=b", "a=b=0.5", "~", "-x", "100%", "it's", "--lora", "a:b", "é" * 60]


@pytest.mark.parametrize("name", ODD)
def test_any_name_is_found(home, name):
    adapter, model = make_adapter(home.loras / name), make_model(home.models / name)
    assert find_adapter(name, home, NONE) == adapter
    assert find_model(name, home, NONE) == model


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_accents_composed_and_decomposed_are_one_name(home, stored, typed):
    folder = make_adapter(home.loras / unicodedata.normalize(stored, "élève") / unicodedata.normalize(stored, "à"))
    assert find_adapter(unicodedata.normalize(typed, "élève/à"), home, NONE) == folder
    assert find_adapter(unicodedata.normalize(typed, str(folder)), home, NONE) == folder


def test_a_name_as_the_hub_has_it_finds_what_a_download_made(home):
    folder = make_adapter(home.loras / "tloen_alpaca-lora-7b")
    branch = make_adapter(home.loras / "tloen_alpaca-lora-7b_dev")
    assert find_adapter("tloen/alpaca-lora-7b", home, NONE) == folder
    assert find_adapter("tloen_alpaca-lora-7b/", home, NONE) == folder
    assert find_adapter("tloen/alpaca-lora-7b:dev", home, NONE) == branch


def test_every_kind_of_path(home, tmp_path, monkeypatch):
    folder = make_model(tmp_path / "elsewhere" / "m")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME" if os.name == "posix" else "USERPROFILE", str(tmp_path))
    for text in (str(folder), "m", "./m", "../elsewhere/m", "~/elsewhere/m"):
        assert find_model(text, home, NONE) == folder, text
    assert find_model("m/model.safetensors", home, NONE) == folder / "model.safetensors"
    monkeypatch.chdir(folder)
    assert find_model(".", home, NONE) == folder


def test_the_library_comes_before_the_present_folder_and_home_before_further_folders(home, tmp_path, monkeypatch):
    here, further = make_model(tmp_path / "x"), make_model(tmp_path / "more" / "models" / "x")
    only = make_model(tmp_path / "more" / "models" / "y")
    monkeypatch.chdir(tmp_path)
    more = Settings(folders=(str(tmp_path / "more"),))
    assert find_model("x", home, more) == further
    mine = make_model(home.models / "x")
    assert find_model("x", home, more) == mine
    assert find_model("./x", home, more) == here
    assert find_model("y", home, more) == only


def test_a_file_inside_an_adapter_names_the_adapter(home):
    folder = make_adapter(home.loras / "a")
    assert find_adapter(str(folder / "adapter_model.safetensors"), home, NONE) == folder
    assert find_adapter("a/adapter_config.json", home, NONE) == folder


def test_a_file_that_is_no_adapter_is_refused_in_words(home):
    make_adapter(home.loras / "a")
    (home.loras / "kohya.safetensors").write_bytes(b"x")
    with pytest.raises(NameNotFound, match=r"'kohya\.safetensors' is a file\. An adapter is a folder with"):
        find_adapter("kohya.safetensors", home, NONE)


@pytest.mark.parametrize("text", ["../loras/secret", "a/../../loras/secret", "..", "../.."])
def test_dots_never_lead_from_the_library(home, tmp_path, monkeypatch, text):
    make_adapter(home.loras / "secret")
    make_model(home.models / "a")
    nowhere = tmp_path / "nowhere" / "deep"
    nowhere.mkdir(parents=True)
    monkeypatch.chdir(nowhere)
    if text in {"..", "../.."}:
        assert find_model(text, home, NONE) == (nowhere / text).resolve()
        return
    with pytest.raises(NameNotFound) as caught:
        find_model(text, home, NONE)
    assert str(home.models) not in str(caught.value).partition("Looked")[2], "it was looked up in the library"


def test_an_absolute_path_is_no_name(home, tmp_path):
    with pytest.raises(NameNotFound, match="Looked at the path"):
        find_model(str(tmp_path / "gone"), home, NONE)


def test_nothing_found_says_where_it_looked_and_what_is_close(home, tmp_path):
    make_adapter(home.loras / "tloen_alpaca-lora-7b")
    make_adapter(home.loras / "Pirate")
    more = Settings(folders=(str(tmp_path / "more"),))
    with pytest.raises(NameNotFound) as caught:
        find_adapter("tloen_alpaca-lora-7B-", home, more)
    words = str(caught.value)
    assert str(home.loras) in words
    assert str(tmp_path / "more" / "loras") in words
    assert str(Path.cwd() / "tloen_alpaca-lora-7B-") in words
    assert words.endswith("Close names: 'tloen_alpaca-lora-7b'.")
    with pytest.raises(NameNotFound, match=r"Close names: 'tloen_alpaca-lora-7b'\.$"):
        find_adapter("alpaca", home, NONE)
    with pytest.raises(NameNotFound, match=r"Close names: 'Pirate'\.$"):
        find_adapter("PIRATE!", home, NONE)
    with pytest.raises(NameNotFound, match="`lora-deck adapters` lists what is there"):
        find_adapter("zzzzz", home, NONE)


@pytest.mark.parametrize("text", ["", "x\0y", "x" * 5000, "no/such/thing", "~nobody-of-this-name/x"])
def test_what_can_be_nothing_is_told_and_nothing_breaks(home, text):
    with pytest.raises(NameNotFound):
        find_model(text, home, NONE)
    with pytest.raises(NameNotFound):
        parse_loras([text], home, NONE)


def test_an_empty_library_says_so(home):
    with pytest.raises(NameNotFound, match=r"The library holds no models yet\.$"):
        find_model("x", home, NONE)


def test_links_are_followed_and_circles_are_nothing(home, tmp_path):
    target = make_adapter(tmp_path / "target")
    home.loras.mkdir(parents=True)
    (home.loras / "link").symlink_to(target)
    (home.loras / "circle").symlink_to(home.loras / "circle")
    assert find_adapter("link", home, NONE) == home.loras / "link"
    with pytest.raises(NameNotFound):
        find_adapter("circle", home, NONE)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_a_name_that_is_no_text_is_refused_in_words(home):
    make_adapter(home.loras / os.fsdecode(b"caf\xe9"))
    with pytest.raises(NameNotFound, match="not valid UTF-8"):
        find_adapter(os.fsdecode(b"caf\xe9"), home, NONE)
