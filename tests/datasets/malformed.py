"""A hundred data files as people have them: each with the rows that can't be used, where they stand, and why."""

from __future__ import annotations

import codecs
import json
from typing import NamedTuple

GOOD = b'{"instruction": "Say hi.", "input": "", "output": "Hi."}'
OTHER = b'{"instruction": "Say bye.", "output": "Bye."}'
ASK = b'{"role": "user", "content": "Hi?"}'
TELL = b'{"role": "assistant", "content": "Hi."}'
TALK = b'{"messages": [' + ASK + b", " + TELL + b"]}"


class Bad(NamedTuple):
    """One row that can't be used."""

    row: int
    line: int
    reason: str


class Case(NamedTuple):
    """A file, and what is found in it."""

    name: str
    file: str
    data: bytes
    bad: tuple[Bad, ...]
    good: int


def lines(*rows: bytes) -> bytes:
    """JSON lines."""
    return b"\n".join(rows) + b"\n"


def listed(*rows: bytes) -> bytes:
    """A JSON list, a row a line."""
    return b"[\n" + b",\n".join(rows) + b"\n]\n"


def middle(name: str, row: bytes, reason: str) -> list[Case]:
    """A bad row between two good ones, in JSON lines and in a list."""
    return [
        Case(f"{name}, lines", "a.jsonl", lines(GOOD, row, OTHER), (Bad(2, 2, reason),), 2),
        Case(f"{name}, list", "a.json", listed(GOOD, row, OTHER), (Bad(2, 3, reason),), 2),
    ]


def alpaca(**row: object) -> bytes:
    """An Alpaca row."""
    return json.dumps(row).encode()


def talk(name: str, messages: bytes, reason: str) -> Case:
    """A bad conversation after a good one."""
    return Case(f"talk: {name}", "talk.jsonl", lines(TALK, b'{"messages": ' + messages + b"}"), (Bad(2, 2, reason),), 1)


def table(name: str, rows: bytes, bad: tuple[Bad, ...], good: int, file: str = "a.csv") -> Case:
    """A table of instruction and output."""
    head = b"instruction\toutput\n" if file.endswith(".tsv") else b"instruction,output\n"
    return Case(f"table: {name}", file, head + rows, bad, good)


