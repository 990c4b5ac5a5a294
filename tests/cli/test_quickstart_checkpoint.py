"""The checkpoint of the quickstart is measured, opened and compared."""

from pathlib import Path

import pytest

import pykv
from pykv.cli import quickstart_checkpoint
from pykv.cli.quickstart_checkpoint import Checkpoint
from pykv.cli.quickstart_contents import Contents, DifferenceError, Expected

EXPECTED = Expected({b"one": Contents.of(b"1"), b"\xff\x00": Contents.of(b"bytes \xfe")})


def test_a_checkpoint_is_told_with_its_bytes_and_its_time() -> None:
    told = Checkpoint(byte_count=17_200_000, seconds=0.0031, key_count=1_999).text()
    assert told == "17.2 MB in 3.1 ms, opened: 1,999 keys compared equal"


def test_a_checkpoint_holds_what_its_database_holds(database: Path, tmp_path: Path) -> None:
    with pykv.open(database) as db:
        assert isinstance(db, pykv.DiskStore)
        db.delete(b"two")
        made = quickstart_checkpoint.make(db, tmp_path / "copy", EXPECTED)
    assert made.key_count == 2
    assert made.byte_count > 0
    assert made.seconds > 0.0


def test_a_checkpoint_with_other_rows_is_found(database: Path, tmp_path: Path) -> None:
    with pykv.open(database) as db:
        assert isinstance(db, pykv.DiskStore)
        with pytest.raises(DifferenceError, match="b'two' should not be there"):
            quickstart_checkpoint.make(db, tmp_path / "copy", EXPECTED)
