"""The peers that keep a B-tree: LMDB and SQLite, as a Python user gets them.

One configuration each serves every row; the synced row only switches its sync on.
"""

from __future__ import annotations

import importlib.metadata
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benches.stores import Batch, BenchStore, Getter, Putter, call_each, walk
from benches.workloads import GROUP_KEYS, SEEK_ROWS

LMDB_MAP_BYTES = 8 << 30


class LmdbStore(BenchStore):
    """LMDB through py-lmdb: a transaction for each put, one for a run of gets."""

    name = "lmdb"
    module = "lmdb"

    def __init__(self, budget_bytes: int) -> None:
        """Imports lmdb."""
        super().__init__(budget_bytes)
        import lmdb

        self._lmdb = lmdb

    def open(self, path: Path, *, synced: bool = False) -> None:
        """A writable map; `sync=False` leaves the data to the kernel."""
        self._env = self._lmdb.open(str(path), map_size=LMDB_MAP_BYTES, writemap=True, sync=synced)

    def close(self) -> None:
        """Closes the environment."""
        self._env.close()

    def version(self) -> str:
        """Binding and library."""
        library = ".".join(str(part) for part in self._lmdb.version())
        return f"{importlib.metadata.version('lmdb')} (LMDB {library})"

    def settings(self) -> str:
        """The map and sync."""
        return "writemap=True, sync=False, a transaction a put; no compression"

    def putter(self) -> Putter:
        """A put in a transaction of its own."""
        begin = self._env.begin

        def put(key: bytes, value: bytes) -> None:
            with begin(write=True) as transaction:
                transaction.put(key, value)

        return put

    def getter(self) -> Getter:
        """A get in a transaction of its own."""
        begin = self._env.begin

        def get(key: bytes) -> bytes | None:
            with begin() as transaction:
                return transaction.get(key)

        return get

    def deleter(self) -> Callable[[bytes], Any]:
        """A delete in a transaction of its own."""
        begin = self._env.begin

        def delete(key: bytes) -> bool:
            with begin(write=True) as transaction:
                return transaction.delete(key)

        return delete

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """A cursor over everything."""
        with self._env.begin() as transaction, transaction.cursor() as cursor:
            yield from cursor

    def put(self, keys: list[bytes], values: list[bytes]) -> None:
        """Without the `with`, which costs half a microsecond more."""
        begin = self._env.begin
        for key, value in zip(keys, values, strict=True):
            transaction = begin(None, None, True)
            transaction.put(key, value)
            transaction.commit()

    def put_batch(self, batches: list[Batch]) -> None:
        """`putmulti` in one transaction."""
        begin = self._env.begin
        for batch in batches:
            with begin(write=True) as transaction, transaction.cursor() as cursor:
                cursor.putmulti(batch)

    def delete(self, keys: list[bytes]) -> None:
        """As `put`."""
        begin = self._env.begin
        for key in keys:
            transaction = begin(None, None, True)
            transaction.delete(key)
            transaction.commit()

    def get(self, keys: list[bytes]) -> None:
        """All in one read transaction."""
        with self._env.begin() as transaction:
            call_each(transaction.get, keys)

    def get_many(self, groups: list[list[bytes]]) -> None:
        """Gets in one read transaction; `Cursor.getmulti` was seen to be slower."""
        with self._env.begin() as transaction:
            get = transaction.get
            for group in groups:
                _ = [get(key) for key in group]

    def scan(self) -> None:
        """The cursor itself, with no generator in between."""
        with self._env.begin() as transaction, transaction.cursor() as cursor:
            for _key, _value in cursor:
                pass

    def seek(self, starts: list[bytes]) -> None:
        """One cursor for all."""
        with self._env.begin() as transaction, transaction.cursor() as cursor:
            set_range, rows = cursor.set_range, cursor.iternext
            for start in starts:
                set_range(start)
                walk(rows())

    def mixed(self, keys: list[bytes], values: list[bytes], wanted: list[bytes]) -> None:
        """A write transaction, then a read transaction that sees it."""
        begin = self._env.begin
        for key, value, wanted_key in zip(keys, values, wanted, strict=True):
            transaction = begin(None, None, True)
            transaction.put(key, value)
            transaction.commit()
            with begin() as reading:
                reading.get(wanted_key)


