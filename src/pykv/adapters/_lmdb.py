"""LMDB. Rows stand in a database of their own within the environment, named `pykv`.

LMDB has no empty key: a key that is empty or begins with a zero byte gets one more in front, which
keeps the order. An environment without that name, and with rows, is somebody else's: its main
database is read and written as it is. One with databases that have names is refused: in the main
one they are rows like others to who reads it, so an open looks at all of its rows. So is one with
several values to a key, or another order than that of bytes.

A process may open an environment once, so readers beside a writer share it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final

from pykv.adapters._engine import adapter
from pykv.adapters._peer import Changes, require
from pykv.errors import KeyTooLargeError, NotSupportedError
from pykv.reader import Row

_FILE: Final = "data.mdb"
_NAME: Final = b"pykv"
_MAP_BYTES: Final = 1 << 40  # of addresses: the file grows as rows come
_READERS: Final = 1_024
_RECORD_BYTES: Final = 48  # what the main database has of one with a name
_NAMES_TOLD: Final = 5
_shared: dict[tuple[int, int], list[Any]] = {}  # environments of this process, and their users
_shared_lock = threading.RLock()  # The collector may close a store in the middle of an open.


def _begin_in_child() -> None:
    """A child has environments of its own: the slots of readers tell their processes."""
    global _shared, _shared_lock
    _shared, _shared_lock = {}, threading.RLock()


os.register_at_fork(after_in_child=_begin_in_child)


def _module() -> Any:
    import lmdb

    return lmdb


def _open_shared(path: Path, read_only: bool, durable: bool) -> tuple[tuple[int, int], Any]:
    lmdb = require(_module, "lmdb")
    with _shared_lock:
        place = path.stat()
        key = (place.st_dev, place.st_ino)
        entry = _shared.get(key)
        if entry is not None:
            entry[1] += 1  # before anything that may close what else uses it
        else:
            entry = _shared[key] = [_open(lmdb, path, read_only, durable), 1]
    if not read_only and entry[0].flags()["readonly"]:
        _close_shared(key)
        raise NotSupportedError(
            f"{path} is open for reading in this process, and LMDB opens it once: close that",
            path=path,
        )
    return key, entry[0]


def _open(lmdb: Any, path: Path, read_only: bool, durable: bool) -> Any:
    try:
        return lmdb.open(
            str(path),
            map_size=_MAP_BYTES,
            max_dbs=1 + _NAMES_TOLD,
            max_readers=_READERS,
            readonly=read_only,
            create=False,
            # Its own syncs keep order between rows and what leads to them; one behind both does
            # not.
            sync=durable,
            metasync=durable,
        )
    except lmdb.Error as error:
        if "already open" not in str(error):
            raise
        raise NotSupportedError(
            f"{path} is open in the process that this one was forked from, or by another package, "
            "and LMDB opens it once: open it in a process that is started anew",
            path=path,
        ) from error


def _close_shared(key: tuple[int, int]) -> None:
    with _shared_lock:
        entry = _shared[key]
        entry[1] -= 1
        if entry[1] == 0:
            del _shared[key]
            entry[0].close()


def _refuse_names(environment: Any, path: Path) -> None:
    """NotSupportedError where there are databases with names."""
    with environment.begin() as transaction:
        rows = transaction.cursor()
        wide = (key for key, value in rows if len(value) == _RECORD_BYTES and b"\0" not in key)
        named = (key for key in wide if _is_named(environment, transaction, key))
        names = [os.fsdecode(key) for key in islice(named, _NAMES_TOLD)]
    if names:
        raise NotSupportedError(
            f"{path} has databases with names ({', '.join(names)}), which pykv does not read: put "
            "the rows of each into a store of its own, read by the package lmdb",
            path=path,
        )


def _is_named(environment: Any, transaction: Any, key: bytes) -> bool:
    """Whether a row of the main database is another database; it is open until the transaction
    ends."""
    lmdb = require(_module, "lmdb")
    try:
        environment.open_db(key, txn=transaction, create=False)
    except lmdb.IncompatibleError:
        return False
    return True


def _refuse_order(environment: Any, database: Any, path: Path) -> None:
    """NotSupportedError where a database, None: the main one, is not a map in order of bytes."""
    with environment.begin() as transaction:
        chosen = database or environment.open_db(None, txn=transaction, create=False)
        flags = chosen.flags(transaction)
    for flag in ("dupsort", "integerkey", "reverse_key"):
        if flags[flag]:
            raise NotSupportedError(
                f"{path} was made with {flag}, and pykv has one value to a key, in order of bytes: "
                "put its rows into a store of pykv, read by the package lmdb",
                path=path,
            )


class _Names:
    """How keys are stored."""

    def __init__(self, environment: Any, escapes: bool) -> None:
        self._escapes = escapes
        self.bytes_max: int = environment.max_key_size() - (1 if escapes else 0)

    def stored(self, key: bytes) -> bytes:
        if len(key) > self.bytes_max:
            raise KeyTooLargeError(f"the key has {len(key):,} bytes, LMDB takes {self.bytes_max:,}")
        return self.bound(key)

    def bound(self, key: bytes) -> bytes:
        return b"\0" + key if self._escapes and key[:1] in (b"", b"\0") else key

    def shown(self, key: bytes) -> bytes:
        return key[1:] if self._escapes and key[:1] == b"\0" else key


class _Moment:
    """A read transaction. Its reads keep the interpreter lock, so they take turns."""

    def __init__(self, environment: Any, database: Any, names: _Names) -> None:
        self._transaction = environment.begin(db=database)
        self._names = names

    def get(self, key: bytes) -> bytes | None:
        if not key and self._names.bound(key) == key:
            return None
        found: bytes | None = None
        if len(key) <= self._names.bytes_max:
            found = self._transaction.get(self._names.bound(key))
        return found

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        first = self._names.bound(start)
        end = None if stop is None else self._names.bound(stop)
        with self._transaction.cursor() as cursor:
            if reverse:
                yield from self._backwards(cursor, first, end)
                return
            there = cursor.set_range(first) if first else cursor.first()
            while there and (end is None or cursor.key() < end):
                yield self._names.shown(cursor.key()), cursor.value()
                there = cursor.next()

    def _backwards(self, cursor: Any, first: bytes, end: bytes | None) -> Iterator[Row]:
        if end is not None and not end:
            return
        there = cursor.prev() if end is not None and cursor.set_range(end) else cursor.last()
        while there and cursor.key() >= first:
            yield self._names.shown(cursor.key()), cursor.value()
            there = cursor.prev()

    def close(self) -> None:
        self._transaction.abort()


class _Lmdb:
    data_names: ClassVar[re.Pattern[str]] = re.compile(re.escape(_FILE))
    other_names: ClassVar[re.Pattern[str]] = re.compile(r"lock\.mdb")

    def __init__(self, path: Path, read_only: bool, durable: bool) -> None:
        if not read_only:
            path.mkdir(parents=True, exist_ok=True)
        self._key, self._environment = _open_shared(path, read_only, durable)
        self._syncs = durable
        self.errors: tuple[type[BaseException], ...] = (require(_module, "lmdb").Error,)
        try:
            self._database = self._find(path, read_only)
        except BaseException:
            _close_shared(self._key)
            raise
        self._names = _Names(self._environment, self._database is not None)
        self.key_bytes_max = self._names.bytes_max

    def _find(self, path: Path, read_only: bool) -> Any:
        """The database of the rows; None: the main one, which is somebody else's."""
        with self._environment.begin() as transaction:
            ours = transaction.get(_NAME) is not None
            others = transaction.stat()["entries"] > 0
        database = None
        if not ours and (others or read_only):
            _refuse_names(self._environment, path)
        else:
            database = self._environment.open_db(_NAME, create=not ours)
        _refuse_order(self._environment, database, path)
        return database

    def get(self, key: bytes) -> bytes | None:
        moment = self.moment()
        try:
            return moment.get(key)
        finally:
            moment.close()

    def moment(self) -> _Moment:
        return _Moment(self._environment, self._database, self._names)

    def apply(self, changes: Changes, durable: bool) -> None:
        with self._environment.begin(db=self._database, write=True) as transaction:
            for key, value in changes.items():
                if value is not None:
                    transaction.put(self._names.stored(key), value)
                elif len(key) <= self.key_bytes_max and self._names.bound(key):
                    transaction.delete(self._names.bound(key))
        if durable and not self._syncs:
            self.sync()

    def sync(self) -> None:
        self._environment.sync(True)

    def compact(self) -> None:
        pass  # LMDB uses the pages of what was deleted again; it never gives them back.

    def check(self) -> list[str]:
        return []

    def close(self) -> None:
        if not self._environment.flags()["readonly"]:
            self._environment.sync(True)
        _close_shared(self._key)


def _is_there(path: Path) -> bool:
    return (path / _FILE).is_file()


Lmdb, ENGINE = adapter("lmdb", "Lmdb", _Lmdb, _is_there, lacks={"long_keys"})
