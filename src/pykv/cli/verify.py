"""`pykv verify`: checks every byte of a database."""

from __future__ import annotations

from pathlib import Path

import click

from pykv.cli.failures import Exit
from pykv.cli.opening import database_argument, example, json_option, open_reader
from pykv.cli.output import count_text, write_json, write_line
from pykv.cli.progress import progress_bar
from pykv.cli.reporting import counts_text, damage_lines, report_fields
from pykv.errors import CorruptionError
from pykv.store import Report


@click.command("verify", epilog=example("  pykv verify data && echo sound"))
@database_argument
@json_option("Write the report as a JSON object.")
def command(database: Path, as_json: bool) -> Exit:
    """Check every byte of a database.

    If something is damaged the exit code is 3. Nothing is changed. The database may be open
    elsewhere: what is checked is the state of this moment.
    """
    report = _verified(database)
    if as_json:
        write_json(report_fields(report))
    else:
        for line in damage_lines(report.damages, report.damage_count):
            write_line(line)
        write_line(_verdict(report, database))
    return Exit.GOOD if report.ok else Exit.CORRUPTION


def _verified(database: Path) -> Report:
    """The report; also where the database is too damaged to be opened."""
    try:
        with open_reader(database) as db, progress_bar("verify", "bytes") as advance:
            return db.verify(progress=advance)
    except CorruptionError as error:
        return Report(damage_count=max(1, len(error.damages)), damages=error.damages)


def _verdict(report: Report, database: Path) -> str:
    if report.ok:
        return f"good: {counts_text(report)}"
    damages = count_text(report.damage_count, "damage")
    return f"damaged: {damages}. Restore a backup, or run `pykv repair {database}`."
