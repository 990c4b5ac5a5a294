"""`pykv convert`: makes a database of another engine with the rows of one."""

from __future__ import annotations

from pathlib import Path

import click

import pykv
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import example, json_option, namespace_option
from pykv.cli.output import count_text, size_text, tell, write_json
from pykv.cli.progress import progress_bar


@click.command(
    "convert",
    epilog=example(
        "  pykv convert data ordered --engine lsm\n"
        "  pykv convert data users --engine sqlite --namespace users"
    ),
)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--engine", metavar="NAME", required=True, help="Engine of the new database.")
@namespace_option("Rows of all by default; the default one alone is ''.")
@json_option("Write the number of rows, their bytes and their digest as a JSON object.")
def command(source: Path, target: Path, engine: str, namespace: str | None, as_json: bool) -> None:
    """Make a database of another engine.

    It is made at TARGET, with the rows of SOURCE.

    There must be nothing at TARGET. Rows keep their time to live, and their namespaces; with
    --namespace those of one become the rows of TARGET itself, for an engine that has none. At the
    end both databases are read and compared. If the command is interrupted or dies, TARGET cannot
    be opened: the same command goes on from there, or `pykv destroy` removes it.
    """
    with progress_bar("convert", "steps") as advance:
        try:
            made = pykv.convert(
                source, target, engine=engine, namespace=namespace, progress=advance
            )
        except KeyError:
            if not namespace:
                raise
            raise Failure(
                f"there is no namespace {namespace!r} in {source}: `pykv namespaces` lists them.",
                Exit.NOT_FOUND,
            ) from None
    if as_json:
        write_json({"rows": made.row_count, "bytes": made.byte_count, "digest": made.digest})
    else:
        rows, size = count_text(made.row_count, "row"), size_text(made.byte_count)
        tell(f"converted {rows}, {size}; the same on both sides, digest {made.digest}")
