"""The examples of docs/format/value_segment.md decode as the page says, by a reader of its own."""

from __future__ import annotations

import pytest
from tests.format.decode import HEADER_INVALID, VALID, Decoded
from tests.format.decode_segment import FIELDS, HEADER_BYTES
from tests.format.decode_table import DamageError, unpacked
from tests.format.decode_value_segment import (
    PLAIN_BYTES,
    POINTER_FIELDS,
    REF_FIELDS,
    are_refs,
    decode_value_segment,
    is_pointer,
    pointer_fields,
    refs_fields,
    value_behind,
)
from tests.format.examples import DOCUMENTS, Example, find_examples

EXAMPLES = find_examples(DOCUMENTS / "value_segment.md")
ABOUT = {"format", "name", "result"}
PLAIN_POINTER, PACKED_POINTER, REFS, FILE = EXAMPLES
#: Fields that rows show and that no caption repeats, and lengths that follow from the texts.
ROWS_ONLY = {"magic", "header_crc", "body_crc", "key_length", "value_length"}
SEGMENT = decode_value_segment(FILE.data)
RECORDS = list(SEGMENT.records.items())


def layout_of(example: Example) -> list[tuple[str, int]]:
    """Name and size of each field in order."""
    if example is FILE:
        records = enumerate(SEGMENT.records.values())
        runs = [(f"{name}_{i}", size) for i, each in records for _, size, name in each.layout]
        return [*FIELDS, *runs]
    if example is REFS:
        count = len(refs_fields(example.data))
        return [(f"{name}_{index}", size) for index in range(count) for name, size in REF_FIELDS]
    return list(POINTER_FIELDS[: 3 if len(example.data) == PLAIN_BYTES else 4])


def plain(record: Decoded) -> bytes:
    """The value of a record of the example."""
    stored = record.texts["value"]
    return unpacked(stored, 80) if "codec" in record.numbers else stored


def fields_of(example: Example) -> dict[str, int | str]:
    """Every field that captions name."""
    if example is REFS:
        refs = enumerate(refs_fields(example.data))
        return {f"{name}_{index}": ref[name] for index, ref in refs for name in ref}
    if example is not FILE:
        return dict(pointer_fields(example.data))
    fields: dict[str, int | str] = dict(SEGMENT.header.numbers)
    for index, (offset, record) in enumerate(RECORDS):
        fields[f"offset_{index}"] = offset
        fields |= {f"{name}_{index}": number for name, number in record.numbers.items()}
        fields[f"key_{index}"] = record.texts["key"].decode()
        fields[f"value_{index}"] = plain(record).decode()
    return {name: value for name, value in fields.items() if name.rstrip("_012") not in ROWS_ONLY}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    fields = {
        name: value for name, value in fields_of(example).items() if not name.startswith("unused")
    }
    assert example.captions["result"] == VALID
    assert example.captions.keys() - ABOUT == fields.keys()
    for name, value in fields.items():
        wanted = example.captions[name] if isinstance(value, str) else example.number(name)
        assert value == wanted, name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(example: Example) -> None:
    at = 0
    for (offset, size, name), wanted in zip(example.layout, layout_of(example), strict=True):
        assert (offset, name, size) == (at, *wanted)
        at += size
    assert at == len(example.data)


def test_the_pointers_and_the_list_are_legal() -> None:
    plain_pointer, packed = (pointer_fields(each.data) for each in (PLAIN_POINTER, PACKED_POINTER))
    assert is_pointer(plain_pointer)
    assert is_pointer(packed)
    assert not is_pointer(packed | {"stored_bytes": packed["value_bytes"]})
    assert not is_pointer(plain_pointer | {"offset": 4201})
    first, second = refs_fields(REFS.data)
    assert are_refs([first, second])
    assert not are_refs([first, second | {"number": 3}])
    assert not are_refs([first | {"count": 0}])


def test_the_segment_holds_a_value_as_it_is_and_a_compressed_one() -> None:
    assert SEGMENT.result == VALID
    (at, first), (behind, second) = RECORDS
    assert at == HEADER_BYTES
    pointer = {"number": 4, "value_bytes": 64, "offset": at}
    packed = {"number": 4, "value_bytes": 80, "offset": behind, "stored_bytes": 21}
    assert value_behind(first, pointer) == FILE.captions["value_0"].encode()
    assert value_behind(second, packed) == b"pykv." * 16
    for record, wrong in [
        (first, packed),
        (second, pointer),
        (first, pointer | {"value_bytes": 63}),
        (first, pointer | {"stored_bytes": 64}),
        (second, packed | {"value_bytes": 81}),
        (second, packed | {"value_bytes": 79}),
        (second, packed | {"stored_bytes": 20}),
    ]:
        with pytest.raises(DamageError):
            value_behind(record, wrong)


def test_every_flipped_bit_of_the_segment_is_noticed() -> None:
    for bit in range(8 * len(FILE.data)):
        damaged = bytearray(FILE.data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_value_segment(bytes(damaged)).result != VALID, f"bit {bit}"


def test_a_log_of_another_kind_is_no_value_segment() -> None:
    example = find_examples(DOCUMENTS / "segment.md")[0]
    assert decode_value_segment(example.data).result == HEADER_INVALID
