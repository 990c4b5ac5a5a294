"""The rows of features: both sides are measured, on stores that hold what was put."""

from pathlib import Path
from typing import Any

import pytest

from benches import features
from benches.features import LINKED, WrongCountError, measure
from benches.goals import FEATURE_ROWS, RANGE_ROWS, WITHOUT
from benches.stores import PykvStore
from tests.bench.sessions import session_of

THREAD_ROWS = frozenset({"get_threads", "get_many_threads", "put_synced_threads"})
OWN_ROWS = FEATURE_ROWS - THREAD_ROWS


@pytest.fixture(autouse=True)
def _few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "PIECES", 2)
    monkeypatch.setattr(features, "CHECKPOINTS", 1)
    monkeypatch.setattr(features, "SCANS", 1)
    monkeypatch.setattr(features, "GET_MANY_KEYS", 10)
    monkeypatch.setattr(features, "DELETED_ROWS", 5_000)
    monkeypatch.setattr(features, "EMPTY_SCANS", 10)


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_every_row_has_both_sides(tmp_path: Path, engine: str) -> None:
    session = session_of(tmp_path, engine, OWN_ROWS)
    measure(session)
    measured = OWN_ROWS - (RANGE_ROWS if engine == "bitcask" else frozenset())
    assert set(session.samples) == measured
    assert all(figure > 0 for figure in session.samples.values())
    compared = measured - {"changes", "checkpoint", "reopen_spaces"}
    assert {row: set(names) for row, names in session.beside.items()} == {
        "checkpoint": {LINKED},
        **{row: {WITHOUT} for row in compared},
    }


def test_a_store_without_files_has_the_rows_that_need_none(tmp_path: Path) -> None:
    session = session_of(tmp_path, "memory", OWN_ROWS)
    measure(session)
    assert set(session.samples) == OWN_ROWS - {"changes", "checkpoint", "reopen_spaces"}


def test_only_the_rows_asked_for_are_measured(tmp_path: Path) -> None:
    session = session_of(tmp_path, "memory", frozenset({"get_at"}))
    measure(session)
    assert set(session.samples) == set(session.beside) == {"get_at"}


def test_rows_that_were_lost_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_dated", lambda _db: lambda _keys, _values: None)
    with pytest.raises(WrongCountError, match="put_ttl: 0 keys instead of 500"):
        measure(session_of(tmp_path, "memory", frozenset({"put_ttl"})))


def test_a_row_of_a_deleted_range_that_is_there_is_an_error(tmp_path: Path) -> None:
    rows = frozenset({"scan_deleted_flushed"})
    session = session_of(tmp_path, "memory", rows)
    with PykvStore(16 << 20, "memory").opened(tmp_path / "store") as db:
        db.put(b"row-1", b"1")
        with pytest.raises(WrongCountError, match="scan_deleted_flushed: b'row-1' is there"):
            features._scans(session, "scan_deleted_flushed", db)


def test_a_feed_that_lacks_changes_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(db: Any, keys: list[bytes], values: list[bytes]) -> None:
        db.put_many(list(zip(keys, values, strict=True))[1:])

    monkeypatch.setattr(features, "fill", short)
    with pytest.raises(WrongCountError, match="499"):
        measure(session_of(tmp_path, "bitcask", frozenset({"changes"})))


@pytest.mark.parametrize("row", ["drop", "reopen_spaces"])
def test_namespaces_that_lack_rows_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    monkeypatch.setattr(features, "fill", lambda _db, _keys, _values: None)
    with pytest.raises(WrongCountError, match="not the 500 keys"):
        measure(session_of(tmp_path, "lsm", frozenset({row})))
