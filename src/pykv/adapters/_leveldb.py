"""LevelDB through plyvel. It is opened by one process at a time, readers included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pykv.adapters._engine import adapter
from pykv.adapters._peer import Changes, require
from pykv.adapters._rocksdb import names_rocksdb
from pykv.errors import LockedError
from pykv.reader import Row


def _module() -> Any:
    import plyvel

    return plyvel


class _Moment:
    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._snapshot.get(key)
        return found

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        # Backwards plyvel shows nothing of a range of one row that has both bounds.
        begin = None if reverse else start
        with self._snapshot.iterator(start=begin, stop=stop, reverse=reverse) as rows:
            for key, value in rows:
                if key < start:
                    return
                yield key, value

    def close(self) -> None:
        self._snapshot.close()


class _LevelDb:
    data_names: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{6,}\.(log|ldb|sst)")
    other_names: ClassVar[re.Pattern[str]] = re.compile(
        r"CURRENT|MANIFEST-[0-9]{6,}|LOCK|LOG|LOG\.old|[0-9]{6,}\.dbtmp"
    )
    key_bytes_max = 65_535

    def __init__(self, path: Path, read_only: bool, durable: bool) -> None:
        plyvel = require(_module, "leveldb")
        self.errors: tuple[type[BaseException], ...] = (plyvel.Error, RuntimeError)
        try:
            self._db = plyvel.DB(str(path), create_if_missing=not read_only)
        except plyvel.IOError as error:
            if "lock" not in str(error):
                raise
            raise LockedError(f"{path} is open: {error}", path=path) from error

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._db.get(key)
        return found

    def moment(self) -> _Moment:
        return _Moment(self._db.snapshot())

    def apply(self, changes: Changes, durable: bool) -> None:
        with self._db.write_batch(transaction=True, sync=durable) as batch:
            for key, value in changes.items():
                if value is None:
                    batch.delete(key)
                else:
                    batch.put(key, value)

    def sync(self) -> None:
        self._db.write_batch(sync=True).write()

    def compact(self) -> None:
        self._db.compact_range()

    def check(self) -> list[str]:
        return []

    def close(self) -> None:
        self._db.close()


def _is_there(path: Path) -> bool:
    ours = (path / "CURRENT").is_file() and any(path.glob("MANIFEST-*"))
    return ours and not names_rocksdb(path)


LevelDb, ENGINE = adapter("leveldb", "LevelDb", _LevelDb, _is_there, lacks={"readers"})
