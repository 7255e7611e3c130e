"""Entry points are read from metadata, and nothing of a plugin is imported."""

from __future__ import annotations

import sys

from desktop.discovery.entry_points import registered_loaders
from desktop.engine.messages import LoaderRef
from tests.metadata import write_metadata


def test_no_plugin_is_there_unless_asked_for():
    assert registered_loaders().loaders == ()


def test_names_are_read_sorted_and_nothing_is_imported(third_party):
    third_party("stranger", "imports_torch", "broken/exits", "broken/fails_at_import")
    registered = registered_loaders()
    assert registered.loaders == (
        LoaderRef("echo", "echo_loader", "stranger", "1.0"),
        LoaderRef("exits", "exits", "exits", "1.0"),
        LoaderRef("fails_at_import", "fails_at_import", "fails-at-import", "1.0"),
        LoaderRef("imports_torch", "torch_at_top", "imports-torch", "1.0"),
    )
    assert registered.notes == ()
    assert not {"echo_loader", "exits", "fails_at_import", "torch_at_top"} & set(sys.modules)


def test_a_name_claimed_twice_goes_to_the_first_distribution_in_the_alphabet(tmp_path, add_folder):
    for distribution in ("zebra", "Apple"):
        write_metadata(tmp_path / distribution, {"twin": f"{distribution.lower()}_loader"}, distribution)
        add_folder(tmp_path / distribution)
    registered = registered_loaders()
    assert registered.loaders == (LoaderRef("twin", "apple_loader", "Apple", "1.0"),)
    (note,) = registered.notes
    assert "Apple 1.0 (apple_loader) and zebra 1.0 (zebra_loader). The one of Apple is used" in note


def test_the_order_of_the_path_does_not_matter_for_twins(tmp_path, metadata_folders):
    for distribution in ("zebra", "apple"):
        write_metadata(tmp_path / distribution, {"twin": f"{distribution}_loader"}, distribution)
    folders = [str(tmp_path / "zebra"), str(tmp_path / "apple")]
    metadata_folders[:] = folders
    one = registered_loaders()
    metadata_folders[:] = folders[::-1]
    assert registered_loaders() == one


def test_of_one_distribution_found_twice_the_first_in_the_path_counts(tmp_path, metadata_folders):
    write_metadata(tmp_path / "new", {"loader": "module"}, "some-loader", "2.0")
    write_metadata(tmp_path / "old", {"loader": "module"}, "some_loader", "1.0")
    metadata_folders[:] = [str(tmp_path / "new"), str(tmp_path / "old")]
    assert registered_loaders().loaders == (LoaderRef("loader", "module", "some-loader", "2.0"),)
    assert registered_loaders().notes == ()


def test_broken_metadata_of_one_package_hides_no_other(tmp_path, third_party, metadata_folders):
    broken = tmp_path / "mess-1.0.dist-info"
    broken.mkdir()
    (broken / "entry_points.txt").write_bytes(b"[lora_deck.loaders]\n\xff\xfe = nonsense\n")
    metadata_folders.append(str(tmp_path))
    third_party("stranger")
    registered = registered_loaders()
    assert [ref.name for ref in registered.loaders] == ["echo"]
    (note,) = registered.notes
    assert "mess-1.0.dist-info" in note
    assert "can't be read" in note
