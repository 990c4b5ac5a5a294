"""Bytes become text and come back, in every format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykv.cli.coding import FORMATS, CodingError, Format, is_utf8, to_bytes, to_text


@given(data=st.binary(max_size=200), how=st.sampled_from(["hex", "escape", "base64"]))
def test_any_bytes_come_back(data: bytes, how: Format) -> None:
    assert to_bytes(to_text(data, how), how) == data


@given(text=st.text(max_size=100), how=st.sampled_from(FORMATS))
def test_any_text_comes_back(text: str, how: Format) -> None:
    data = text.encode("utf-8", "surrogatepass")
    if how != "utf8" or is_utf8(data):
        assert to_bytes(to_text(data, how), how) == data


@given(data=st.binary(max_size=200))
def test_escaped_text_is_one_printable_line(data: bytes) -> None:
    assert to_text(data, "escape").isprintable()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain text", "plain text"),
        ("stra\u00dfe".encode(), "stra\u00dfe"),
        (b"a\tb\nc\rd\\e", "a\\tb\\nc\\rd\\\\e"),
        (b"\x00\xff", "\\x00\\xff"),
        ("\ufeff\u200b".encode(), "\\xef\\xbb\\xbf\\xe2\\x80\\x8b"),
        (b"\xc3", "\\xc3"),
    ],
)
def test_escape_shows_text_as_it_is_and_the_rest_as_hex(data: bytes, text: str) -> None:
    assert to_text(data, "escape") == text
    assert to_bytes(text, "escape") == data


@pytest.mark.parametrize(
    ("text", "how", "words"),
    [
        ("a\\q", "escape", "byte 1 begins no escape"),
        ("\\x4", "escape", "begins no escape"),
        ("end\\", "escape", "begins no escape"),
        ("abc", "hex", "hexadecimal"),
        ("zz", "hex", "hexadecimal"),
        ("a", "base64", "not base64"),
        ("YQ==\n", "base64", "not base64"),
        ("\ud800", "utf8", "surrogate"),
    ],
)
def test_text_that_is_not_in_the_format_is_refused(text: str, how: Format, words: str) -> None:
    with pytest.raises(CodingError, match=words):
        to_bytes(text, how)


def test_bytes_that_are_no_text_are_refused_with_a_way_out() -> None:
    with pytest.raises(CodingError, match="choose escape, hex or base64"):
        to_text(b"ab\xff", "utf8")


def test_hex_may_have_spaces_and_both_cases() -> None:
    assert to_bytes("00 fF Ab", "hex") == b"\x00\xff\xab"


def test_an_argument_that_is_not_utf8_stands_for_its_bytes() -> None:
    argument = b"stra\xdfe".decode("utf-8", "surrogateescape")
    assert to_bytes(argument, "utf8") == to_bytes(argument, "escape") == b"stra\xdfe"
