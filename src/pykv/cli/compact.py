"""`pykv compact`: gives the space of dead rows back."""

from __future__ import annotations

from pathlib import Path

import click

from pykv.cli.opening import (
    argument_bytes,
    database_argument,
    example,
    json_option,
    open_writer,
)
from pykv.cli.output import size_text, write_json, write_line
from pykv.cli.progress import progress_bar


@click.command(
    "compact",
    epilog=example("  pykv compact data\n  pykv compact ordered --start user: --stop user;"),
)
@database_argument
@click.option("--start", metavar="KEY", help="First key. Needs an engine with order.")
@click.option("--stop", metavar="KEY", help="Key behind the last. Needs an engine with order.")
@json_option("Write the bytes on disk before and after as a JSON object.")
def command(database: Path, start: str | None, stop: str | None, as_json: bool) -> None:
    """Give the space of dead rows back.

    Dead are rows that were overwritten or removed. A store that is open gives their space back by
    itself, up to its space_amplification_max; this does it now and to the end. It may be
    interrupted at any time. Bounds are written as escape; files are taken whole.
    """
    low = None if start is None else argument_bytes(start, "escape", "start")
    high = None if stop is None else argument_bytes(stop, "escape", "stop")
    with open_writer(database, create=False) as db:
        before = db.stats().get("disk_bytes")
        with progress_bar("compact", "bytes") as advance:
            db.compact(low, high, progress=advance)
        after = db.stats().get("disk_bytes")
    if as_json:
        write_json({"disk_bytes_before": before, "disk_bytes_after": after})
    elif before is None or after is None:
        write_line("compacted")
    else:
        write_line(f"compacted: {size_text(before)} before, {size_text(after)} after")
