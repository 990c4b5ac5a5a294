"""The examples of docs/format/lsm_manifest.md decode as the page says, by a reader made from it."""

from __future__ import annotations

import pytest
from tests.format.decode import VALID, crc32c, u32
from tests.format.decode_lsm_manifest import (
    ANOTHER_FORMAT,
    DAMAGED,
    HEADER_BYTES,
    HEADER_FIELDS,
    LOG_BYTES,
    LOG_FIELDS,
    PIN_BYTES,
    PIN_FIELDS,
    RANGE_FIELDS,
    TABLE_BYTES,
    TABLE_FIELDS,
    VALUES_FIELDS,
    decode_lsm_manifest,
)
from tests.format.examples import DOCUMENTS, Example, find_examples

EXAMPLES = find_examples(DOCUMENTS / "lsm_manifest.md")
ABOUT = {"format", "name", "result"}
LOG_AT = HEADER_BYTES
TABLE_AT = LOG_AT + LOG_BYTES
RANGE_AT = TABLE_AT + 2 * TABLE_BYTES


def name_of(example: Example) -> str:
    """The name under which pytest reports an example."""
    return example.name


def fields_of(example: Example) -> dict[str, int]:
    """Every field that the decoder finds; those of an entry end in its kind and number."""
    manifest = decode_lsm_manifest(example.data)
    fields = dict(manifest.numbers)
    kinds = {"log": manifest.logs, "table": manifest.tables, "values": manifest.values}
    for kind, entries in kinds.items():
        for index, entry in enumerate(entries):
            fields |= {f"{name}_{kind}_{index}": number for name, number in entry.items()}
    for index, entry in enumerate(manifest.ranges):
        fields |= {f"{name}_range_{index}": number for name, number in entry.items()}
    for index, entry in enumerate(manifest.pins):
        fields |= {f"{name}_pin_{index}": number for name, number in entry.items()}
    return fields


def changed(at: int, value: int) -> bytes:
    """The larger example with one byte changed and all checks made right again."""
    data = bytearray(EXAMPLES[1].data)
    data[at] = value
    header = bytes(data[:252])
    parts = [header, u32(crc32c(header))]
    sizes = [LOG_BYTES] + [TABLE_BYTES] * EXAMPLES[1].number("table_count")
    start = HEADER_BYTES
    for size in sizes:
        entry = bytes(data[start : start + size - 4])
        parts += [entry, u32(crc32c(header + entry))]
        start += size
    pin_at = len(data) - PIN_BYTES
    pin = bytes(data[pin_at:-4])
    ranges = ranges_of(header, bytes(data[start:pin_at]))
    return b"".join([*parts, *ranges, pin, u32(crc32c(header + pin))])


def ranges_of(header: bytes, entry: bytes) -> list[bytes]:
    """The one range of the larger example with its check made right again."""
    check = crc32c(header + entry[:20] + entry[24:])
    return [entry[:20], u32(check), entry[24:]]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    """The result, and each field that a caption names."""
    assert decode_lsm_manifest(example.data).result == example.captions["result"] == VALID
    fields = fields_of(example)
    for caption in example.captions.keys() - ABOUT:
        assert fields[caption] == example.number(caption), caption


def test_the_captions_name_every_field() -> None:
    """A field that no example explains would not be decoded by any test."""
    named = {caption for example in EXAMPLES for caption in example.captions}
    every = {name for example in EXAMPLES for name in fields_of(example)}
    silent = {
        name for name in every if name.startswith(("magic", "unused", "header_crc", "entry_crc"))
    }
    of_the_second_table = {name for name in every if name.endswith("_table_1")} - silent
    assert named - ABOUT == every - silent - of_the_second_table | {"level_table_1"}


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(example: Example) -> None:
    """Each field has its row, with its name, offset and size."""
    wanted = list(HEADER_FIELDS)
    for index in range(example.number("log_count")):
        wanted += [(f"{name}_log_{index}", size) for name, size in LOG_FIELDS]
    for index in range(example.number("table_count")):
        wanted += [(f"{name}_table_{index}", size) for name, size in TABLE_FIELDS]
    for index in range(example.number("values_count")):
        wanted += [(f"{name}_values_{index}", size) for name, size in VALUES_FIELDS]
    for index in range(example.number("range_count")):
        wanted += [(f"{name}_range_{index}", size) for name, size in RANGE_FIELDS]
        for bound in ("start", "stop"):
            wanted.append(
                (f"{bound}_range_{index}", example.number(f"{bound}_length_range_{index}"))
            )
    for index in range(example.number("pin_count")):
        wanted += [(f"{name}_pin_{index}", size) for name, size in PIN_FIELDS]
    at = 0
    for (offset, size, name), (wanted_name, wanted_size) in zip(
        example.layout, wanted, strict=True
    ):
        assert (offset, size, name) == (at, wanted_size, wanted_name)
        at += size
    assert at == len(example.data)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_flipped_bit_of_an_example_is_noticed(example: Example) -> None:
    """What the page promises, tried for each bit."""
    for bit in range(8 * len(example.data)):
        damaged = bytearray(example.data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_lsm_manifest(bytes(damaged)).result == DAMAGED, f"bit {bit}"


@pytest.mark.parametrize(
    ("at", "value", "result"),
    [
        (8, 2, ANOTHER_FORMAT),
        (12, 1, ANOTHER_FORMAT),
        (13, 2, DAMAGED),
        (32, 1, DAMAGED),
        (64, 3, DAMAGED),
        (96, 0, DAMAGED),
        (104, 3, DAMAGED),
        (113, 0xFF, DAMAGED),
        (LOG_AT, 0, DAMAGED),
        (LOG_AT, 6, DAMAGED),
        (LOG_AT + 4, 1, DAMAGED),
        (TABLE_AT + TABLE_BYTES + 4, 0, DAMAGED),
        (TABLE_AT + 4, 7, DAMAGED),
        (TABLE_AT + 33, 0xFF, DAMAGED),
        (TABLE_AT + 49, 0xFF, DAMAGED),
        (TABLE_AT + 103, 0x60, DAMAGED),
        (TABLE_AT + 103, 0x70, DAMAGED),
        (TABLE_AT + 107, 0x70, VALID),
        (TABLE_AT + 123, 1, DAMAGED),
        (TABLE_AT + 89, 0xFF, DAMAGED),
        (120, 2, DAMAGED),
        (RANGE_AT, 0xFF, DAMAGED),
        (RANGE_AT + 16, 1, DAMAGED),
        (RANGE_AT + 24, ord("z"), DAMAGED),
        (RANGE_AT + 24, ord("b"), VALID),
        (TABLE_AT + 16, 99, VALID),
    ],
)
def test_a_field_out_of_range_is_refused_under_a_right_check(
    at: int, value: int, result: str
) -> None:
    """The rules of the page behind the checks; the last line shows that the checks were right."""
    assert decode_lsm_manifest(changed(at, value)).result == result


def test_a_manifest_cut_anywhere_or_longer_is_refused() -> None:
    """Its size follows from its header."""
    data = EXAMPLES[1].data
    for size in range(len(data)):
        assert decode_lsm_manifest(data[:size]).result == DAMAGED, size
    assert decode_lsm_manifest(data + b"\0").result == DAMAGED


def test_entries_belong_to_their_header() -> None:
    """The check of an entry covers the header, so that entries of an older edit are noticed."""
    older = bytearray(EXAMPLES[1].data)
    older[24] -= 1
    older[252:256] = u32(crc32c(bytes(older[:252])))
    assert decode_lsm_manifest(bytes(older)).result == DAMAGED
