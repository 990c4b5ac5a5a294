"""Which kind of rows a path means, and what each kind takes without being told."""

import io
from pathlib import Path

import pytest

from pykv.cli.rows.kind import STREAM_KINDS, StreamKind, kind_of, read_rows, write_rows
from pykv.cli.rows.row import Line


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tsv", "tsv"),
        ("a.TAB", "tsv"),
        ("a.csv", "csv"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a.txt", None),
        ("-", None),
    ],
)
def test_a_suffix_means_a_kind(name: str, kind: str | None) -> None:
    assert kind_of(Path(name)) == kind


def test_a_directory_is_a_kind_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    assert kind_of(tmp_path / "a.csv") == "dir"


@pytest.mark.parametrize("kind", STREAM_KINDS)
def test_without_formats_any_bytes_come_back(kind: StreamKind) -> None:
    rows = [(bytes([number]), bytes([number, 0, 255])) for number in range(256)]
    stream = io.BytesIO()
    write_rows(kind, rows, stream, None, None)
    stream.seek(0)
    assert list(read_rows(kind, stream, None, None)) == rows


def test_backslashes_are_escapes_in_tsv_alone() -> None:
    def read(kind: StreamKind, text: bytes) -> list[Line]:
        return list(read_rows(kind, io.BytesIO(text), None, None))

    assert read("tsv", b"a\t\\n") == [(b"a", b"\n")]
    assert read("csv", b"key,value\na,\\n\n") == [(b"a", b"\\n")]
    assert read("jsonl", b'{"key": "a", "value": "\\\\n"}') == [(b"a", b"\\n")]
