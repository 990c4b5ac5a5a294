"""`pykv dump`: writes all rows to a file, to standard output, or to a directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import click

import pykv
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import (
    database_argument,
    example,
    format_option,
    namespace_option,
    open_reader,
    within,
)
from pykv.cli.output import count_text, standard_output, tell
from pykv.cli.progress import Advance, progress_bar
from pykv.cli.rows.kind import KINDS, StreamKind, kind_of, write_rows
from pykv.cli.rows.row import Line, Made
from pykv.cli.rows.tree import write_tree


@click.command(
    "dump",
    epilog=example(
        "  pykv dump data rows.jsonl\n"
        "  pykv dump data --format tsv | sort > rows.tsv\n"
        "  pykv dump data users.csv --namespace users\n"
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
@namespace_option("All of them by default; the default one alone is ''.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists, or write to a pipe.")
def command(
    database: Path,
    target: Path,
    kind: str | None,
    overwrite: bool,
    namespace: str | None,
    **formats: str | None,
) -> None:
    """Write all rows to a file or a directory.

    TARGET is a file or a directory; without it the rows go to standard output. They are the rows of
    one moment, and `pykv load` stores them again, byte for byte, with their time to live (but for
    dir, where it has no place). A format that is given here for tsv is given there too.

    A row of a namespace tells its name. Before all rows there is a line for each namespace, with
    its name alone, so that those without rows come back too. With --namespace the rows are those of
    one, and tell no name.

    A file appears under its name when it is whole. A directory (dir) takes keys that are relative
    paths, and must be empty or not exist; it has no place for names of namespaces.
    """
    chosen = kind or ("jsonl" if str(target) == "-" else kind_of(target))
    if chosen is None:
        raise Failure(f"{target}: say what to write with --format.", Exit.USAGE)
    _check_target(target, chosen, overwrite)
    dumped = Dumped()
    with (
        within(open_reader(database), namespace) as db,
        progress_bar("dump", "rows") as advance,
    ):
        spaces: dict[str | None, pykv.Store] = {None: db}
        if namespace is None:
            spaces = dict(pykv.each_namespace(db))
        if chosen == "dir" and len(spaces) > 1:
            raise Failure(
                f"{database} has namespaces, which a directory has no place for: "
                "say which one with --namespace.",
                Exit.USAGE,
            )
        lines = dumped.lines(spaces, advance)
        _write(lines, target, chosen, {**formats, "has_namespaces": len(spaces) > 1})
    if str(target) != "-":
        tell(f"wrote {count_text(dumped.row_count, 'row')}")


@dataclass
class Dumped:
    """What has been written so far."""

    row_count: int = 0

    def lines(self, spaces: Mapping[str | None, pykv.Store], advance: Advance) -> Iterator[Line]:
        """The rows of spaces, of which the first is None, that of a store or a handle; before them
        there is a line for each of the others.
        """
        total = sum(map(len, spaces.values()))
        yield from (Made(name) for name in spaces if name is not None)
        for row in pykv.export_rows(spaces[None]):
            if row.namespace not in spaces:
                return  # They come last.
            yield row
            self.row_count += 1
            if self.row_count % 100 == 0:
                advance(self.row_count, total)


def _check_target(target: Path, kind: str, overwrite: bool) -> None:
    if kind == "dir":
        if str(target) == "-":
            raise Failure("a directory needs a name: give TARGET.", Exit.USAGE)
        if target.is_dir() and any(target.iterdir()):
            raise Failure(f"{target} is not empty: choose another directory.", Exit.USAGE)
    elif target.exists() and not overwrite:
        raise Failure(f"{target} exists: choose another name, or say --overwrite.", Exit.USAGE)


def _write(lines: Iterator[Line], target: Path, kind: str, formats: dict[str, Any]) -> None:
    if kind == "dir":
        write_tree((line for line in lines if not isinstance(line, Made)), target)
        return
    stream_kind = cast(StreamKind, kind)
    if str(target) == "-":
        write_rows(stream_kind, lines, standard_output(), **formats)
        return
    if target.exists() and not target.is_file():  # A pipe or a device, which nothing can replace.
        with target.open("wb") as stream:
            write_rows(stream_kind, lines, stream, **formats)
        return
    whole = target.resolve()
    unfinished, file = _made_beside(whole)
    try:
        with file:
            write_rows(stream_kind, lines, file, **formats)
        unfinished.replace(whole)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _made_beside(target: Path) -> tuple[Path, IO[bytes]]:
    """A new file beside target, under a name that nobody had."""
    number = 0
    while True:
        path = target.with_name(f"{target.name}.unfinished-{number}")
        try:
            return path, path.open("xb")
        except FileExistsError:
            number += 1