JSON_ROWS = [
    *middle("a number", b"5", "not an object"),
    *middle("a text", b'"row"', "not an object"),
    *middle("null", b"null", "not an object"),
    *middle("true", b"true", "not an object"),
    *middle("a list", b'["a", "b"]', "not an object"),
    *middle("lists in lists", b"[[[[1]]]]", "not an object"),
    *middle("an empty object", b"{}", "no output"),
    *middle("no output", alpaca(instruction="x", input="y"), "no output"),
    *middle("no instruction", alpaca(output="x"), "no instruction"),
    *middle("output empty", alpaca(instruction="x", output=""), "empty output"),
    *middle("output blank", alpaca(instruction="x", output=" \n\t"), "empty output"),
    *middle("output null", alpaca(instruction="x", output=None), "empty output"),
    *middle("all empty", alpaca(instruction="", input="", output="x"), "empty instruction"),
    *middle("output a number", alpaca(instruction="x", output=5), "not a text"),
    *middle("output true", alpaca(instruction="x", output=True), "not a text"),
    *middle("output a list", alpaca(instruction="x", output=["y"]), "not a text"),
    *middle("output an object", alpaca(instruction="x", output={"text": "y"}), "not a text"),
    *middle("input a number", alpaca(instruction="x", input=3, output="y"), "not a text"),
    *middle("instruction a list", alpaca(instruction=[], output="y"), "not a text"),
    *middle("another kind", TALK, "no output"),
    *middle("NaN", b'{"instruction": "x", "output": NaN}', "not JSON"),
    *middle("minus infinity", b'{"instruction": "x", "output": "y", "score": -Infinity}', "not JSON"),
    *middle(
        "a huge integer", b'{"instruction": "x", "output": "y", "id": ' + b"9" * 5000 + b"}", "number out of range"
    ),
    *middle("a huge float", b'{"instruction": "x", "output": "y", "id": 1e999}', "number out of range"),
    *middle("a key twice", b'{"instruction": "x", "output": "y", "output": "z"}', "duplicate key"),
    *middle("a key twice inside", b'{"instruction": "x", "output": "y", "more": {"a": 1, "a": 2}}', "duplicate key"),
    *middle("half a surrogate pair", b'{"instruction": "x", "output": "\\ud83d"}', "half a surrogate pair"),
    *middle("half of one in a key", b'{"instruction": "x", "output": "y", "\\udc00": 1}', "half a surrogate pair"),
    *middle("an escaped NUL", b'{"instruction": "x", "output": "a\\u0000b"}', "NUL character"),
    *middle("a NUL byte", b'{"instruction": "x", "output": "a\0b"}', "not JSON"),
    *middle("a tab in a text", b'{"instruction": "x", "output": "a\tb"}', "not JSON"),
    *middle("Latin-1", '{"instruction": "x", "output": "é"}'.encode("latin-1"), "not UTF-8"),
    *middle("Windows quotes", b'{"instruction": "x", "output": "\x93y\x94"}', "not UTF-8"),
    *middle("surrogates in UTF-8", b'{"instruction": "x", "output": "\xed\xa0\xbd"}', "not UTF-8"),
    *middle("overlong UTF-8", b'{"instruction": "x", "output": "\xc0\x80"}', "not UTF-8"),
    *middle("single quotes", b"{'instruction': 'x', 'output': 'y'}", "not JSON"),
    *middle("no quotes", b'{instruction: "x", output: "y"}', "not JSON"),
    *middle("a comma too many", b'{"instruction": "x", "output": "y",}', "not JSON"),
    *middle("no comma", b'{"instruction": "x" "output": "y"}', "not JSON"),
    *middle("no colon", b'{"instruction" "x", "output": "y"}', "not JSON"),
    *middle("a comment", b'{"instruction": "x", "output": "y" /* fine */}', "not JSON"),
    *middle("a broken escape", b'{"instruction": "x", "output": "\\x41"}', "not JSON"),
    *middle("an open quote", b'{"instruction": "x", "output": "y', "not JSON")[:1],
    *middle("an open brace", b'{"instruction": "x", "output": "y"', "not JSON")[:1],
    *middle("a brace too many", b'{"instruction": "x", "output": "y"}}', "not JSON"),
    *middle("two rows on a line", GOOD + GOOD, "not JSON"),
    *middle(
        "nested too deeply", b'{"instruction": "x", "output": ' + b"[" * 9999 + b"]" * 9999 + b"}", "nested too deeply"
    ),
    *middle("a number with zeros", b'{"instruction": "x", "output": "y", "id": 007}', "not JSON"),
    *middle("Python's None", b'{"instruction": "x", "input": None, "output": "y"}', "not JSON"),
    *middle("a comment line", b"// the next row is better", "not JSON"),
]
"""Each in two files."""

