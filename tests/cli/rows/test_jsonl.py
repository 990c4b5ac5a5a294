"""JSON Lines."""

import io

import pytest

from pykv.cli.rows.jsonl import read_jsonl, write_jsonl
from pykv.cli.rows.row import Line, Made, RowError


def read(text: bytes) -> list[Line]:
    return list(read_jsonl(io.BytesIO(text), "utf8", "utf8"))


def test_an_object_is_a_row() -> None:
    assert read(b'{"key": "a", "value": "b"}\n\n{"value_hex": "00", "key": ""}\n') == [
        (b"a", b"b"),
        (b"", b"\x00"),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"nonsense", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "an object belongs here, not a list"),
        (b'{"key": "a"}', "an object must have two fields"),
        (b'{"key": "a", "value": "b", "more": 1}', "an object must have two fields"),
        (b'{"key": "a", "value": 7}', "value must be a string, not 7"),
        (b'{"key": null, "value": "b"}', "key must be a string, not null"),
        (b'{"key": "\\ud800", "value": "b"}', "surrogate"),
        (b'{"key_base64": "?", "value": "b"}', "the key is not base64"),
    ],
)
def test_what_is_no_row_is_refused_with_its_line(line: bytes, words: str) -> None:
    with pytest.raises(RowError, match="line 2: ") as caught:
        read(b'{"key": "a", "value": "b"}\n' + line)
    assert words in str(caught.value)


def test_what_is_written_is_read_again() -> None:
    rows = [(b"a", b"\xff"), ("\u00e9\u2028".encode(), b"\n"), (b"\xfe", b"")]
    stream = io.BytesIO()
    write_jsonl(rows, stream, None, None)
    assert stream.getvalue().count(b"\n") == 3
    assert b"key_base64" in stream.getvalue()
    assert read(stream.getvalue()) == rows


def test_a_row_that_expires_says_when() -> None:
    rows: list[Line] = [(b"a", b"1"), (b"b", b"2", 5)]
    stream = io.BytesIO()
    write_jsonl(rows, stream, None, None)
    assert stream.getvalue().endswith(b'{"key": "b", "value": "2", "expires_us": 5}\n')
    assert read(stream.getvalue()) == rows
    for cell in (b'"soon"', b"-1", b"true", b"1.5", b"[]", b"0"):
        with pytest.raises(RowError, match="microseconds since 1970"):
            read(b'{"key": "a", "value": "b", "expires_us": ' + cell + b"}")


def test_a_field_holds_the_namespace_and_alone_makes_it() -> None:
    text = b'{"namespace": "users"}\n{"key": "a", "value": "b", "namespace": "users"}\n'
    assert read(text) == [Made("users"), (b"a", b"b", 0, "users")]
    for wrong in (b'{"namespace": ["a"]}', b'{"namespace": ""}', b'{"namespace": "a", "key": ""}'):
        with pytest.raises(RowError, match="line 1: "):
            read(wrong)
