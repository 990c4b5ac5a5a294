"""Comma-separated values with a header."""

import io

import pytest

from pykv.cli.coding import CodingError
from pykv.cli.rows.comma import read_csv, write_csv
from pykv.cli.rows.row import Line, Made, RowError


def read(text: bytes) -> list[Line]:
    return list(read_csv(io.BytesIO(text), "utf8", "utf8"))


def test_the_header_names_the_columns_and_their_formats() -> None:
    assert read(b"key,value\na,b\n") == [(b"a", b"b")]
    assert read(b"value_hex,key_base64\n00,YQ==\n") == [(b"a", b"\x00")]
    assert read(b"\xef\xbb\xbf\r\nkey,value\r\na,b\r\n\r\n") == [(b"a", b"b")]


def test_quoted_cells_may_hold_anything() -> None:
    assert read(b'key,value\n"a,b","c""\r\nd"\n') == [(b"a,b", b'c"\r\nd')]
    long = b"x" * 300_000
    assert read(b"key,value\na," + long + b"\n") == [(b"a", long)]


@pytest.mark.parametrize("header", [b"id,name", b"key", b"key,value,more", b"key,key_hex"])
def test_another_header_is_refused(header: bytes) -> None:
    with pytest.raises(RowError, match="line 1: the header must name two columns"):
        read(header + b"\n1,2\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"key,value\na\n", "line 2: 1 columns"),
        (b"key,value\na,b,c\n", "line 2: 3 columns"),
        (b'key,value\n"a"x,b\n', "line 2: .*mend"),
        (b'key,value\n"a', "line 2: .*mend"),
        (b"key,value\n\xff,b\n", "not UTF-8: convert"),
        (b"key_hex,value\nzz,b\n", "line 2: the key is not hex"),
    ],
)
def test_what_is_no_row_is_refused_with_its_line(text: bytes, words: str) -> None:
    with pytest.raises(RowError, match=words):
        read(text)


def test_an_empty_file_has_no_rows() -> None:
    assert read(b"") == []


def test_what_is_written_is_read_again_and_the_stream_stays_open() -> None:
    rows = [(b"", b""), (b'a"b', b"c\r\nd,"), ("\u00e9".encode(), b"x")]
    stream = io.BytesIO()
    write_csv(rows, stream, "utf8", "utf8")
    assert read(stream.getvalue()) == rows
    stream = io.BytesIO()
    write_csv([(b"\xff", b"\x00")], stream, "hex", "escape")
    assert stream.getvalue().startswith(b'"key_hex","value_escape","expires_us"\n')
    assert read(stream.getvalue()) == [(b"\xff", b"\x00")]
    with pytest.raises(CodingError):
        write_csv([(b"\xff", b"")], stream, "utf8", "utf8")


def test_a_row_that_expires_says_when() -> None:
    rows: list[Line] = [(b"a", b"1"), (b"b", b"2", 1_795_000_000_000_001)]
    stream = io.BytesIO()
    write_csv(rows, stream, "utf8", "utf8")
    assert read(stream.getvalue()) == rows
    assert read(b"expires_us,value,key\n5,v,k\n") == [(b"k", b"v", 5)]
    for cell in (b"soon", b"-1", b"0", b"1.5", b"18446744073709551616"):
        with pytest.raises(RowError, match="microseconds since 1970"):
            read(b"key,value,expires_us\na,b," + cell + b"\n")


def test_a_column_holds_the_namespace_and_a_lone_cell_makes_one() -> None:
    text = b'key,value,namespace\na,b,users\na,c,\n"namespace=x ""y"""\n'
    assert read(text) == [(b"a", b"b", 0, "users"), (b"a", b"c"), Made('x "y"')]
    with pytest.raises(RowError, match="line 2: 1 columns where the header has 2"):
        read(b"key,value\nmore=x\n")
