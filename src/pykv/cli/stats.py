"""`pykv stats`: what a database knows of itself."""

from __future__ import annotations

from pathlib import Path

import click

from pykv.cli.opening import database_argument, example, json_option, open_reader
from pykv.cli.output import size_text, write_json, write_line


@click.command(
    "stats", epilog=example("  pykv stats data\n  pykv stats data --json | jq .key_count")
)
@database_argument
@json_option("Write a JSON object.")
def command(database: Path, as_json: bool) -> None:
    """Write what a database knows of itself.

    The database is opened to read. Counters begin there; a program that has it open asks its own
    db.stats().
    """
    with open_reader(database) as db:
        stats = db.stats()
    if as_json:
        write_json(stats)
        return
    width = max(len(name) for name in stats)
    for name, value in stats.items():
        write_line(f"{name:<{width}}  {_value_text(name, value)}")


def _value_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int):
        return str(value)
    if name.endswith("_bytes") and value >= 1_000:
        return f"{value:,}  ({size_text(value)})"
    return f"{value:,}"
