"""What commands write to standard output: bytes as they are, lines in UTF-8, and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from pykv.cli.coding import Format, is_utf8, to_text


def write_bytes(data: bytes) -> None:
    """Writes data to standard output."""
    sys.stdout.buffer.write(data)


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
