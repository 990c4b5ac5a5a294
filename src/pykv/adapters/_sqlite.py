"""SQLite: a clustered table of blobs in one file, with a write-ahead log.

Each moment is a connection of its own with a read transaction.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Final, TypeAlias

from pykv.adapters._engine import adapter
from pykv.adapters._peer import Changes
from pykv.reader import Row

NAME: Final = "rows.sqlite3"
_GET: Final = "SELECT value FROM rows WHERE key = ?"
_PUT: Final = "INSERT OR REPLACE INTO rows VALUES (?, ?)"
_DELETE: Final = "DELETE FROM rows WHERE key = ?"
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
)
_BUSY_SECONDS: Final = 30.0

_Statement: TypeAlias = tuple[str, tuple[bytes, ...]]


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    return sqlite3.connect(
        f"{(path / NAME).as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_SECONDS,
    )


def _value_of(row: tuple[bytes] | None) -> bytes | None:
    return None if row is None else row[0]


def _statement_of(change: tuple[bytes, bytes | None]) -> _Statement:
    key, value = change
    return (_DELETE, (key,)) if value is None else (_PUT, (key, value))


class _Moment:
    def __init__(self, path: Path) -> None:
        self._connection = _connect(path, True)
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT 1 FROM rows LIMIT 1").fetchall()
        except BaseException:
            self._connection.close()
            raise

    def get(self, key: bytes) -> bytes | None:
        return _value_of(self._connection.execute(_GET, (key,)).fetchone())

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        until = "" if stop is None else " AND key < ?"
        direction = "DESC" if reverse else "ASC"
        query = f"SELECT key, value FROM rows WHERE key >= ?{until} ORDER BY key {direction}"
        bounds = (start,) if stop is None else (start, stop)
        rows: Iterator[Row] = self._connection.execute(query, bounds)
        return rows

    def close(self) -> None:
        self._connection.close()


class _Sqlite:
    errors: tuple[type[BaseException], ...] = (sqlite3.Error,)
    data_names: ClassVar[re.Pattern[str]] = re.compile(rf"{re.escape(NAME)}(-wal)?")
    other_names: ClassVar[re.Pattern[str]] = re.compile(rf"{re.escape(NAME)}-(shm|journal)")
    key_bytes_max = 65_535

    def __init__(self, path: Path, read_only: bool, durable: bool) -> None:
        self._path = path
        self._lock = threading.RLock()  # A signal handler may read in the middle of a write.
        self._connection = _connect(path, read_only)
        try:
            if not read_only:
                self._connection.execute("PRAGMA journal_mode = wal")
                self._connection.execute(_TABLE)
        except BaseException:
            self._connection.close()
            raise

    def get(self, key: bytes) -> bytes | None:
        with self._lock:
            return _value_of(self._connection.execute(_GET, (key,)).fetchone())

    def moment(self) -> _Moment:
        return _Moment(self._path)

    def apply(self, changes: Changes, durable: bool) -> None:
        self._commit(map(_statement_of, changes.items()), durable)

    def _commit(self, statements: Iterable[_Statement], durable: bool) -> None:
        """Executes statements in one transaction; durable: it and all before it are on the device
        then."""
        with self._lock:
            execute = self._connection.execute
            execute(f"PRAGMA synchronous = {'full' if durable else 'normal'}")
            try:  # An interrupt may come as soon as the transaction has begun.
                execute("BEGIN IMMEDIATE")
                for statement in statements:
                    execute(*statement)
                execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def sync(self) -> None:
        # A checkpoint would sync nothing where a moment keeps it from going on.
        with self._lock:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        self._commit([(f"PRAGMA user_version = {version}", ())], True)

    def compact(self) -> None:
        with self._lock:
            self._connection.execute("VACUUM")

    def check(self) -> list[str]:
        with self._lock:
            found = [row[0] for row in self._connection.execute("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        self._connection.close()


def _is_there(path: Path) -> bool:
    return (path / NAME).is_file()


Sqlite, ENGINE = adapter("sqlite", "Sqlite", _Sqlite, _is_there)
