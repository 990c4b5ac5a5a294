"""The examples of docs/format/value_segment.md decode as the page says, by a reader of its own."""

from __future__ import annotations

import pytest
from tests.format.examples import DOCUMENTS, Example, find_examples

EXAMPLES = find_examples(DOCUMENTS / "value_segment.md")
ABOUT = {"format", "name", "result"}

POINTER_FIELDS = (("number", 4), ("value_bytes", 4), ("offset", 8), ("stored_bytes", 4))
PLAIN_BYTES = 16
REF_FIELDS = (("number", 4), ("unused", 4), ("count", 8), ("bytes", 8))
REF_BYTES = 24
VALUE_BYTES_MAX = 1 << 30


def layout_of(example: Example) -> list[tuple[str, int]]:
    """Name and size of each field in order."""
    if example.captions["format"] == "value_pointer":
        return list(POINTER_FIELDS[: 3 if len(example.data) == PLAIN_BYTES else 4])
    count = len(example.data) // REF_BYTES
    return [(f"{name}_{index}", size) for index in range(count) for name, size in REF_FIELDS]


def fields_of(example: Example) -> dict[str, int]:
    """Every field with its number."""
    fields, at = {}, 0
    for name, size in layout_of(example):
        fields[name] = int.from_bytes(example.data[at : at + size], "little")
        at += size
    assert at == len(example.data)
    return fields


def is_pointer(fields: dict[str, int]) -> bool:
    """Whether a pointer is one that the page allows."""
    return (
        fields["number"] > 0
        and fields["value_bytes"] <= VALUE_BYTES_MAX
        and fields["offset"] >= 64
        and fields["offset"] % 8 == 0
        and fields.get("stored_bytes", -1) < fields["value_bytes"]
    )


def is_list(fields: dict[str, int], count: int) -> bool:
    """Whether a list of segments is one that the page allows."""
    numbers = [fields[f"number_{index}"] for index in range(count)]
    return (
        sorted(set(numbers)) == numbers
        and numbers[0] > 0
        and all(fields[f"unused_{index}"] == 0 for index in range(count))
        and all(fields[f"count_{index}"] > 0 for index in range(count))
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    fields = fields_of(example)
    named = example.captions.keys() - ABOUT
    assert named == {name for name in fields if not name.startswith("unused")}
    assert {name: fields[name] for name in named} == {name: example.number(name) for name in named}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(example: Example) -> None:
    at = 0
    for (offset, size, name), wanted in zip(example.layout, layout_of(example), strict=True):
        assert (offset, name, size) == (at, *wanted)
        at += size


def test_the_examples_are_legal() -> None:
    pointer, packed, refs = (fields_of(example) for example in EXAMPLES)
    assert is_pointer(pointer)
    assert is_pointer(packed)
    assert not is_pointer(packed | {"stored_bytes": packed["value_bytes"]})
    assert is_list(refs, 2)
    assert not is_pointer(pointer | {"offset": 4201})
    assert not is_list(refs | {"number_1": 3}, 2)
