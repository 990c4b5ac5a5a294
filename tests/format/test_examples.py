"""Examples of docs/format/ are found, all of them, and what is out of form is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.format.examples import DOCUMENTS, find_examples, parse_example

GOOD = [
    "format: record",
    "name: two fields",
    "",
    "00: 01 02  first",
    "02: 03",
    "03: ff  second field",
]


def test_rows_without_a_name_go_on_with_the_field_before() -> None:
    """The layout has one run of bytes for each name."""
    example = parse_example(GOOD)
    assert example.captions == {"format": "record", "name": "two fields"}
    assert example.data == bytes([1, 2, 3, 255])
    assert example.layout == [(0, 3, "first"), (3, 1, "second")]


@pytest.mark.parametrize(
    "line",
    [
        "01: 04  gap",
        "04: 4  half_a_byte",
        "04: 0x04  not_hex",
        "04: 04 one_space",
        "04:",
        "stray words",
    ],
)
def test_a_row_out_of_form_is_refused(line: str) -> None:
    """A mistake in a document must not hide bytes from the tests."""
    with pytest.raises(ValueError, match="row"):
        parse_example([*GOOD, line])


def test_a_caption_given_twice_is_refused() -> None:
    """Only one of the two would be looked at."""
    with pytest.raises(ValueError, match="twice"):
        parse_example(["name: again", *GOOD])


def test_an_example_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    """It would swallow the rest of the page."""
    document = tmp_path / "page.md"
    document.write_text("\n".join(["```example", *GOOD]), encoding="ascii")
    with pytest.raises(ValueError, match="closing fence"):
        find_examples(document)


@pytest.mark.parametrize("document", sorted(DOCUMENTS.glob("*.md")), ids=lambda path: path.name)
def test_no_row_of_bytes_stands_outside_an_example(document: Path) -> None:
    """Every hex row of a page belongs to an example with a format, a name and a result."""
    for example in find_examples(document):
        assert {"format", "name", "result"} <= example.captions.keys(), example.captions
    text = document.read_text(encoding="ascii")
    outside = re.sub(r"^```example\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\d+: [0-9a-f]{2}\b.*$", outside, re.MULTILINE) == []
