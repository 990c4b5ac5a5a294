"""Tab-separated values."""

import io

import pytest

from pykv.cli.coding import CodingError
from pykv.cli.rows.row import Line, Made, RowError
from pykv.cli.rows.tsv import read_tsv, write_tsv


def test_a_row_is_a_line() -> None:
    stream = io.BytesIO()
    write_tsv([(b"a", b"b\t\n"), (b"", b"")], stream, "escape", "escape")
    assert stream.getvalue() == b"a\tb\\t\\n\n\t\n"
    stream.seek(0)
    assert list(read_tsv(stream, "escape", "escape")) == [(b"a", b"b\t\n"), (b"", b"")]


@pytest.mark.parametrize("line", [b"no tab", b"a\tb\tc", b"a\tb\t5", b"a\tb\tc\texpires_us=5"])
def test_other_numbers_of_columns_are_refused(line: bytes) -> None:
    with pytest.raises(RowError, match="write a tab inside them as"):
        list(read_tsv(io.BytesIO(line), "escape", "escape"))


@pytest.mark.parametrize("data", [b"a\tb", b"a\nb", b"a\r", "\ufeffa".encode()])
def test_text_that_would_break_the_line_is_refused(data: bytes) -> None:
    with pytest.raises(CodingError):
        write_tsv([(data, b"")], io.BytesIO(), "utf8", "utf8")


def test_backslashes_are_plain_in_utf8() -> None:
    rows = list(read_tsv(io.BytesIO(b"C:\\new\t\\"), "utf8", "utf8"))
    assert rows == [(b"C:\\new", b"\\")]


def test_a_row_that_expires_says_when() -> None:
    stream = io.BytesIO()
    write_tsv([(b"a", b"1"), (b"b", b"2", 5)], stream, "escape", "escape")
    assert stream.getvalue() == b"a\t1\nb\t2\texpires_us=5\n"
    stream.seek(0)
    assert list(read_tsv(stream, "escape", "escape")) == [(b"a", b"1"), (b"b", b"2", 5)]
    with pytest.raises(RowError, match="microseconds since 1970"):
        list(read_tsv(io.BytesIO(b"a\tb\texpires_us="), "utf8", "utf8"))
    with pytest.raises(RowError, match="microseconds since 1970"):
        list(read_tsv(io.BytesIO(b"a\tb\texpires_us=soon"), "utf8", "utf8"))


def test_a_row_says_its_namespace_and_a_line_alone_makes_one() -> None:
    stream = io.BytesIO()
    lines: list[Line] = [
        Made("a\tb"),
        (b"a", b"1", 0, "users"),
        (b"a", b"2", 5, "\u00e9\n"),
        (b"namespace=users", b""),
    ]
    write_tsv(lines, stream, "escape", "escape")
    assert stream.getvalue().splitlines()[0] == b"namespace=a\\tb"
    stream.seek(0)
    assert list(read_tsv(stream, "escape", "escape")) == lines
    for wrong in (b"namespace=", b"namespace=\\q", b"namespace=\\xff", b"a\tb\tnamespace="):
        with pytest.raises(RowError, match="line 1: "):
            list(read_tsv(io.BytesIO(wrong), "escape", "escape"))
