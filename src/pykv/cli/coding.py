"""Bytes as text on a command line, on a terminal or in a file, and back without loss.

Four formats: "utf8" is the text itself and refuses bytes that are none; "escape" is the text with
everything that cannot be printed, and the backslash, as \\xNN, \\t, \\n, \\r or \\\\; "hex" and
"base64" take any bytes. All functions are pure.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

Format: TypeAlias = Literal["utf8", "hex", "escape", "base64"]
FORMATS: Final[tuple[Format, ...]] = ("utf8", "hex", "escape", "base64")

_TO_ESCAPE: Final = re.compile(r"[^ -\[\]-~]")
_ESCAPED: Final = re.compile(rb"\\(x[0-9A-Fa-f]{2}|[^x]|)", re.DOTALL)
_NAMED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNNAMED: Final = {b"\\": b"\\", b"t": b"\t", b"n": b"\n", b"r": b"\r"}


class DataError(ValueError):
    """Data of the user that are not what they should be; the message says what to do."""


class CodingError(DataError):
    """Bytes that the format cannot show, or text that is not in the format."""


def to_text(data: bytes, how: Format) -> str:
    """The text of data. CodingError for bytes that are not UTF-8 under "utf8"."""
    return _TO_TEXT[how](data)


def to_bytes(text: str, how: Format) -> bytes:
    """The bytes of text. CodingError for text that is not in the format.

    An argument of the command line that is not UTF-8 stands for its bytes.
    """
    return _TO_BYTES[how](text)


def is_utf8(data: bytes) -> bool:
    """Whether data is text under "utf8"."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _utf8_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CodingError(
            f"{data[:32]!r} is not UTF-8 at byte {error.start}: choose escape, hex or base64"
        ) from None


def _utf8_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise CodingError(f"character {error.start} is half of a surrogate pair") from None


def _escape_text(data: bytes) -> str:
    return _TO_ESCAPE.sub(_escape_one, data.decode("utf-8", "surrogateescape"))


def _escape_one(match: re.Match[str]) -> str:
    character = match[0]
    if character in _NAMED:
        return _NAMED[character]
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _escape_bytes(text: str) -> bytes:
    return _ESCAPED.sub(_unescape_one, _utf8_bytes(text))


def _unescape_one(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code in _UNNAMED:
        return _UNNAMED[code]
    if len(code) == 3:
        return bytes.fromhex(code[1:].decode("ascii"))
    raise CodingError(
        f"the backslash at byte {match.start()} begins no escape: write \\\\ for a backslash, "
        "else \\xNN, \\t, \\n or \\r"
    )


def _hex_bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CodingError("not pairs of hexadecimal digits") from None


def _base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _base64_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CodingError(f"not base64: {error}") from None


_TO_TEXT: Final[dict[Format, Callable[[bytes], str]]] = {
    "utf8": _utf8_text,
    "hex": bytes.hex,
    "escape": _escape_text,
    "base64": _base64_text,
}
_TO_BYTES: Final[dict[Format, Callable[[str], bytes]]] = {
    "utf8": _utf8_bytes,
    "hex": _hex_bytes,
    "escape": _escape_bytes,
    "base64": _base64_bytes,
}
