"""The stored keys of docs/format/table.md decode as the page says, by a reader written from it."""

from __future__ import annotations

import pytest
from tests.format.decode import VALID
from tests.format.decode_stored_key import (
    ID_BYTES,
    decode_namespace_row,
    decode_stored_key,
)
from tests.format.decode_table import DamageError
from tests.format.examples import DOCUMENTS, Example, find_examples

ALL = find_examples(DOCUMENTS / "table.md")
ROWS = [example for example in ALL if example.captions["format"] == "namespace_row"]
KEYS = [example for example in ALL if example.captions["format"] == "stored_key"]


def name_of(example: Example) -> str:
    """The name under which pytest reports an example."""
    return example.name


def runs_of(example: Example) -> list[tuple[str, int]]:
    """Name and size of each run of its rows."""
    return [(name, size) for _, size, name in example.layout]


@pytest.mark.parametrize("example", KEYS, ids=name_of)
def test_a_stored_key_has_the_id_of_its_namespace_and_the_key_of_a_user(example: Example) -> None:
    stored = decode_stored_key(example.data)
    assert example.captions["result"] == VALID
    assert stored.id == example.number("id")
    assert stored.layout == runs_of(example)
    if stored.key.isascii():
        assert stored.key.decode() == example.captions["key"]
    else:
        assert stored.key[0] == 0xFF


@pytest.mark.parametrize("example", ROWS, ids=name_of)
def test_the_row_of_a_namespace_has_its_name_and_its_id(example: Example) -> None:
    key, value = example.data[:-ID_BYTES], example.data[-ID_BYTES:]
    name, number = decode_namespace_row(key, value)
    runs = [*decode_stored_key(key).layout, ("id", ID_BYTES)]
    assert example.captions["result"] == VALID
    assert number == example.number("id")
    assert name.decode() == example.captions.get("namespace", "")
    assert [run for run in runs if run[1]] == runs_of(example)


def test_every_kind_of_stored_key_has_an_example() -> None:
    """Those of the table of prefixes, in the order of the page."""
    beginnings = [example.data[:2] for example in ROWS + KEYS]
    assert beginnings == [b"\xff\x02", b"\xff\x02", b"\xff\x01", b"ad", b"\xff\x00"]


@pytest.mark.parametrize(
    "stored",
    [b"\xff", b"\xff\x03", b"\xff\x00", b"\xff\x00a", b"\xff\x01\0\0\0", b"\xff\x01\0\0\0\0a"],
)
def test_what_no_namespace_can_have_is_refused(stored: bytes) -> None:
    with pytest.raises(DamageError):
        decode_stored_key(stored)


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b"\x01\0\0", b"\x01\0\0\0\0"])
def test_the_row_of_a_namespace_needs_an_id(value: bytes) -> None:
    with pytest.raises(DamageError):
        decode_namespace_row(b"\xff\x02users", value)