JSON_FILES = [
    Case("a list cut off in a row", "a.json", b"[" + GOOD + b",\n" + OTHER[:-5], (Bad(2, 2, "cut short"),), 1),
    Case("a list cut off after a comma", "a.json", b"[" + GOOD + b",\n", (Bad(2, 2, "list not closed"),), 1),
    Case("a list not closed", "a.json", b"[\n" + GOOD + b"\n", (Bad(1, 2, "cut short"),), 0),
    Case("lines cut off", "a.jsonl", lines(GOOD) + OTHER[:20], (Bad(2, 2, "not JSON"),), 1),
    Case(
        "a quote open in a list",
        "a.json",
        b'[\n{"instruction": "x", "output": "y},\n' + GOOD + b"\n]",
        (Bad(1, 2, "not JSON"),),
        1,
    ),
    Case(
        "a line break in a text",
        "a.jsonl",
        b'{"instruction": "x", "output": "a\nb"}\n' + GOOD + b"\n",
        (Bad(1, 1, "not JSON"), Bad(2, 2, "not JSON")),
        1,
    ),
    Case(
        "a line break in a text of a list",
        "a.json",
        b'[{"instruction": "x", "output": "a\nb"},\n' + GOOD + b"]",
        (Bad(1, 1, "not JSON"),),
        1,
    ),
    Case("two commas", "a.json", b"[" + GOOD + b",,\n" + OTHER + b"]", (Bad(2, 1, "nothing between commas"),), 2),
    Case(
        "a comma at the end",
        "a.json",
        b"[" + GOOD + b",\n" + OTHER + b",\n]",
        (Bad(3, 3, "nothing between commas"),),
        2,
    ),
    Case("text after the list", "a.json", b"[" + GOOD + b"]\nfine", (Bad(2, 2, "after the list"),), 1),
    Case("two lists", "a.json", b"[" + GOOD + b"]\n[" + OTHER + b"]", (Bad(2, 2, "after the list"),), 1),
    Case("no comma between rows", "a.json", b"[" + GOOD + b"\n" + OTHER + b"]", (Bad(1, 1, "not JSON"),), 0),
    Case(
        "objects, one cut off",
        "a.json",
        b'{\n "instruction": "x",\n "output": "y"\n}\n{\n "instruction": "z"',
        (Bad(2, 5, "cut short"),),
        1,
    ),
    Case(
        "objects, words between",
        "a.json",
        b'{\n "instruction": "x",\n "output": "y"\n}\nand\n' + GOOD,
        (Bad(2, 5, "not JSON"),),
        1,
    ),
    Case("blank lines count", "a.jsonl", b"\n\r\n" + GOOD + b"\r\n\r\n{\r\n" + OTHER, (Bad(2, 5, "not JSON"),), 2),
    Case("a mark, then a bad row", "a.jsonl", codecs.BOM_UTF8 + lines(b"{", GOOD), (Bad(1, 1, "not JSON"),), 1),
    Case("a mark in the middle", "a.jsonl", lines(GOOD, codecs.BOM_UTF8 + GOOD), (Bad(2, 2, "not JSON"),), 1),
    Case(
        "UTF-16 with a bad row",
        "a.jsonl",
        codecs.BOM_UTF16_LE + lines(GOOD, b"{}").decode().encode("utf-16-le"),
        (Bad(2, 2, "no output"),),
        1,
    ),
    Case(
        "UTF-16, the other order",
        "a.json",
        codecs.BOM_UTF16_BE + listed(GOOD, b"5").decode().encode("utf-16-be"),
        (Bad(2, 3, "not an object"),),
        1,
    ),
    Case(
        "nothing but bad rows",
        "a.jsonl",
        lines(b"x", b"5", b"{"),
        (Bad(1, 1, "not JSON"), Bad(2, 2, "not an object"), Bad(3, 3, "not JSON")),
        0,
    ),
    Case(
        "lists for lines",
        "a.jsonl",
        lines(b'["x", "y"]', b'["z", "a"]'),
        (Bad(1, 1, "not an object"), Bad(2, 2, "not an object")),
        0,
    ),
]

TALKS = [
    talk("no list", b'"Hi"', "not a list"),
    talk("an object for a list", b'{"role": "user"}', "not a list"),
    talk("no messages", b"[]", "empty conversation"),
    talk("messages of text", b'["Hi?", "Hi."]', "not a message"),
    talk("messages in lists", b"[[" + ASK + b"], [" + TELL + b"]]", "not a message"),
    talk("no answer", b"[" + ASK + b"]", "no answer"),
    talk("a role nobody knows", b"[" + ASK + b', {"role": "narrator", "content": "x"}]', "unknown role"),
    talk("a role that is a number", b'[{"role": 1, "content": "x"}]', "unknown role"),
    talk("no role", b'[{"content": "x"}]', "unknown role"),
    talk("no content", b"[" + ASK + b', {"role": "assistant"}]', "message without a text"),
    talk("content a number", b"[" + ASK + b', {"role": "assistant", "content": 4}]', "message without a text"),
    talk("an empty answer", b"[" + ASK + b', {"role": "assistant", "content": " "}]', "empty answer"),
    talk("an image", b'[{"role": "user", "content": [{"type": "image_url"}]}]', "message without a text"),
    talk("a tool call", b"[" + ASK + b', {"role": "assistant", "tool_calls": [{"id": 1}]}]', "tool calls"),
    talk("an odd weight", b"[" + ASK + b', {"role": "assistant", "content": "x", "weight": 2}]', "weight"),
    talk("weight 0 everywhere", b"[" + ASK + b', {"role": "assistant", "content": "x", "weight": 0}]', "no answer"),
    Case(
        "ShareGPT without a value",
        "talk.json",
        listed(
            b'{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}',
            b'{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt"}]}',
        ),
        (Bad(2, 3, "message without a text"),),
        1,
    ),
    Case(
        "ShareGPT, an unknown speaker",
        "talk.json",
        listed(
            b'{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}',
            b'{"conversations": [{"from": "nobody", "value": "x"}, {"from": "gpt", "value": "y"}]}',
        ),
        (Bad(2, 3, "unknown role"),),
        1,
    ),
]

