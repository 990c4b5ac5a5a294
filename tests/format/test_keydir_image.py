"""The examples of docs/format/keydir_image.md decode as the page says, by a reader made from it."""

from __future__ import annotations

import pytest
from tests.format.decode import VALID, crc32c, u32
from tests.format.decode_keydir_image import (
    ANOTHER_FORMAT,
    BUCKET_FIELDS,
    DAMAGED,
    HEADER_BYTES,
    HEADER_FIELDS,
    SEGMENT_FIELDS,
    SLOT_FIELDS,
    Image,
    decode_keydir_image,
    numbers_of,
    tag_matches,
)
from tests.format.examples import DOCUMENTS, Example, find_examples

EXAMPLES = {example.name: example for example in find_examples(DOCUMENTS / "keydir_image.md")}
FILE_BYTES = 16384
SECTION_BYTES = 16384  # of the image of format 2, that has two of them
CHECKS_AT = 4096
PAYLOAD_AT = 8192
ABOUT = {"format", "name", "result", "offset", "image"}
ENTRY_FIELDS = tuple((f"{name}_0", size) for name, size in SEGMENT_FIELDS)
TABLE_FIELDS = (*ENTRY_FIELDS, *((f"{name}_1", size) for name, size in SEGMENT_FIELDS))
#: The fields of each example, in order.
FIELDS = {
    "header": HEADER_FIELDS,
    "segment table": (*TABLE_FIELDS, ("segments_crc", 4)),
    "page checks": (("page_0", 4), ("page_1", 4), ("checks_crc", 4)),
    "bucket 0": BUCKET_FIELDS,
    "bucket 1": BUCKET_FIELDS,
    "line 11 of bucket 0": SLOT_FIELDS,
    "line 4 of bucket 1": SLOT_FIELDS,
    "header of section 0": HEADER_FIELDS,
    "segment table of section 0": (*TABLE_FIELDS, ("segments_crc", 4)),
    "header of section 1": HEADER_FIELDS,
    "segment table of section 1": (*ENTRY_FIELDS, ("segments_crc", 4)),
    "page checks of section 1": (("page_0", 4), ("page_1", 4), ("checks_crc", 4)),
    "bucket 0 of section 1": BUCKET_FIELDS,
    "line 5 of section 1": SLOT_FIELDS,
}


def pieces(image: str) -> list[Example]:
    """The examples that show an image."""
    return [each for each in EXAMPLES.values() if each.captions.get("image", "1") == image]


def lay(data: bytearray, image: str) -> bytearray:
    """Lays the pieces of an image on data."""
    for example in pieces(image):
        start = example.number("offset")
        data[start : start + len(example.data)] = example.data
    return data


def the_file() -> bytearray:
    """The image of format 1 of which the page shows the pieces."""
    return lay(bytearray(FILE_BYTES), "1")


def the_sections() -> bytearray:
    """That of format 2, which begins as the other one does."""
    return lay(the_file() + bytearray(SECTION_BYTES), "2")


def decode() -> Image:
    """The image, decoded."""
    return decode_keydir_image(bytes(the_file()))


def mended(data: bytearray) -> bytes:
    """The file with all checks made right again."""
    pages = [data[at : at + 4096] for at in range(PAYLOAD_AT, FILE_BYTES, 4096)]
    checks = b"".join(u32(crc32c(bytes(page))) for page in pages)
    data[CHECKS_AT : CHECKS_AT + 12] = checks + u32(crc32c(checks))
    data[HEADER_BYTES - 4 : HEADER_BYTES] = u32(crc32c(bytes(data[: HEADER_BYTES - 4])))
    return bytes(data)


@pytest.mark.parametrize("name", FIELDS)
def test_the_rows_of_an_example_name_its_fields_where_they_stand(name: str) -> None:
    """Each field has its row, with its name, offset and size."""
    at = 0
    layout = []
    for field_name, size in FIELDS[name]:
        layout.append((at, size, field_name))
        at += size
    assert EXAMPLES[name].layout == layout
    assert len(EXAMPLES[name].data) == at


def test_the_page_shows_no_other_example() -> None:
    """One that is not listed here would not be decoded."""
    assert EXAMPLES.keys() == FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_the_captions_of_an_example_are_its_fields(name: str) -> None:
    """What is said in words is what the bytes say; hashes are looked up by the next test."""
    example = EXAMPLES[name]
    numbers = numbers_of(example.data, FIELDS[name])
    for caption in example.captions.keys() - ABOUT:
        if not caption.startswith(("hash_", "address_")) or caption in numbers:
            assert numbers[caption] == example.number(caption), caption


def test_the_file_of_the_pieces_is_valid() -> None:
    """All parts follow from each other as the page says."""
    image = decode()
    assert image.result == VALID
    assert len(image.segments) == len(image.buckets) == len(image.units) == 2
    used = [sum(slot != 0 for slot in unit) for unit in image.units]
    assert used == [bucket["used"] for bucket in image.buckets]
    assert sum(bucket["live"] for bucket in image.buckets) == image.numbers["key_count"]


