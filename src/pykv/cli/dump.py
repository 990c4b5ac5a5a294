"""`pykv dump`: writes all rows to a file, to standard output, or to a directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click

import pykv
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import database_argument, example, format_option, open_reader
from pykv.cli.output import count_text, standard_output, tell
from pykv.cli.progress import Advance, progress_bar
from pykv.cli.rows.kind import KINDS, StreamKind, kind_of, write_rows
from pykv.cli.rows.row import Row
from pykv.cli.rows.tree import write_tree


@click.command(
    "dump",
    epilog=example(
        "  pykv dump data rows.jsonl\n"
        "  pykv dump data --format tsv | sort > rows.tsv\n"
        "  pykv dump data copy-of-tree --format dir"
    ),
)
@database_argument
@click.argument("target", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option(
    "--format",
    "kind",
    type=click.Choice(KINDS),
    help="What to write.  [default: what the suffix of TARGET says; jsonl for standard output]",
)
@format_option("--key-format", None, "Without it: escape; in jsonl text, or base64.")
@format_option("--value-format", None, "Without it: escape; in jsonl text, or base64.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(
    database: Path,
    target: Path,
    kind: str | None,
    overwrite: bool,
    **formats: str | None,
) -> None:
    """Write all rows to a file or a directory.

    TARGET is a file or a directory; without it the rows go to standard output. They are the rows of
    one moment, and `pykv load` stores them again, byte for byte, with their time to live (but for
    dir, where it has no place). A format that is given here for tsv is given there too.

    A file appears under its name when it is whole. A directory (dir) takes keys that are relative
    paths, and must be empty or not exist. A database with namespaces is refused.
    """
    chosen = kind or ("jsonl" if str(target) == "-" else kind_of(target))
    if chosen is None:
        raise Failure(f"{target}: say what to write with --format.", Exit.USAGE)
    _check_target(target, chosen, overwrite)
    with open_reader(database) as db, progress_bar("dump", "rows") as advance:
        _check_no_namespaces(db)
        total = len(db)
        _write(_counted(db, total, advance), target, chosen, formats)
    if str(target) != "-":
        tell(f"wrote {count_text(total, 'row')}")


def _check_no_namespaces(db: pykv.Store) -> None:
    names = db.namespaces() if "namespaces" in db.features else []
    if names:
        raise Failure(
            f"{db.path} has namespaces ({', '.join(names[:5])}), which a dump would leave out: "
            "take a checkpoint or a backup.",
            Exit.USAGE,
        )


def _check_target(target: Path, kind: str, overwrite: bool) -> None:
    if kind == "dir":
        if str(target) == "-":
            raise Failure("a directory needs a name: give TARGET.", Exit.USAGE)
        if target.is_dir() and any(target.iterdir()):
            raise Failure(f"{target} is not empty: choose another directory.", Exit.USAGE)
    elif target.exists() and not overwrite:
        raise Failure(f"{target} exists: choose another name, or say --overwrite.", Exit.USAGE)


def _counted(db: pykv.Store, total: int, advance: Advance) -> Iterator[Row]:
    for done, row in enumerate(pykv.export_rows(db), 1):
        yield row
        if done % 100 == 0:
            advance(done, total)


def _write(rows: Iterator[Row], target: Path, kind: str, formats: dict[str, Any]) -> None:
    if kind == "dir":
        write_tree(rows, target)
        return
    stream_kind = cast(StreamKind, kind)
    if str(target) == "-":
        write_rows(stream_kind, rows, standard_output(), **formats)
        return
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            write_rows(stream_kind, rows, file, **formats)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
