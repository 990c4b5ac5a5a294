"""`pykv scan`: lists rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click

import pykv
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
from pykv.cli.output import json_fields, write_json, write_line


@click.command(
    "scan",
    epilog=example(
        "  pykv scan data --limit 10\n"
        "  pykv scan data --keys | sort\n"
        "  pykv scan ordered --prefix user: --reverse"
    ),
)
@database_argument
@click.option("--start", metavar="KEY", help="First key. Needs an engine with order.")
@click.option("--stop", metavar="KEY", help="Key behind the last. Needs an engine with order.")
@click.option("--prefix", metavar="TEXT", help="Keys that begin so. Needs an engine with order.")
@click.option("--reverse", is_flag=True, help="Backwards. Needs an engine with order.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most N rows.")
@click.option("--keys", "keys_only", is_flag=True, help="Keys alone.")
@click.option("--values", "values_only", is_flag=True, help="Values alone.")
@namespace_option()
@format_option("--key-format", None, "Without it: escape; with --json text, or base64.")
@format_option("--value-format", None, "Without it: escape; with --json text, or base64.")
@json_option("Write a JSON object for each row.")
def command(
    database: Path,
    start: str | None,
    stop: str | None,
    prefix: str | None,
    keys_only: bool,
    values_only: bool,
    namespace: str | None,
    key_format: str | None,
    value_format: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Write rows, each on a line.

    A line has the key, a tab, and the value. The rows are those of one moment, in the order of
    their keys; a Bitcask has no order. Bounds are written as keys are, without --key-format as
    escape.
    """
    if keys_only and values_only:
        raise Failure("--keys and --values exclude each other: give one, or none.", Exit.USAGE)
    for name, text in (("start", start), ("stop", stop), ("prefix", prefix)):
        how[name] = None if text is None else argument_bytes(text, key_format or "escape", name)
    parts = [] if values_only else [("key", key_format)]
    parts += [] if keys_only else [("value", value_format)]
    write = _write_json if as_json else _write_text
    with within(open_reader(database), namespace) as db:
        for row in _rows(db, keys_only, values_only, how):
            write(row, parts)


def _rows(
    db: pykv.Store, keys_only: bool, values_only: bool, how: dict[str, Any]
) -> Iterator[tuple[bytes, ...]]:
    if keys_only:
        return ((key,) for key in db.scan_keys(**how))
    if values_only:
        return ((value,) for value in db.scan_values(**how))
    return db.scan(**how)


def _write_text(row: tuple[bytes, ...], parts: list[tuple[str, str | None]]) -> None:
    texts = [
        to_text(data, cast(Format, how or "escape"))
        for data, (_, how) in zip(row, parts, strict=True)
    ]
    write_line("\t".join(texts))


def _write_json(row: tuple[bytes, ...], parts: list[tuple[str, str | None]]) -> None:
    fields: dict[str, str] = {}
    for data, (name, how) in zip(row, parts, strict=True):
        fields |= json_fields(name, data, cast("Format | None", how))
    write_json(fields)
