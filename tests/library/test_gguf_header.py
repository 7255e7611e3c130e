"""The first facts of a GGUF, also of files that are damaged, strange or too long to read whole."""

import struct

import pytest

from desktop.api import LoaderError
from desktop.library.gguf_header import read_gguf_header
from tests.library.making import gguf

ARCHITECTURE = ("general.architecture", 8, b"llama")
Q8 = ("general.file_type", 4, struct.pack("<I", 7))
WORDS = ("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 0))


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version(tmp_path, version):
    header = read_gguf_header(write(tmp_path / "m.gguf", gguf([ARCHITECTURE, Q8], version=version)))
    assert (header.architecture, header.quantisation, header.bits) == ("llama", "Q8_0", 8)


def test_all_kinds_of_numbers_are_passed_over(tmp_path):
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    facts = [(f"n{kind}", kind, bytes(size)) for kind, size in sizes.items()]
    assert read_gguf_header(write(tmp_path / "m.gguf", gguf([*facts, ARCHITECTURE, Q8]))).quantisation == "Q8_0"


@pytest.mark.parametrize(
    ("name", "words", "bits"),
    [
        ("SmolLM2-135M-Instruct-Q4_K_M.gguf", "Q4_K_M", 4),
        ("m.q4_1.gguf", "Q4_1", 4),
        ("m-IQ3_XXS.gguf", "IQ3_XXS", 3),
        ("m-f16-00001-of-00002.gguf", "F16", 16),
        ("m-BF16.gguf", "BF16", 16),
        ("FAQ4_1x.gguf", "", None),
        ("model.gguf", "", None),
    ],
)
def test_where_the_first_facts_say_nothing_the_name_does(tmp_path, name, words, bits):
    # llama.cpp's quantiser writes the file type after the vocabulary.
    header = read_gguf_header(write(tmp_path / name, gguf([ARCHITECTURE, WORDS, Q8])))
    assert (header.architecture, header.quantisation, header.bits) == ("llama", words, bits)


def test_an_unknown_file_type_is_left_to_the_name(tmp_path):
    facts = [ARCHITECTURE, ("general.file_type", 4, struct.pack("<I", 4711))]
    assert read_gguf_header(write(tmp_path / "m-Q5_0.gguf", gguf(facts))).quantisation == "Q5_0"


def test_a_text_longer_than_what_is_read_is_no_damage(tmp_path):
    facts = [ARCHITECTURE, Q8, ("tokenizer.chat_template", 8, b"x" * 100_000)]
    assert read_gguf_header(write(tmp_path / "m.gguf", gguf(facts))).quantisation == "Q8_0"


@pytest.mark.parametrize("length", [4, 7, 20, 30, 60])
def test_a_file_that_ends_in_its_header_is_told(tmp_path, length):
    content = gguf([ARCHITECTURE, Q8])
    with pytest.raises(LoaderError, match="damaged or cut short"):
        read_gguf_header(write(tmp_path / "m.gguf", content[:length]))


@pytest.mark.parametrize("content", [b"", b"GGU", b"<html>", b"\0" * 100])
def test_what_is_no_gguf_is_told(tmp_path, content):
    with pytest.raises(LoaderError, match="is no GGUF file"):
        read_gguf_header(write(tmp_path / "m.gguf", content))


def test_absurd_counts_and_big_endian_files_break_nothing(tmp_path):
    absurd = b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63)
    with pytest.raises(LoaderError):
        read_gguf_header(write(tmp_path / "m.gguf", absurd + b"\xff" * 40))
    swapped = b"GGUF" + struct.pack(">IQQ", 3, 0, 1)
    assert read_gguf_header(write(tmp_path / "n.gguf", swapped)).architecture == ""


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(LoaderError, match="can't be read"):
        read_gguf_header(tmp_path / "gone.gguf")