def test_the_file_of_two_sections_is_valid() -> None:
    """And the first one counts the records of both."""
    image = decode_keydir_image(bytes(the_sections()))
    assert image.result == VALID
    assert [each.numbers["space_id"] for each in (image, *image.behind)] == [0, 5]
    counts = [each.numbers["key_count"] for each in (image, *image.behind)]
    assert sum(each["live_count"] for each in image.segments) == sum(counts)
    example = EXAMPLES["line 5 of section 1"]
    candidates = image.behind[0].candidates(example.number("hash_0"))
    assert list(candidates) == [example.number("address_0")]


def test_each_hash_of_the_page_leads_to_its_address() -> None:
    """And to no other."""
    image = decode()
    found = 0
    for example in pieces("1"):
        for caption in example.captions:
            if caption.startswith("hash_"):
                address = example.number(caption.replace("hash", "address"))
                assert list(image.candidates(example.number(caption))) == [address]
                found += 1
    assert found == image.numbers["key_count"]


def test_a_hash_that_is_not_there_leads_nowhere() -> None:
    """Whatever its home line."""
    image = decode()
    candidates = [list(image.candidates(key << 20)) for key in range(1 << 12)]
    assert not any(candidates)


@pytest.mark.parametrize(
    ("tag", "want", "matches"),
    [
        (0, 0, False),
        (0b1, 0b1011, True),
        (0b1011, 0b1011, True),
        (0b1011, 0b0011, True),
        (0b1011, 0b0111, False),
        (0b1011, 0b0010, False),
    ],
)
def test_a_tag_compares_the_bits_under_its_marker(tag: int, want: int, matches: bool) -> None:
    """The marker itself and what is above it are not compared."""
    assert tag_matches(tag, want) is matches


@pytest.mark.parametrize("data", [the_file(), the_sections()], ids=["one", "two sections"])
def test_flipped_bits_are_noticed(data: bytearray) -> None:
    """Each bit of every piece and, every few bytes, one of the zeros between them."""
    places: set[int] = set(range(0, len(data), 61))
    for example in EXAMPLES.values():
        start = example.number("offset")
        places |= set(range(start, min(start + len(example.data), len(data)), 3))
    for at in sorted(places):
        data[at] ^= 1 << at % 8
        assert decode_keydir_image(bytes(data)).result == DAMAGED, at
        data[at] ^= 1 << at % 8
    assert decode_keydir_image(bytes(data)).result == VALID


@pytest.mark.parametrize("size", [0, 255, 256, 4096, 8192, FILE_BYTES - 1])
def test_a_file_that_is_cut_is_damaged(size: int) -> None:
    """At any of its borders."""
    assert decode_keydir_image(bytes(the_file()[:size])).result == DAMAGED


@pytest.mark.parametrize("size", [255, SECTION_BYTES, SECTION_BYTES + 256, 2 * SECTION_BYTES - 1])
def test_a_file_of_two_sections_that_is_cut_is_damaged(size: int) -> None:
    """At the border between them too."""
    assert decode_keydir_image(bytes(the_sections()[:size])).result == DAMAGED


def test_sections_of_another_place_or_time_are_refused() -> None:
    """Each of them is sound."""
    data = bytes(the_sections())
    first, second = data[:SECTION_BYTES], data[SECTION_BYTES:]
    for wrong in (second + first, first + first, second, data + second, first + bytes(the_file())):
        assert decode_keydir_image(wrong).result == DAMAGED
    for at in (16, 24, 32, 88, 96, 108):
        other = bytearray(second)
        other[at] ^= 1
        other[252:256] = u32(crc32c(bytes(other[:252])))
        assert decode_keydir_image(first + bytes(other)).result == DAMAGED, at


@pytest.mark.parametrize(
    ("at", "value", "result"),
    [
        (0, 0x51, ANOTHER_FORMAT),
        (8, 2, DAMAGED),
        (8, 3, ANOTHER_FORMAT),
        (13, 0x20, ANOTHER_FORMAT),
        (40, 0, DAMAGED),
        (48, 1, DAMAGED),
        (56, 0xFF, VALID),
        (57, 0xFF, DAMAGED),
        (64, 3, DAMAGED),
        (73, 0x30, DAMAGED),
        (81, 0x20, DAMAGED),
        (104, 1, DAMAGED),
        (108, 1, DAMAGED),
        (112, 1, DAMAGED),
        (PAYLOAD_AT, 2, DAMAGED),
        (PAYLOAD_AT + 57, 1, DAMAGED),
        (PAYLOAD_AT + 58, 2, DAMAGED),
        (PAYLOAD_AT + 60, 0, DAMAGED),
        (PAYLOAD_AT + 60, 15, DAMAGED),
    ],
)
def test_a_number_out_of_range_is_refused_under_right_checks(
    at: int, value: int, result: str
) -> None:
    """The rules of the page behind the checks."""
    data = the_file()
    data[at] = value
    assert decode_keydir_image(mended(data)).result == result