class SqliteStore(BenchStore):
    """SQLite in the standard library: a clustered table of blobs, statements in autocommit."""

    name = "sqlite3"
    module = "sqlite3"

    _PUT = "INSERT OR REPLACE INTO pairs VALUES (?, ?)"
    _OVERWRITE = "UPDATE pairs SET value = ? WHERE key = ?"
    _GET = "SELECT value FROM pairs WHERE key = ?"
    _GET_MANY = f"SELECT key, value FROM pairs WHERE key IN ({', '.join('?' * GROUP_KEYS)})"
    _DELETE = "DELETE FROM pairs WHERE key = ?"
    _SCAN = "SELECT key, value FROM pairs ORDER BY key"
    _SEEK = f"SELECT key, value FROM pairs WHERE key >= ? ORDER BY key LIMIT {SEEK_ROWS}"

    def open(self, path: Path, *, synced: bool = False) -> None:
        """WAL; `synchronous=normal` leaves the log to the kernel, `full` waits for the device."""
        path.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path / "pairs.db", isolation_level=None)
        execute = self._connection.execute
        execute("PRAGMA journal_mode = wal")
        execute(f"PRAGMA synchronous = {'full' if synced else 'normal'}")
        execute(f"PRAGMA cache_size = -{self.budget_bytes // 1024}")
        execute("CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def close(self) -> None:
        """Closes the connection, which also folds the log in."""
        self._connection.close()

    def version(self) -> str:
        """The library's."""
        return sqlite3.sqlite_version

    def settings(self) -> str:
        """The pragmas."""
        return "WAL, synchronous=normal, page cache = budget; no compression"

    def putter(self) -> Putter:
        """One statement a put."""
        execute, statement = self._connection.execute, self._PUT
        return lambda key, value: execute(statement, (key, value))

    def getter(self) -> Getter:
        """One statement a get."""
        execute, statement = self._connection.execute, self._GET

        def get(key: bytes) -> bytes | None:
            row = execute(statement, (key,)).fetchone()
            return None if row is None else row[0]

        return get

    def deleter(self) -> Callable[[bytes], Any]:
        """One statement a delete."""
        execute, statement = self._connection.execute, self._DELETE
        return lambda key: execute(statement, (key,))

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """One statement for all."""
        return self._connection.execute(self._SCAN)

    def put(self, keys: list[bytes], values: list[bytes]) -> None:
        """The pairs as they come out of `zip`."""
        execute, statement = self._connection.execute, self._PUT
        for pair in zip(keys, values, strict=True):
            execute(statement, pair)

    def overwrite(self, keys: list[bytes], values: list[bytes]) -> None:
        """`UPDATE`, which is faster than a replacing insert."""
        execute, statement = self._connection.execute, self._OVERWRITE
        for pair in zip(values, keys, strict=True):
            execute(statement, pair)

    def put_batch(self, batches: list[Batch]) -> None:
        """`executemany` in one transaction."""
        execute, statement = self._connection.execute, self._PUT
        for batch in batches:
            execute("BEGIN")
            self._connection.executemany(statement, batch)
            execute("COMMIT")

    def get(self, keys: list[bytes]) -> None:
        """One statement a get."""
        execute, statement = self._connection.execute, self._GET
        for key in keys:
            execute(statement, (key,)).fetchone()

    def get_many(self, groups: list[list[bytes]]) -> None:
        """One statement with a list of `GROUP_KEYS` keys."""
        execute, statement = self._connection.execute, self._GET_MANY
        for group in groups:
            execute(statement, group).fetchall()

    def seek(self, starts: list[bytes]) -> None:
        """One statement a seek."""
        execute, statement = self._connection.execute, self._SEEK
        for start in starts:
            for _key, _value in execute(statement, (start,)):
                pass
