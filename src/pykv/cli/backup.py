"""`pykv backup`: adds a version to a repository of backups."""

from __future__ import annotations

from pathlib import Path

import click

import pykv
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import database_argument, example, json_option, open_writer
from pykv.cli.output import size_text, write_json, write_line
from pykv.cli.progress import progress_bar


@click.command("backup", epilog=example("  pykv backup data /backups/data --keep 30"))
@database_argument
@click.argument("repository", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=1),
    help="Remove all but the last N versions of this database.",
)
@json_option("Write the version as a JSON object.")
def command(database: Path, repository: Path, keep: int | None, as_json: bool) -> None:
    """Add a version with the rows of this moment to a repository.

    REPOSITORY is a directory, which is made if it does not exist. Only files that no earlier
    version has are copied. A program that has the database open makes backups with backup()
    instead.
    """
    with open_writer(database, create=False) as db:
        if not isinstance(db, pykv.DiskStore) or not pykv.supports(db, "checkpoint"):
            raise Failure("this engine makes no backups.", Exit.USAGE)
        with progress_bar("backup", "bytes") as advance:
            made = db.backup(repository, advance)
    if keep is not None:
        own = [each for each in pykv.backups(repository) if each.store_id == made.store_id]
        pykv.delete_backups(repository, [each.version for each in own[:-keep]])
    if as_json:
        write_json(fields_of(made))
    else:
        new = size_text(made.new_byte_count)
        write_line(f"version {made.version}: {size_text(made.byte_count)}, {new} of them new")


def fields_of(made: pykv.BackupVersion) -> dict[str, object]:
    """The fields of a version for JSON."""
    return {name: getattr(made, name) for name in made.__dataclass_fields__}
