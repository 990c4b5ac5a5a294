"""`pykv restore`: makes a database of a version of a backup."""

from __future__ import annotations

from pathlib import Path

import click

import pykv
from pykv.cli.failures import Failure
from pykv.cli.opening import example
from pykv.cli.output import size_text, write_line
from pykv.cli.progress import progress_bar


@click.command("restore", epilog=example("  pykv restore /backups/data data"))
@click.argument("repository", type=click.Path(path_type=Path))
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--version",
    metavar="N",
    type=int,
    help="The version to restore.  [default: the last, where all are of one database]",
)
def command(repository: Path, path: Path, version: int | None) -> None:
    """Make a database at PATH of a version in a repository.

    There must be nothing at PATH. Every byte is checked; if one is wrong nothing is made, and the
    exit code is 3.
    """
    try:
        with progress_bar("restore", "bytes") as advance:
            made = pykv.restore(repository, path, version, progress=advance)
    except KeyError as error:
        raise Failure(f"{error.args[0]}. See `pykv backups {repository}`.") from None
    write_line(f"restored version {made.version}: {size_text(made.byte_count)}")
