"""`pykv load`: stores the rows of a file, of standard input, or of a directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import click

import pykv
from pykv.cli.failures import Exit, Failure, failure_of
from pykv.cli.opening import (
    database_argument,
    engine_option,
    example,
    format_option,
    json_option,
    namespace_option,
    open_writer,
    within,
)
from pykv.cli.output import count_text, size_text, standard_input, tell, write_json
from pykv.cli.progress import Unit, progress_bar
from pykv.cli.rows.kind import KINDS, StreamKind, kind_of, read_rows
from pykv.cli.rows.row import Line, Made, Row, namespace_of
from pykv.cli.rows.tree import files_of, read_tree

CHUNK_ROWS_MAX: Final = 1_000
CHUNK_BYTES_MAX: Final = 4 << 20


@dataclass
class Loaded:
    """What has been stored so far."""

    row_count: int = 0
    byte_count: int = 0

    def store(self, db: pykv.Store, lines: Iterator[Line], told: Callable[[], None]) -> None:
        """Puts rows into db in chunks, and calls told after each; makes the namespaces.

        Where lines raises, the rows before are stored first.
        """
        more = True
        while more:
            chunk: list[Row] = []
            names: list[str] = []
            try:
                more = _fill(chunk, names, lines)
            finally:
                for name in names:
                    db.namespace(name, create=True)
                pykv.import_rows(db, [pykv.DatedRow(*row) for row in chunk])
                self.row_count += len(chunk)
                self.byte_count += sum([len(row[0]) + len(row[1]) for row in chunk])
            told()


def _fill(chunk: list[Row], names: list[str], lines: Iterator[Line]) -> bool:
    """Takes one chunk of rows; tells whether there may be more."""
    chunk_bytes = 0
    for row in lines:
        if isinstance(row, Made):
            names.append(row.name)
            continue
        chunk.append(row)
        chunk_bytes += len(row[0]) + len(row[1])
        if len(chunk) == CHUNK_ROWS_MAX or chunk_bytes >= CHUNK_BYTES_MAX:
            return True
    return False


@click.command(
    "load",
    epilog=example(
        "  pykv load data rows.tsv\n"
        "  pykv load data /usr/share/doc\n"
        "  zcat rows.jsonl.gz | pykv load data - --format jsonl"
    ),
)
@database_argument
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--format",
    "kind",
    type=click.Choice(KINDS),
    help="What SOURCE is.  [default: a directory is dir, a file what its suffix says]",
)
@format_option("--key-format", None, "Without it: escape in tsv, utf8 in csv and jsonl.")
@format_option("--value-format", None, "Without it: escape in tsv, utf8 in csv and jsonl.")
@engine_option
@namespace_option("Made if there is none.")
@json_option("Write the number of rows and their bytes as a JSON object.")
def command(
    database: Path,
    source: Path,
    kind: str | None,
    engine: str | None,
    namespace: str | None,
    as_json: bool,
    **formats: str | None,
) -> None:
    """Store the rows of a file or a directory.

    SOURCE is a file, a directory, or - for standard input. The database is made if there is none.

    \b
    tsv    key, tab, value on each line
    csv    a header key,value and then the rows
    jsonl  {"key": "...", "value": "..."} on each line
    dir    every file, as path -> contents, without symbolic links

    In csv and jsonl the names key_hex, key_escape and key_base64, and likewise for value, tell the
    format. A field expires_us holds the microseconds since 1970 at which a row expires, a field
    namespace the name of the namespace that it goes to, which is made if there is none. With
    --namespace all rows go to one, and none may tell another. At a line that is no row the command
    stops; the rows before it are stored. Loading again is harmless.
    """
    chosen = kind or kind_of(source)
    if chosen is None:
        raise Failure(f"{source}: say what it is with --format.", Exit.USAGE)
    loaded = Loaded()
    with (
        _opened(source, chosen, formats) as (rows, unit, place),
        within(open_writer(database, create=True, engine=engine), namespace, create=True) as db,
        progress_bar("load", unit) as advance,
        _telling_how_far(source, loaded),
    ):
        lines = rows if namespace is None else _without_names(rows)
        loaded.store(db, lines, lambda: advance(*place(loaded)))
    if as_json:
        write_json({"rows": loaded.row_count, "bytes": loaded.byte_count})
    else:
        tell(f"stored {count_text(loaded.row_count, 'row')}, {size_text(loaded.byte_count)}")


def _without_names(lines: Iterator[Line]) -> Iterator[Line]:
    """Refuses what tells a namespace."""
    for line in lines:
        name = line.name if isinstance(line, Made) else namespace_of(line)
        if name is not None:
            raise Failure(f"it has rows of namespace {name!r}: leave --namespace out", Exit.USAGE)
        yield line


_Place = Callable[[Loaded], tuple[int, int]]


@contextmanager
def _opened(
    source: Path, kind: str, formats: dict[str, Any]
) -> Iterator[tuple[Iterator[Line], Unit, _Place]]:
    """The rows of source, the unit of progress, and what tells how far it is."""
    if kind == "dir":
        files = files_of(source)
        yield read_tree(files, source), "files", lambda loaded: (loaded.row_count, len(files))
        return
    stream_kind = cast(StreamKind, kind)
    if str(source) == "-":
        rows = read_rows(stream_kind, standard_input(), **formats)
        yield rows, "rows", lambda loaded: (loaded.row_count, 0)
        return
    with source.open("rb") as file:
        size = source.stat().st_size
        rows = read_rows(stream_kind, file, **formats)
        if file.seekable():
            yield rows, "bytes", lambda loaded: (file.tell(), size)
        else:
            yield rows, "rows", lambda loaded: (loaded.row_count, 0)


@contextmanager
def _telling_how_far(source: Path, loaded: Loaded) -> Iterator[None]:
    """Ends a failure or an interrupt with what is stored."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"pykv: stored before the interrupt: {count_text(loaded.row_count, 'row')}")
        raise
    except Exception as error:
        failure = failure_of(error)
        stored = f"Stored before it: {count_text(loaded.row_count, 'row')}"
        code = Exit.FAILED if failure.code == Exit.USAGE else failure.code
        raise Failure(f"{source}: {failure.message.rstrip('.')}. {stored}.", code) from error
