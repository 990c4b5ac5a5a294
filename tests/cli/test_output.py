"""What is written to standard output, and how numbers look to people."""

import json

import pytest

from pykv.cli.output import (
    count_text,
    json_fields,
    size_text,
    tell,
    write_bytes,
    write_json,
    write_line,
)


def test_bytes_lines_and_json_go_to_standard_output(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    write_bytes(b"\xff\n")
    write_line("stra\u00dfe \udcff")
    write_json({"a": "\u00e9", "b": 1})
    tell("beside it")
    out, err = capfdbinary.readouterr()
    first, second, third = out.splitlines()
    assert (first, second) == (b"\xff", "stra\u00dfe ".encode() + b"\xff")
    assert json.loads(third) == {"a": "\u00e9", "b": 1}
    assert err == b"beside it\n"


def test_a_json_field_names_its_format() -> None:
    assert json_fields("key", b"text", None) == {"key": "text"}
    assert json_fields("key", b"\xff", None) == {"key_base64": "/w=="}
    assert json_fields("value", b"\xff", "hex") == {"value_hex": "ff"}
    assert json_fields("value", b"a", "utf8") == {"value": "a"}


@pytest.mark.parametrize(
    ("byte_count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (1_550_000, "1.6 MB"),
        (2e9, "2.0 GB"),
        (5e12, "5,000.0 GB"),
    ],
)
def test_sizes_have_units_of_thousands(byte_count: float, text: str) -> None:
    assert size_text(byte_count) == text


def test_counts_are_grouped_and_in_the_plural() -> None:
    counts = [count_text(count, "row") for count in (0, 1, 1_234)]
    assert counts == ["0 rows", "1 row", "1,234 rows"]
