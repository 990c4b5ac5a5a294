"""`pykv stats`: what a database knows of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from pykv.cli.opening import database_argument, example, json_option, open_reader
from pykv.cli.output import size_text, write_bytes, write_json, write_line

# Lists with a number for each level, and what a column of them is called.
_LEVEL_COLUMNS: Final = {
    "level_table_count": "tables",
    "level_bytes": "size",
    "level_score": "score",
    "level_read_bytes": "read",
    "level_written_bytes": "written",
}


@click.command(
    "stats", epilog=example("  pykv stats data\n  pykv stats data --json | jq .key_count")
)
@database_argument
@json_option("Write a JSON object.")
@click.option("--prometheus", is_flag=True, help="Write the text format of Prometheus.")
def command(database: Path, as_json: bool, prometheus: bool) -> None:
    """Write what a database knows of itself.

    The database is opened to read. Counters begin there; a program that has it open asks its own
    db.stats().
    """
    with open_reader(database) as db:
        stats = db.stats()
        text = db.metrics()
    if prometheus:
        write_bytes(text.encode())
        return
    if as_json:
        write_json(stats)
        return
    levels = {name: stats.pop(name) for name in _LEVEL_COLUMNS if name in stats}
    width = max(len(name) for name in stats)
    for name, value in stats.items():
        write_line(f"{name:<{width}}  {_value_text(name, value)}")
    for line in _level_lines(levels):
        write_line(line)


def _level_lines(levels: Mapping[str, Sequence[float]]) -> list[str]:
    """A table of the levels of an LSM store that were ever used."""
    rows = [
        [f"level {index}", *(_level_text(name, of[index]) for name, of in levels.items())]
        for index in range(max(map(len, levels.values()), default=0))
        if any(of[index] for of in levels.values())
    ]
    if not rows:
        return []
    rows.insert(0, ["", *(_LEVEL_COLUMNS[name] for name in levels)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["", *("  ".join(map(str.rjust, row, widths)) for row in rows)]


def _level_text(name: str, value: float) -> str:
    if name == "level_score":
        return f"{value:.2f}"
    return size_text(value) if name.endswith("_bytes") else f"{value:,}"


def _value_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if not isinstance(value, int):
        return str(value)
    if name.endswith("_bytes") and value >= 1_000:
        return f"{value:,}  ({size_text(value)})"
    return f"{value:,}"
