"""What commands write to standard output: bytes as they are, lines in UTF-8, and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import IO, Any, TextIO

import click

from pykv.cli.coding import Format, is_utf8, to_text
from pykv.cli.failures import Failure


def standard_input() -> IO[bytes]:
    """Standard input in bytes. Failure where the shell has closed it."""
    return _bytes_of(sys.stdin, "standard input")


def standard_output() -> IO[bytes]:
    """Standard output in bytes. Failure where the shell has closed it."""
    return _bytes_of(sys.stdout, "standard output")


def _bytes_of(stream: TextIO | None, name: str) -> IO[bytes]:
    # Python has None for a stream that was closed before the process began.
    if stream is None:
        raise Failure(f"{name} is closed: give the command one.")
    return stream.buffer


def write_bytes(data: bytes) -> None:
    """Writes data to standard output."""
    standard_output().write(data)


def write_line(text: str) -> None:
    """Writes a line in UTF-8, whatever the locale."""
    write_bytes(text.encode("utf-8", "surrogateescape") + b"\n")


def write_json(fields: Mapping[str, Any]) -> None:
    """Writes one JSON object on one line."""
    write_line(json.dumps(fields, ensure_ascii=False))


def tell(text: str) -> None:
    """Writes a line for people to standard error, where it does not mix with rows."""
    click.echo(text, err=True)


def json_fields(name: str, data: bytes, how: Format | None) -> dict[str, str]:
    """The field of a JSON object that holds data: "key", or "key_hex", "key_base64" and so on.

    The name tells the format. how None: text where data is UTF-8, else base64.
    """
    chosen: Format = how or ("utf8" if is_utf8(data) else "base64")
    return {name if chosen == "utf8" else f"{name}_{chosen}": to_text(data, chosen)}


def count_text(count: int, what: str) -> str:
    """A number of things for people, as in "1 row" and "2,000 rows"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def size_text(byte_count: float) -> str:
    """A number of bytes for people, as in "1.5 MB"; units are powers of 1,000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if byte_count < 1_000 or unit == "GB":
            break
        byte_count /= 1_000
    return f"{byte_count:,.0f} {unit}" if unit == "bytes" else f"{byte_count:,.1f} {unit}"
