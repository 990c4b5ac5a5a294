"""`pykv repair`: saves what can be read of a damaged database."""

from __future__ import annotations

from pathlib import Path

import click

import pykv
from pykv.cli.opening import database_argument, example, json_option
from pykv.cli.output import count_text, write_json, write_line
from pykv.cli.progress import progress_bar
from pykv.cli.reporting import damage_lines, report_fields
from pykv.store import Report


@click.command("repair", epilog=example("  pykv verify data || pykv repair data"))
@database_argument
@json_option("Write the report as a JSON object.")
def command(database: Path, as_json: bool) -> None:
    """Save what can be read of a damaged database.

    Every readable record goes to a fresh database in the same place; no program may have it open.

    The files that it replaces are kept in a directory damaged-N inside the database, until you
    remove it.
    """
    with progress_bar("repair", "bytes"):
        report = pykv.repair(database)
    if as_json:
        write_json(report_fields(report))
        return
    for line in damage_lines(report.damages, report.damage_count):
        write_line(line)
    write_line(_verdict(report))


def _verdict(report: Report) -> str:
    kept = count_text(report.kept_record_count, "record")
    damages = count_text(report.damage_count, "damage")
    lost = f", {report.lost_record_count:,} lost" if report.lost_record_count else ""
    return f"repaired: {kept} kept, {damages} left behind{lost}"
