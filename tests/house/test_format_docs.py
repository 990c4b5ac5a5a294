"""Every durable format has a document with a worked example, and a test that decodes it."""

import re
from pathlib import Path

import house_files
import pytest

FENCED_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEX_BYTES = re.compile(r"(?:\b[0-9a-fA-F]{2}\s+){7}[0-9a-fA-F]{2}\b")
# What the documents have in common, and nothing to decode.
OVERVIEWS = {"README.md", "index.md"}
FORMAT_WRITERS = ("src/pykv/_native/*/*_format.c",)


def has_hex_example(text: str) -> bool:
    """Tell whether a document shows at least eight bytes in a fenced block."""
    return any(HEX_BYTES.search(block) for block in FENCED_BLOCK.findall(text))


def documents() -> list[Path]:
    """Return the documents that describe one format each."""
    return [p for p in house_files.matching("docs/format/*.md") if p.name not in OVERVIEWS]


def test_the_formats_are_documented() -> None:
    if not house_files.matching(*FORMAT_WRITERS):
        pytest.skip("the core writes no format yet")
    assert documents(), "docs/format/ has no document, but the core writes files"


def test_every_document_has_a_hex_example() -> None:
    house_files.fail_on(
        (f"{p}: no fenced block of hex" for p in documents() if not has_hex_example(_read(p))),
        "A format document shows the bytes of one example.",
    )


def test_every_document_is_named_by_a_test() -> None:
    tests = [p for p in house_files.matching("tests/**/test_*.py") if "house" not in p.parts]
    texts = [house_files.read(p) for p in tests]
    house_files.fail_on(
        (f"{p}: no test names it" for p in documents() if not any(_names(t, p) for t in texts)),
        "The example of a format document is decoded by a test that names the document.",
    )


def _read(path: Path) -> str:
    return house_files.read(path)


def _names(text: str, document: Path) -> bool:
    """Tell whether a test names the document, with or without its suffix, as a string."""
    return re.search(rf"[\"'/]{re.escape(document.stem)}(\.md)?[\"']", text) is not None


def test_prose_and_short_numbers_are_no_example() -> None:
    assert not has_hex_example("The bytes 00 01 02 03 04 05 06 07 stand in prose.\n")
    assert not has_hex_example("```\n00 01 02\n```\n")
    assert has_hex_example("```example\nname: x\n\n0: 00 01 02 03 04 05 06 07  magic\n```\n")
