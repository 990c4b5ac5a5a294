"""How commands open a database, and what they share."""

from pathlib import Path

import pytest

import pykv
from pykv.cli.failures import Exit, Failure
from pykv.cli.opening import argument_bytes, open_reader, open_writer


def test_a_reader_changes_nothing_and_needs_no_lock(database: Path) -> None:
    with pykv.open(database) as writer, open_reader(database) as reader:
        assert reader.get(b"one") == b"1"
        with pytest.raises(pykv.ReadOnlyError):
            reader.put(b"one", b"2")
        writer.put(b"one", b"2")


def test_a_missing_database_is_told_with_what_to_do(tmp_path: Path) -> None:
    for open_one in (open_reader, lambda path: open_writer(path, create=False)):
        with pytest.raises(Failure, match="Check the path, or make one with") as caught:
            open_one(tmp_path / "none")
        assert caught.value.code == Exit.FAILED
    assert not (tmp_path / "none").exists()


def test_a_writer_may_make_a_database_of_an_engine(tmp_path: Path) -> None:
    with open_writer(tmp_path / "new", create=True, engine="bitcask") as db:
        db.put(b"a", b"b")
    with pytest.raises(Failure, match="end with the command"):
        open_writer(tmp_path / "other", create=True, engine="memory")


def test_an_argument_out_of_form_is_named() -> None:
    assert argument_bytes("6f", "hex", "the key") == b"o"
    with pytest.raises(Failure, match="the key 'xyz' is not hex") as caught:
        argument_bytes("xyz", "hex", "the key")
    assert caught.value.code == Exit.USAGE
