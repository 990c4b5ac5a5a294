"""Kinds of row files: which one a path means, and how each is read and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias

from pykv.cli.coding import Format
from pykv.cli.rows.comma import read_csv, write_csv
from pykv.cli.rows.jsonl import read_jsonl, write_jsonl
from pykv.cli.rows.row import Line
from pykv.cli.rows.tsv import read_tsv, write_tsv

StreamKind: TypeAlias = Literal["tsv", "csv", "jsonl"]
KINDS: Final = ("tsv", "csv", "jsonl", "dir")
STREAM_KINDS: Final[tuple[StreamKind, ...]] = ("tsv", "csv", "jsonl")

_SUFFIXES: Final = {".tsv": "tsv", ".tab": "tsv", ".csv": "csv", ".jsonl": "jsonl"} | {
    ".ndjson": "jsonl"
}


def kind_of(path: Path) -> str | None:
    """The kind that an existing directory or the suffix of a path means, None if neither does."""
    return "dir" if path.is_dir() else _SUFFIXES.get(path.suffix.lower())


def read_rows(
    kind: StreamKind, stream: IO[bytes], key_format: Format | None, value_format: Format | None
) -> Iterator[Line]:
    """The rows of a stream. Without a format, cells are escape in tsv and text in others."""
    plain: Format = "escape" if kind == "tsv" else "utf8"
    read = {"tsv": read_tsv, "csv": read_csv, "jsonl": read_jsonl}[kind]
    return read(stream, key_format or plain, value_format or plain)


def write_rows(
    kind: StreamKind,
    rows: Iterable[Line],
    stream: IO[bytes],
    key_format: Format | None,
    value_format: Format | None,
    has_namespaces: bool = False,
) -> None:
    """Writes rows to a stream, so that `read_rows` without formats gives them back.

    has_namespaces: whether some may be in other namespaces than the default one.

    Without a format, cells are escape in tsv and csv; in jsonl text, or base64 for other bytes. A
    format that is given for tsv must be given to read_rows too.
    """
    if kind == "jsonl":
        write_jsonl(rows, stream, key_format, value_format)
        return
    how = (key_format or "escape", value_format or "escape")
    if kind == "csv":
        write_csv(rows, stream, *how, has_namespaces)
    else:
        write_tsv(rows, stream, *how)
