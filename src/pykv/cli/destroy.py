"""`pykv destroy`: removes a database."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import pykv
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import database_argument, example


@click.command("destroy", epilog=example("  pykv destroy data --yes"))
@database_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(database: Path, yes: bool) -> None:
    """Remove a database for good.

    The directory goes too if nothing else is in it. No program may have the database open.
    """
    if not yes:
        _ask(database)
    pykv.destroy(database)


def _ask(database: Path) -> None:
    if not sys.stdin.isatty():
        raise Failure(f"{database} would be removed for good: say --yes.", Exit.USAGE)
    if not click.confirm(f"Remove the database in {database} for good?", err=True):
        raise Failure("nothing is removed.")
