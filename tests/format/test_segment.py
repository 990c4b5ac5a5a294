"""The examples of docs/format/segment.md decode as the page says, by a reader written from it."""

from __future__ import annotations

import pytest
from tests.format.decode import HEADER_INVALID, VALID, crc32c, u32
from tests.format.decode_segment import ANOTHER_FORMAT, FIELDS, HEADER_BYTES, decode_segment
from tests.format.examples import DOCUMENTS, Example, find_examples

EXAMPLES = find_examples(DOCUMENTS / "segment.md")
ABOUT = {"format", "name", "result"}
#: Fields that rows show and that no caption repeats.
ROWS_ONLY = {"magic", "unused_1", "unused_2", "header_crc"}


def name_of(example: Example) -> str:
    """The name under which pytest reports an example."""
    return example.name


def changed(example: Example, at: int, value: int) -> bytes:
    """The example with one byte changed and its check made right again."""
    data = bytearray(example.data)
    data[at] = value
    return bytes(data[:60]) + u32(crc32c(bytes(data[:60])))


def test_the_page_shows_every_kind() -> None:
    """A kind without an example would not be decoded by any test."""
    assert sorted(example.number("kind") for example in EXAMPLES) == [1, 2, 3]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_decodes_as_its_captions_say(example: Example) -> None:
    """The result and every field, neither more nor fewer."""
    header = decode_segment(example.data)
    assert header.result == example.captions["result"] == VALID
    wanted = example.captions.keys() - ABOUT
    assert header.numbers.keys() - ROWS_ONLY == wanted
    for caption in wanted:
        assert header.numbers[caption] == example.number(caption), caption


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(example: Example) -> None:
    """Each field has its row, with its name, offset and size."""
    at = 0
    for (offset, size, name), (wanted_name, wanted_size) in zip(
        example.layout, FIELDS, strict=True
    ):
        assert (offset, size, name) == (at, wanted_size, wanted_name)
        at += size
    assert at == HEADER_BYTES == len(example.data)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_flipped_bit_of_an_example_is_noticed(example: Example) -> None:
    """What the check promises, tried for each bit."""
    for bit in range(8 * len(example.data)):
        damaged = bytearray(example.data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_segment(bytes(damaged)).result == HEADER_INVALID, f"bit {bit}"


@pytest.mark.parametrize(
    ("at", "value", "result"),
    [
        (8, 2, ANOTHER_FORMAT),
        (12, 0, HEADER_INVALID),
        (12, 4, HEADER_INVALID),
        (13, 1, HEADER_INVALID),
        (24, 0, HEADER_INVALID),
        (28, 1, HEADER_INVALID),
        (59, 1, HEADER_INVALID),
    ],
)
def test_a_field_out_of_range_is_refused_under_a_right_check(
    at: int, value: int, result: str
) -> None:
    """The rules of the page behind the check."""
    assert decode_segment(changed(EXAMPLES[0], at, value)).result == result


def test_a_short_file_has_no_header() -> None:
    """Whatever its bytes are."""
    for size in range(HEADER_BYTES):
        assert decode_segment(EXAMPLES[0].data[:size]).result == HEADER_INVALID
