"""`pykv backups`: lists, verifies and removes versions in a repository of backups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

import pykv
from pykv.cli.backup import fields_of
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import example, json_option
from pykv.cli.output import count_text, size_text, write_json, write_line
from pykv.cli.progress import progress_bar
from pykv.cli.reporting import damage_lines


@click.command("backups", epilog=example("  pykv backups /backups/data --verify"))
@click.argument("repository", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Read and check every byte of the repository.")
@click.option("--delete", metavar="N", type=int, multiple=True, help="Remove version N.")
@json_option("Write one JSON object a version.")
def command(repository: Path, verify: bool, delete: tuple[int, ...], as_json: bool) -> Exit:
    """List the versions in a repository of backups.

    With --verify the exit code is 3 if anything is damaged.
    """
    if verify and not _is_sound(repository):
        return Exit.CORRUPTION
    if delete:
        try:
            freed = pykv.delete_backups(repository, delete)
        except KeyError as error:
            raise Failure(f"{error.args[0]}.") from None
        write_line(f"removed {count_text(len(set(delete)), 'version')}: {size_text(freed)} freed")
        return Exit.GOOD
    for each in pykv.backups(repository):
        if as_json:
            write_json(fields_of(each))
        else:
            made = datetime.fromtimestamp(each.time, UTC).isoformat(" ", "seconds")
            new = size_text(each.new_byte_count)
            size = size_text(each.byte_count)
            whose = f"{each.engine}  store {each.store_id:016x}"
            write_line(f"version {each.version}  {made}  {whose}  {size}, {new} of them new")
    return Exit.GOOD


def _is_sound(repository: Path) -> bool:
    with progress_bar("verify", "bytes") as advance:
        report = pykv.verify_backup(repository, progress=advance)
    for line in damage_lines(report.damages, report.damage_count):
        write_line(line)
    if report.ok:
        files = count_text(report.file_count, "file")
        write_line(f"good: {files}, {size_text(report.byte_count)}")
    return report.ok
