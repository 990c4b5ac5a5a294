"""Rows leave one store and enter another with the deadlines that they had."""

from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.dated_rows import DatedRow, export_rows, import_rows
from pykv.options import CommonOptions
from tests.contract.minimal_store import Minimal


@pytest.mark.parametrize("engine", ["bitcask", "lsm", "memory"])
def test_rows_come_with_their_deadlines_to_the_microsecond(tmp_path: Path, engine: str) -> None:
    rows = [DatedRow(b"a", b"1"), DatedRow(b"b", b"2", 32_000_000_000_000_001)]
    with pykv.open(tmp_path / "db", engine=engine) as db:
        assert import_rows(db, rows) == 2
        assert sorted(export_rows(db)) == rows
        assert db.expires_at(b"b") == 32_000_000_000.000001


def test_a_row_whose_time_is_over_is_absent_at_once(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db") as db:
        import_rows(db, [DatedRow(b"a", b"1", 1)])
        assert b"a" not in db
        assert list(export_rows(db)) == []


def test_rows_are_exported_from_a_key_on_where_there_is_order(tmp_path: Path) -> None:
    with pykv.open(engine="memory") as db:
        db.update({b"a": b"1", b"b": b"2"})
        assert list(export_rows(db, b"b")) == [(b"b", b"2", 0, None)]
    with pykv.open(tmp_path / "db", engine="bitcask") as db, pytest.raises(TypeError):
        export_rows(db, b"b")


def test_the_moment_is_that_of_the_call() -> None:
    with pykv.open(engine="memory") as db:
        db[b"a"] = b"1"
        rows = export_rows(db)
        db[b"b"] = b"2"
        assert list(rows) == [(b"a", b"1", 0, None)]


@pytest.mark.parametrize("engine", ["bitcask", "lsm", "memory"])
def test_rows_and_deadlines_are_of_one_moment(tmp_path: Path, engine: str) -> None:
    """The deadline was once looked up when the row was given: a row of the moment was left out, or
    had the deadline of a value that came later."""
    with pykv.open(tmp_path / "db", engine=engine) as db:
        db.update({b"a": b"1", b"b": b"2"})
        rows = export_rows(db)
        del db[b"b"]
        db.put(b"a", b"other", ttl=1000)
        assert sorted(rows) == [(b"a", b"1", 0, None), (b"b", b"2", 0, None)]
        if engine != "memory":
            assert db.stats()["open_snapshot_count"] == 0


def test_a_store_without_deadlines_takes_rows_without_them(tmp_path: Path) -> None:
    with Minimal(tmp_path / "db", CommonOptions()) as db:
        import_rows(db, [DatedRow(b"a", b"1")])
        assert list(export_rows(db)) == [(b"a", b"1", 0, None)]
        with pytest.raises(pykv.NotSupportedError):
            import_rows(db, [DatedRow(b"b", b"2", 5)])


def test_what_is_no_row_is_refused_after_the_chunks_before_it(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db") as db:
        rows: list[Any] = [*(DatedRow(b"%d" % i, b"") for i in range(1_001)), ("x", b"", 0, None)]
        with pytest.raises(TypeError):
            import_rows(db, rows)
        assert len(db) == 1_000


def test_rows_of_namespaces_come_with_their_names_and_go_where_they_belong(tmp_path: Path) -> None:
    rows = [
        DatedRow(b"a", b"1"),
        DatedRow(b"a", b"2", 0, "items"),
        DatedRow(b"a", b"3", 32_000_000_000_000_001, "users"),
        DatedRow(b"b", b"4", 0, "users"),
    ]
    with pykv.open(tmp_path / "db", engine="lsm") as db, pykv.open(engine="memory") as other:
        assert import_rows(db, reversed(rows)) == 4
        assert list(export_rows(db)) == rows
        assert list(export_rows(db, b"b")) == rows[1:]
        assert import_rows(other, export_rows(db)) == 4
        assert list(export_rows(other)) == rows
        users = db.namespace("users")
        assert [row.namespace for row in export_rows(users)] == [None, None]
        with pykv.open(tmp_path / "bitcask", engine="bitcask") as third:
            assert import_rows(third, rows) == 4
            assert sorted(export_rows(third)) == sorted(rows)
        with pykv.open(tmp_path / "plain", engine="sqlite") as plain:
            with pytest.raises(pykv.NotSupportedError):
                import_rows(plain, rows[:2])
            assert import_rows(plain, rows[:1]) == 1
