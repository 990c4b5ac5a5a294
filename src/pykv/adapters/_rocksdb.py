"""RocksDB through rocksdict in raw mode, which stores bytes as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pykv.adapters._engine import adapter
from pykv.adapters._peer import Changes, require
from pykv.errors import LockedError
from pykv.reader import Row


def _module() -> Any:
    import rocksdict

    return rocksdict


class _Moment:
    """An iterator of RocksDB, which shows the moment it was made; that of a snapshot does not."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def get(self, key: bytes) -> bytes | None:
        self._rows.seek(key)
        found: bytes | None = None
        if self._rows.valid() and self._rows.key() == key:
            found = self._rows.value()
        return found

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        rows = self._rows
        if not reverse:
            rows.seek(start)
        elif stop is None:
            rows.seek_to_last()
        else:
            rows.seek_for_prev(stop)
            if rows.valid() and rows.key() == stop:
                rows.prev()
        while rows.valid():
            key = rows.key()
            if key < start if reverse else stop is not None and key >= stop:
                return
            yield key, rows.value()
            if reverse:
                rows.prev()
            else:
                rows.next()
        rows.status()  # raises where it was damage that ended the walk

    def close(self) -> None:
        self._rows = None


class _RocksDb:
    data_names: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{6,}\.(log|sst|ldb|blob)")
    other_names: ClassVar[re.Pattern[str]] = re.compile(
        r"CURRENT|MANIFEST-[0-9]{6,}|LOCK|LOG|LOG\.old(\.[0-9]+)?|[0-9]{6,}\.dbtmp|IDENTITY"
        r"|OPTIONS-[0-9]{6,}(\.dbtmp)?|rocksdict-config\.json"
    )
    key_bytes_max = 65_535
    errors: tuple[type[BaseException], ...] = (Exception,)  # the package raises nothing else

    def __init__(self, path: Path, read_only: bool, durable: bool) -> None:
        self._package = require(_module, "rocksdb")
        access = self._package.AccessType
        try:
            self._db = self._package.Rdict(
                str(path),
                self._package.Options(raw_mode=True),
                access_type=access.read_only() if read_only else access.read_write(),
            )
        except Exception as error:
            if "lock" not in str(error).lower():
                raise
            raise LockedError(f"{path} is open: {error}", path=path) from error

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._db.get(key)
        return found

    def moment(self) -> _Moment:
        return _Moment(self._db.iter(self._package.ReadOptions()))

    def apply(self, changes: Changes, durable: bool) -> None:
        batch = self._package.WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if not durable:
            self._db.write(batch)
            return
        options = self._package.WriteOptions()
        options.sync = True
        self._db.write(batch, options)

    def sync(self) -> None:
        self._db.flush_wal(True)

    def compact(self) -> None:
        self._db.compact_range(None, None)

    def check(self) -> list[str]:
        return []

    def close(self) -> None:
        self._db.close()


def _is_there(path: Path) -> bool:
    return (path / "CURRENT").is_file() and names_rocksdb(path)


def names_rocksdb(path: Path) -> bool:
    """Whether a directory has files that a RocksDB has and a LevelDB has not: the first is there
    before any row, the others of a RocksDB that has been opened."""
    return (path / "IDENTITY").is_file() or any(path.glob("OPTIONS-[0-9]*"))


RocksDb, ENGINE = adapter("rocksdb", "RocksDb", _RocksDb, _is_there, lacks={"snapshot"})
