"""The example of docs/format/hint.md decodes as the page says, by a reader written from it."""

from __future__ import annotations

import pytest
from tests.format.decode import VALID, crc32c, u32
from tests.format.decode_hint import (
    ANOTHER_FORMAT,
    DAMAGED,
    ENTRY_BYTES,
    ENTRY_FIELDS,
    HEADER_BYTES,
    HEADER_FIELDS,
    decode_hint,
)
from tests.format.examples import DOCUMENTS, find_examples
from tests.format.key_hash import key_hash

(EXAMPLE,) = find_examples(DOCUMENTS / "hint.md")
SEEDS = find_examples(DOCUMENTS / "manifest.md")[0]
ABOUT = {"format", "name", "result"}


def fields_of(data: bytes) -> dict[str, int]:
    """Every field that the decoder finds; those of entry i end in _i."""
    hint = decode_hint(data)
    fields = dict(hint.numbers)
    for index, entry in enumerate(hint.entries):
        fields |= {f"{name}_{index}": number for name, number in vars(entry).items()}
    return fields


def changed(at: int, value: int) -> bytes:
    """The example with one byte changed and both checks made right again."""
    data = bytearray(EXAMPLE.data)
    data[at] = value
    data[48:52] = u32(crc32c(bytes(data[HEADER_BYTES:])))
    return bytes(data[:60]) + u32(crc32c(bytes(data[:60]))) + bytes(data[HEADER_BYTES:])


def test_the_example_decodes_as_its_captions_say() -> None:
    """The result and every field, neither more nor fewer."""
    assert decode_hint(EXAMPLE.data).result == EXAMPLE.captions["result"] == VALID
    fields = fields_of(EXAMPLE.data)
    wanted = EXAMPLE.captions.keys() - ABOUT
    assert fields.keys() - {"magic", "unused", "entries_crc", "header_crc"} == wanted
    for caption in wanted:
        assert fields[caption] == EXAMPLE.number(caption), caption


def test_the_hashes_are_those_of_the_keys_that_the_page_names() -> None:
    """Under the seeds of the examples of manifest.md."""
    low, high = SEEDS.number("hash_seed_low"), SEEDS.number("hash_seed_high")
    wanted = [key_hash(key, low, high) for key in (b"apple", b"", b"apple")]
    assert [entry.hash for entry in decode_hint(EXAMPLE.data).entries] == wanted


def test_the_rows_of_the_example_name_its_fields_where_they_stand() -> None:
    """Each field has its row, with its name, offset and size."""
    wanted = list(HEADER_FIELDS)
    for index in range(EXAMPLE.number("entry_count")):
        wanted += [(f"{name}_{index}", size) for name, size in ENTRY_FIELDS]
    at = 0
    for (offset, size, name), (wanted_name, wanted_size) in zip(
        EXAMPLE.layout, wanted, strict=True
    ):
        assert (offset, size, name) == (at, wanted_size, wanted_name)
        at += size
    assert at == len(EXAMPLE.data) == HEADER_BYTES + 3 * ENTRY_BYTES


def test_every_flipped_bit_of_the_example_is_noticed() -> None:
    """What the page promises, tried for each bit."""
    for bit in range(8 * len(EXAMPLE.data)):
        damaged = bytearray(EXAMPLE.data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_hint(bytes(damaged)).result == DAMAGED, f"bit {bit}"


def test_a_hint_cut_anywhere_or_longer_is_refused() -> None:
    """Its size follows from its header."""
    for size in range(len(EXAMPLE.data)):
        assert decode_hint(EXAMPLE.data[:size]).result == DAMAGED, size
    assert decode_hint(EXAMPLE.data + bytes(ENTRY_BYTES)).result == DAMAGED


@pytest.mark.parametrize(
    ("at", "value", "result"),
    [
        (8, 2, ANOTHER_FORMAT),
        (40, 2, DAMAGED),
        (24, 152, DAMAGED),
        (HEADER_BYTES + 16, 7, DAMAGED),
        (HEADER_BYTES + 23, 0x00, DAMAGED),
        (HEADER_BYTES + 23, 0x40, DAMAGED),
        (HEADER_BYTES + 20, 14, DAMAGED),
        (HEADER_BYTES + 8, 0, VALID),
    ],
)
def test_a_field_out_of_range_is_refused_under_a_right_check(
    at: int, value: int, result: str
) -> None:
    """The rules of the page behind the checks; the last line shows that the checks were right."""
    assert decode_hint(changed(at, value)).result == result
