"""The examples of docs/format/manifest.md decode as the page says, by a reader written from it."""

from __future__ import annotations

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.format.decode import VALID, crc32c, u32
from tests.format.decode_lsm_manifest import PIN_FIELDS
from tests.format.decode_manifest import (
    ANOTHER_FORMAT,
    DAMAGED,
    DEADLINES_FIELDS,
    ENTRY_BYTES,
    ENTRY_FIELDS,
    EPOCH_FIELDS,
    HEADER_BYTES,
    HEADER_FIELDS,
    decode_manifest,
)
from tests.format.examples import DOCUMENTS, Example, find_examples
from tests.format.key_hash import key_hash

EXAMPLES = find_examples(DOCUMENTS / "manifest.md")
ABOUT = {"format", "name", "result"}
DEADLINES_AT = HEADER_BYTES + 2 * ENTRY_BYTES


def name_of(example: Example) -> str:
    """The name under which pytest reports an example."""
    return example.name


def fields_of(example: Example) -> dict[str, int]:
    """Every field that the decoder finds; those of entry i end in _i."""
    manifest = decode_manifest(example.data)
    fields = dict(manifest.numbers)
    kinds = {
        "": manifest.entries,
        "_history": manifest.history,
        "_epoch": manifest.epochs,
        "_pin": manifest.pins,
        "_deadlines": manifest.deadlines,
    }
    for kind, entries in kinds.items():
        for index, entry in enumerate(entries):
            fields |= {f"{name}{kind}_{index}": number for name, number in entry.items()}
    return fields


def changed(at: int, value: int) -> bytes:
    """The larger example with one byte changed and all checks made right again."""
    data = bytearray(EXAMPLES[1].data)
    data[at] = value
    header = bytes(data[:252])
    parts = [header, u32(crc32c(header))]
    for start in range(HEADER_BYTES, len(data), ENTRY_BYTES):
        entry = bytes(data[start : start + 60])
        parts += [entry, u32(crc32c(header + entry))]
    return b"".join(parts)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    """The result, and each field that a caption names."""
    assert decode_manifest(example.data).result == example.captions["result"] == VALID
    fields = fields_of(example)
    for caption in example.captions.keys() - ABOUT:
        assert fields[caption] == example.number(caption), caption


def test_the_captions_name_every_field() -> None:
    """A field that no example explains would not be decoded by any test."""
    named = {caption for example in EXAMPLES for caption in example.captions}
    every = {name for example in EXAMPLES for name in fields_of(example)}
    silent = {
        name for name in every if name.startswith(("magic", "unused", "header_crc", "entry_"))
    }
    assert named - ABOUT == every - silent


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(example: Example) -> None:
    """Each field has its row, with its name, offset and size."""
    wanted = list(HEADER_FIELDS)
    kinds = {
        "segment": ("", ENTRY_FIELDS),
        "history": ("_history", ENTRY_FIELDS),
        "epoch": ("_epoch", EPOCH_FIELDS),
        "pin": ("_pin", PIN_FIELDS),
        "deadlines": ("_deadlines", DEADLINES_FIELDS),
    }
    for kind, (suffix, entry_fields) in kinds.items():
        for index in range(example.number(f"{kind}_count")):
            wanted += [(f"{name}{suffix}_{index}", size) for name, size in entry_fields]
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
        assert decode_manifest(bytes(damaged)).result == DAMAGED, f"bit {bit}"


@pytest.mark.parametrize(
    ("at", "value", "result"),
    [
        (8, 2, ANOTHER_FORMAT),
        (12, 2, ANOTHER_FORMAT),
        (96, 1, DAMAGED),
        (96, 3, DAMAGED),
        (HEADER_BYTES, 0, DAMAGED),
        (HEADER_BYTES, 9, DAMAGED),
        (HEADER_BYTES, 10, DAMAGED),
        (HEADER_BYTES + 4, 0, DAMAGED),
        (HEADER_BYTES + 4, 3, DAMAGED),
        (HEADER_BYTES + 7, 255, VALID),
        (HEADER_BYTES + 16, 99, VALID),
        (DEADLINES_AT, 7, DAMAGED),
        (DEADLINES_AT, 10, DAMAGED),
        (DEADLINES_AT + 4, 1, DAMAGED),
        (DEADLINES_AT + 16, 0, DAMAGED),
        (DEADLINES_AT + 17, 1, DAMAGED),
        (DEADLINES_AT + 16, 255, VALID),
    ],
)
def test_a_field_out_of_range_is_refused_under_a_right_check(
    at: int, value: int, result: str
) -> None:
    """The rules of the page behind the checks; the last line shows that the checks were right."""
    assert decode_manifest(changed(at, value)).result == result


def test_a_manifest_cut_anywhere_or_longer_is_refused() -> None:
    """Its size follows from its header."""
    data = EXAMPLES[1].data
    for size in range(len(data)):
        assert decode_manifest(data[:size]).result == DAMAGED, size
    assert decode_manifest(data + b"\0").result == DAMAGED


def test_entries_belong_to_their_header() -> None:
    """The check of an entry covers the header, so that entries of an older edit are noticed."""
    older = bytearray(EXAMPLES[1].data)
    older[24] -= 1
    header = bytes(older[:252])
    mixed = header + u32(crc32c(header)) + EXAMPLES[1].data[HEADER_BYTES:]
    assert decode_manifest(mixed).result == DAMAGED


@given(key=st.binary(max_size=70), seed=st.integers(0, 2**32 - 1))
def test_the_key_hash_is_murmur3_where_both_seeds_are_one(key: bytes, seed: int) -> None:
    """The formula of the page, against an independent library."""
    assert key_hash(key, seed, seed) == mmh3.hash64(key, seed, signed=False)[0]


def test_the_key_hash_depends_on_both_seeds() -> None:
    """Each is half of the secret."""
    assert len({key_hash(b"key", low, high) for low in (0, 1) for high in (0, 1)}) == 4
