"""`pykv checkpoint`: makes a second database of a database's rows, by hard links."""

from __future__ import annotations

from pathlib import Path

import click

import pykv
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import database_argument, example, open_writer


@click.command("checkpoint", epilog=example("  pykv checkpoint data data-of-monday"))
@database_argument
@click.argument("path", type=click.Path(path_type=Path))
def command(database: Path, path: Path) -> None:
    """Make a second database at PATH with the rows of this moment.

    There must be nothing at PATH. On the same file system the files are hard links: nothing is
    copied, and neither database ever changes them. A program that has the database open makes
    checkpoints with checkpoint() instead.
    """
    with open_writer(database, create=False) as db:
        if not isinstance(db, pykv.DiskStore) or not pykv.supports(db, "checkpoint"):
            raise Failure("this engine makes no checkpoints.", Exit.USAGE)
        db.checkpoint(path)
