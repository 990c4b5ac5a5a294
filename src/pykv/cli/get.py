"""`pykv get`: writes the value of a key to standard output."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click

from pykv.cli.coding import Format, to_text
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import (
    argument_bytes,
    database_argument,
    example,
    format_option,
    json_option,
    namespace_option,
    open_reader,
    within,
)
from pykv.cli.output import json_fields, write_bytes, write_json, write_line


@click.command(
    "get",
    epilog=example("  pykv get data greeting\n  pykv get data --key-format hex 00ff > value"),
)
@database_argument
@click.argument("key")
@namespace_option()
@format_option("--key-format", "utf8")
@format_option("--value-format", None, "Without it: the bytes as they are.")
@json_option("Write key and value as a JSON object.")
def command(
    database: Path,
    key: str,
    namespace: str | None,
    key_format: str,
    value_format: str | None,
    as_json: bool,
) -> None:
    """Write the value of KEY to standard output.

    The bytes of the value are written and nothing else, except for a newline on a terminal. If
    there is no such key, nothing is written and the exit code is 1.
    """
    exact = argument_bytes(key, key_format, "the key")
    with within(open_reader(database), namespace) as db:
        value = db.get(exact)
    if value is None:
        raise Failure(f"not found: {key}", Exit.NOT_FOUND)
    chosen = cast("Format | None", value_format)
    if as_json:
        named = None if key_format == "utf8" else cast(Format, key_format)
        write_json(json_fields("key", exact, named) | json_fields("value", value, chosen))
    elif chosen is not None:
        write_line(to_text(value, chosen))
    else:
        write_bytes(value)
        if sys.stdout.isatty():
            write_line("")
