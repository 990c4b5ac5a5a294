"""`pykv namespaces`: lists the namespaces of a database, or drops one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import pykv
from pykv.cli.coding import to_text
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import database_argument, example, json_option, open_reader, open_writer
from pykv.cli.output import count_text, size_text, write_json, write_line


@click.command(
    "namespaces",
    epilog=example("  pykv namespaces data\n  pykv namespaces data --drop sessions --yes"),
)
@database_argument
@click.option("--drop", "dropped", metavar="NAME", help="Remove this one with all its rows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option("Write a JSON object for each.")
def command(database: Path, dropped: str | None, yes: bool, as_json: bool) -> None:
    """Write the namespaces, each on a line, or drop one.

    A line has the name, in which what cannot be printed is escaped, the number of rows, and about
    how many bytes they take in files. Rows are counted, which takes its time where they are many.
    Those of the default namespace are not among them.
    """
    if dropped is not None:
        _drop(database, dropped, yes)
        return
    with open_reader(database) as db:
        found = list(pykv.each_namespace(db))[1:]
        if as_json:
            for name, space in found:
                write_json(_fields(name, space))
        else:
            for line in _lines([_fields(name, space) for name, space in found]):
                write_line(line)


def _fields(name: str | None, space: Any) -> dict[str, Any]:
    size = space.stats()["live_bytes"]
    return {"namespace": name, "id": space.id, "rows": len(space), "bytes": size}


def _lines(found: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        (
            to_text(each["namespace"].encode(), "escape"),
            count_text(each["rows"], "row"),
            size_text(each["bytes"]),
        )
        for each in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        f"{name:<{widths[0]}}  {count:>{widths[1]}}  {size:>{widths[2]}}"
        for name, count, size in rows
    ]


def _drop(database: Path, name: str, yes: bool) -> None:
    with open_writer(database, create=False) as db:
        if "namespaces" not in db.features or name not in db.namespaces():
            raise Failure(f"there is no namespace {name!r} in {database}.", Exit.NOT_FOUND)
        if not yes:
            _ask(database, name, len(db.namespace(name)))
        db.drop_namespace(name, sync=True)


def _ask(database: Path, name: str, row_count: int) -> None:
    what = f"namespace {name!r} of {database} with {count_text(row_count, 'row')}"
    if not sys.stdin.isatty():
        raise Failure(f"{what} would be removed for good: say --yes.", Exit.USAGE)
    if not click.confirm(f"Remove {what} for good?", err=True):
        raise Failure("nothing is removed.")
