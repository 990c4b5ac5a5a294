"""`pykv count`: tells how many keys there are."""

from __future__ import annotations

from pathlib import Path

import click

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
from pykv.cli.output import write_json, write_line


@click.command(
    "count",
    epilog=example(
        "  pykv count data\n"
        "  pykv count ordered --prefix user:\n"
        "  pykv count ordered --start 2026-01 --stop 2026-02 --json"
    ),
)
@database_argument
@click.option("--start", metavar="KEY", help="First key. Needs an engine with order.")
@click.option("--stop", metavar="KEY", help="Key behind the last. Needs an engine with order.")
@click.option("--prefix", metavar="TEXT", help="Keys that begin so. Needs an engine with order.")
@namespace_option()
@format_option("--key-format", "escape")
@json_option("Write the number as a JSON object.")
def command(
    database: Path,
    start: str | None,
    stop: str | None,
    prefix: str | None,
    namespace: str | None,
    key_format: str,
    as_json: bool,
) -> None:
    """Write how many keys there are.

    A Bitcask knows the number; an LSM store walks over the keys. Bounds are written as --key-format
    says.
    """
    bounds = {
        name: None if text is None else argument_bytes(text, key_format, name)
        for name, text in (("start", start), ("stop", stop), ("prefix", prefix))
    }
    with within(open_reader(database), namespace) as db:
        count = db.count(bounds["start"], bounds["stop"], prefix=bounds["prefix"])
    if as_json:
        write_json({"count": count})
    else:
        write_line(str(count))
