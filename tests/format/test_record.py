"""The examples of docs/format/record.md decode as the page says, by a reader written from it."""

from __future__ import annotations

import pytest
from tests.format.decode import (
    BATCH_LAST,
    BODY_INVALID,
    CUT_OFF,
    HEADER_INVALID,
    RECORD_EXTENSION,
    VALID,
    Decoded,
    batch_crc,
    crc32c,
    decode_record,
    record_head_bytes,
)
from tests.format.examples import DOCUMENTS, Example, find_examples

EXAMPLES = find_examples(DOCUMENTS / "record.md")
VALID_EXAMPLES = [example for example in EXAMPLES if example.captions["result"] == VALID]
ABOUT = {"format", "name", "file_id", "offset", "result"}
TEXTS = {"key", "value"}
#: Fields that rows show and that no caption repeats, and lengths that follow from the texts.
ROWS_ONLY = {"header_crc", "body_crc", "key_length", "value_length"}


def decode(example: Example) -> Decoded:
    """Decodes an example where it says that it stands."""
    return decode_record(example.data, example.number("file_id"), example.number("offset"))


def name_of(example: Example) -> str:
    """The name under which pytest reports an example."""
    return example.name


def test_crc32c_gives_the_check_value_of_the_conventions() -> None:
    """The one number by which anybody can tell that this is the same CRC."""
    assert crc32c(b"123456789") == 0xE3069283


def test_the_page_shows_every_result_kind_and_flag() -> None:
    """An outcome or field without an example would not be decoded by any test."""
    results = {example.captions["result"] for example in EXAMPLES}
    assert results == {VALID, HEADER_INVALID, CUT_OFF, BODY_INVALID}
    assert {example.number("kind") for example in VALID_EXAMPLES} == {1, 2, 3, 4, 6, 7}
    flags = 0
    for example in VALID_EXAMPLES:
        flags |= example.number("flags")
    assert flags == 0x3F
    assert len({example.name for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    """The result and every field that could be read, neither more nor fewer."""
    decoded = decode(example)
    assert decoded.result == example.captions["result"]
    wanted = {caption for caption in example.captions if caption not in ABOUT}
    assert (decoded.numbers.keys() - ROWS_ONLY) | decoded.texts.keys() == wanted
    for caption in wanted - TEXTS:
        assert decoded.numbers[caption] == example.number(caption), caption
    for caption in wanted & TEXTS:
        assert decoded.texts[caption].decode("ascii") == example.captions[caption], caption


@pytest.mark.parametrize("example", VALID_EXAMPLES, ids=name_of)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(example: Example) -> None:
    """Each field has its row, with its name, offset and size."""
    assert decode(example).layout == example.layout


def test_the_valid_examples_stand_one_behind_the_other() -> None:
    """As the page says: so that their offsets show where the next record begins."""
    end = 64
    for example in VALID_EXAMPLES:
        assert example.number("offset") == end, example.name
        assert len(example.data) % 8 == 0
        end += len(example.data)


def test_the_last_member_of_a_batch_seals_the_members_before_it() -> None:
    """batch_count and batch_crc agree with the members that stand before the last one."""
    members: list[Decoded] = []
    sealed = 0
    for decoded in map(decode, VALID_EXAMPLES):
        if not decoded.numbers["flags"] & 1:
            continue
        members.append(decoded)
        if decoded.numbers["flags"] & BATCH_LAST:
            checks = [member.numbers["header_crc"] for member in members[:-1]]
            assert decoded.numbers["batch_count"] == len(members) >= 2
            assert decoded.numbers["batch_crc"] == batch_crc(checks)
            sealed += 1
            members.clear()
    assert sealed == 1
    assert not members


@pytest.mark.parametrize("example", VALID_EXAMPLES, ids=name_of)
def test_every_flipped_bit_of_an_example_is_noticed(example: Example) -> None:
    """What the page promises, tried for each bit."""
    for bit in range(8 * len(example.data)):
        damaged = bytearray(example.data)
        damaged[bit // 8] ^= 1 << bit % 8
        decoded = decode_record(bytes(damaged), example.number("file_id"), example.number("offset"))
        assert decoded.result != VALID, f"bit {bit}"


@pytest.mark.parametrize("example", VALID_EXAMPLES, ids=name_of)
def test_an_example_cut_anywhere_is_not_valid(example: Example) -> None:
    """Within the head it is no record, behind it a record that is cut off."""
    head_bytes = record_head_bytes(example.number("flags"))
    for size in range(len(example.data)):
        decoded = decode_record(
            example.data[:size], example.number("file_id"), example.number("offset")
        )
        assert decoded.result == (CUT_OFF if size >= head_bytes else HEADER_INVALID), size


def test_the_extension_takes_at_most_36_bytes() -> None:
    """All flags together, as the layout table says."""
    every_flag = sum(flag for flag, _ in RECORD_EXTENSION)
    assert record_head_bytes(every_flag) == 24 + 36