TABLES = [
    table("a cell too few", b"x,y\nz\nx,y\n", (Bad(2, 3, "number of cells"),), 2),
    table("a cell too many", b"x,y\nx,y, and more\n", (Bad(2, 3, "number of cells"),), 1),
    table("a quote in the middle", b'x,"y"z\nx,y\n', (Bad(1, 2, "quotes"),), 1),
    table("a quote never closed", b'x,y\nx,"y\nx,y\n', (Bad(2, 3, "quotes"),), 1),
    table("line breaks in quotes count", b'x,"a\nb\nc"\nx,\n', (Bad(2, 5, "empty output"),), 1),
    table("Latin-1", "x,é\nx,y\n".encode("latin-1"), (Bad(1, 2, "not UTF-8"),), 1),
    table("a NUL", b"x,a\0b\nx,y\n", (Bad(1, 2, "NUL character"),), 1),
    table("an empty answer", b"x,\nx,y\n", (Bad(1, 2, "empty output"),), 1),
    table("nothing asked", b",y\nx,y\n", (Bad(1, 2, "empty instruction"),), 1),
    table("tabs, a cell too few", b"x\ty\nz\n", (Bad(2, 3, "number of cells"),), 1, file="a.tsv"),
    table("tabs, a bad quote", b'x\t"y"z\nx\ty\n', (Bad(1, 2, "quotes"),), 1, file="a.tsv"),
]

TEXTS = [
    Case("Latin-1 in a text", "a.txt", "one\n\n\n\ntwo é\n\n\n\nthree".encode("latin-1"), (Bad(2, 5, "not UTF-8"),), 2),
    Case("a NUL in a text", "a.md", b"one\n\n\nt\0wo", (Bad(2, 4, "NUL character"),), 1),
    Case("a text cut in a character", "a.txt", "é".encode()[:1], (Bad(1, 1, "not UTF-8"),), 0),
]

CASES = [*JSON_ROWS, *JSON_FILES, *TALKS, *TABLES, *TEXTS]


class Refused(NamedTuple):
    """A file that can't be read as a whole."""

    name: str
    file: str
    data: bytes
    words: str


REFUSED = [
    Refused("empty", "a.json", b"", "a.json is empty"),
    Refused("blank", "a.jsonl", b" \n\n\t\n", "a.jsonl is empty"),
    Refused("only a mark", "a.json", codecs.BOM_UTF8, "a.json is empty"),
    Refused("an empty table", "a.csv", b"", "a.csv is empty"),
    Refused(
        "UTF-16 without a mark", "a.json", listed(GOOD).decode().encode("utf-16-le"), "line 1: .*UTF-16-LE without"
    ),
    Refused("the other order", "a.csv", "instruction,output\n".encode("utf-16-be"), "line 1: .*UTF-16-BE without"),
    Refused("UTF-32", "a.json", codecs.BOM_UTF32_LE + "[]".encode("utf-32-le"), "line 1: .*UTF-32"),
    Refused("UTF-16 cut off", "a.jsonl", codecs.BOM_UTF16_LE + "{}\n{".encode("utf-16-le")[:-1], "line 2: .*UTF-16"),
    Refused("UTF-16 broken", "a.jsonl", codecs.BOM_UTF16_LE + b"\n\0\n\0\x00\xd8\x41\x00", "line 3"),
    Refused("gzip", "a.json", b"\x1f\x8b\x08\x00", "gzip"),
    Refused("a zip", "a.json", b"PK\x03\x04\x00", "zip"),
    Refused("Parquet", "a.json", b"PAR1\x00", "Parquet"),
    Refused("a PDF", "a.txt", b"%PDF-1.7\n", "PDF"),
    Refused("words for JSON", "a.json", b"instruction: x\n", "line 1: JSON data begins with"),
    Refused("a text for JSON", "a.json", b'"rows"', "line 1: JSON data begins with"),
    Refused("bytes of anything", "a.bin", bytes(range(256)), "no text"),
    Refused("a column twice", "a.csv", b"output,output\nx,y\n", "line 1: two columns are called 'output'"),
    Refused("columns' names in Latin-1", "a.csv", "é,output\n".encode("latin-1"), "line 1: the columns' names"),
    Refused("columns' names with an open quote", "a.csv", b'"instruction,output\nx,y\n', "line 1: the columns' names"),
    Refused("columns nobody knows", "a.json", b'[{"colour": "red", "sound": "la"}]', "columns are colour, sound"),
    Refused("rows under a key", "a.json", b'{"version": 1, "data": [{"instruction": "x"}]}', "list under 'data'"),
    Refused("an instruction alone", "a.csv", b"instruction\nx\n", "columns are instruction"),
]
