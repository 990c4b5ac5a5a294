"""The examples of docs/format/hint.md decode as the page says, by a reader written from it."""

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
    NAMED_ENTRY_BYTES,
    NAMED_ENTRY_FIELDS,
    decode_hint,
)
from tests.format.examples import DOCUMENTS, Example, find_examples
from tests.format.key_hash import key_hash

EXAMPLE, NAMED_EXAMPLE = find_examples(DOCUMENTS / "hint.md")
SEEDS = find_examples(DOCUMENTS / "manifest.md")[0]
ABOUT = {"format", "name", "result"}


def fields_of(data: bytes) -> dict[str, int]:
    """Every field that the decoder finds; those of entry i end in _i."""
    hint = decode_hint(data)
    fields = dict(hint.numbers)
    for index, entry in enumerate(hint.entries):
        fields |= {f"{name}_{index}": number for name, number in vars(entry).items()}
        if hint.numbers["format_version"] == 1:
            assert fields.pop(f"namespace_id_{index}") == 0
    return fields


def changed(at: int, value: int, example: Example = EXAMPLE) -> bytes:
    """An example with one byte changed and both checks made right again."""
    data = bytearray(example.data)
    data[at] = value
    data[48:52] = u32(crc32c(bytes(data[HEADER_BYTES:])))
    return bytes(data[:60]) + u32(crc32c(bytes(data[:60]))) + bytes(data[HEADER_BYTES:])


@pytest.mark.parametrize("example", [EXAMPLE, NAMED_EXAMPLE])
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    """The result and every field, neither more nor fewer."""
    assert decode_hint(example.data).result == example.captions["result"] == VALID
    fields = fields_of(example.data)
    wanted = example.captions.keys() - ABOUT
    assert fields.keys() - {"magic", "unused", "entries_crc", "header_crc"} == wanted
    for caption in wanted:
        assert fields[caption] == example.number(caption), caption


def test_the_hashes_are_those_of_the_keys_that_the_page_names() -> None:
    """Under the seeds of the examples of manifest.md."""
    low, high = SEEDS.number("hash_seed_low"), SEEDS.number("hash_seed_high")
    wanted = [key_hash(key, low, high) for key in (b"apple", b"", b"apple")]
    assert [entry.hash for entry in decode_hint(EXAMPLE.data).entries] == wanted
    named = [entry.hash for entry in decode_hint(NAMED_EXAMPLE.data).entries]
    assert named == [key_hash(key, low, high) for key in (b"apple", b"")]


@pytest.mark.parametrize(
    ("example", "entry_fields", "entry_bytes"),
    [
        (EXAMPLE, ENTRY_FIELDS, ENTRY_BYTES),
        (NAMED_EXAMPLE, NAMED_ENTRY_FIELDS, NAMED_ENTRY_BYTES),
    ],
)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(
    example: Example, entry_fields: tuple[tuple[str, int], ...], entry_bytes: int
) -> None:
    """Each field has its row, with its name, offset and size."""
    wanted = list(HEADER_FIELDS)
    count = example.number("entry_count")
    for index in range(count):
        wanted += [(f"{name}_{index}", size) for name, size in entry_fields]
    at = 0
    for (offset, size, name), (wanted_name, wanted_size) in zip(
        example.layout, wanted, strict=True
    ):
        assert (offset, size, name) == (at, wanted_size, wanted_name)
        at += size
    assert at == len(example.data) == HEADER_BYTES + count * entry_bytes


def test_a_hint_of_format_2_has_a_namespace() -> None:
    """Else the same entries would have two hints."""
    named = changed(HEADER_BYTES + 24, 0, NAMED_EXAMPLE)
    assert decode_hint(named).result == VALID
    assert decode_hint(changed(8, 1, NAMED_EXAMPLE)).result == DAMAGED
    plain = bytearray(named)
    plain[HEADER_BYTES + NAMED_ENTRY_BYTES + 24] = 0
    plain[48:52] = u32(crc32c(bytes(plain[HEADER_BYTES:])))
    plain[60:64] = u32(crc32c(bytes(plain[:60])))
    assert decode_hint(bytes(plain)).result == DAMAGED


@pytest.mark.parametrize("example", [EXAMPLE, NAMED_EXAMPLE])
def test_every_flipped_bit_of_an_example_is_noticed(example: Example) -> None:
    """What the page promises, tried for each bit."""
    for bit in range(8 * len(example.data)):
        damaged = bytearray(example.data)
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
        (8, 2, DAMAGED),
        (8, 3, ANOTHER_FORMAT),
        (40, 2, DAMAGED),
        (24, 152, DAMAGED),
        (28, 7, VALID),
        (28, 8, DAMAGED),
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
