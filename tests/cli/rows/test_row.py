"""What the kinds of row files share."""

import io

import pytest

from pykv.cli.rows.row import RowError, cell_bytes, field_format, field_name, lines_of


def test_lines_are_numbered_and_blank_ones_left_out() -> None:
    stream = io.BytesIO(b"\xef\xbb\xbfone\r\n\n\r\nfour\xc3\xa9\nlast")
    assert list(lines_of(stream)) == [(1, "one"), (4, "four\u00e9"), (5, "last")]


def test_a_line_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(RowError, match="line 2: byte 1 is not UTF-8"):
        list(lines_of(io.BytesIO(b"good\na\xff\n")))


def test_a_line_without_end_is_refused_before_it_is_read() -> None:
    stream = io.BytesIO(b"x" * 1_000)
    with pytest.raises(RowError, match="line 1: longer than 100 bytes"):
        list(lines_of(stream, line_bytes_max=100))
    assert stream.tell() == 100


def test_a_cell_out_of_form_names_its_line() -> None:
    assert cell_bytes("ff", "hex", "key", 3) == b"\xff"
    with pytest.raises(RowError, match="line 3: the key is not hex"):
        cell_bytes("f", "hex", "key", 3)


def test_the_name_of_a_field_tells_its_format() -> None:
    assert field_format(["key", "value"], "key", "utf8") == ("key", "utf8")
    assert field_format(["key_hex", "value"], "key", "utf8") == ("key_hex", "hex")
    assert field_format(["value"], "key", "utf8") is None
    assert field_format(["key", "key_hex"], "key", "utf8") is None
    for how in ("utf8", "hex", "escape", "base64"):
        assert field_format([field_name("key", how)], "key", "utf8") == (
            field_name("key", how),
            how,
        )
