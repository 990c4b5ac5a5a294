"""The smallest engine that meets the contract: a dict, written to one file at sync and close.

It has no order and overrides nothing of the base, so the suite tries every default of the base and
every refusal of a store without order, and shows what a third party has to write.
"""

import fcntl
import os
import pickle
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pykv.arguments import BytesLike, check_limit, timeout_us_of
from pykv.engine import Engine
from pykv.engine.batch import Delete, Operation, Put
from pykv.engine.order import UnorderedStoreBase
from pykv.errors import ClosedError, ForkedError, LockedError, ReadOnlyError
from pykv.options import CommonOptions
from pykv.reader import CloseableIterator
from pykv.store import Progress, Report, Row, State


class Minimal(UnorderedStoreBase):
    """A dict under a lock."""

    def __init__(self, path: Path | None, options: CommonOptions) -> None:
        assert path is not None
        self._path = path
        self._options = options
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._rows: dict[bytes, bytes] | None = None
        file = path / "rows"
        if any(place.is_file() for place in (path, *path.parents)):
            raise NotADirectoryError(f"{path} leads through a file")
        if options.error_if_exists and file.exists():
            raise FileExistsError(f"{path} holds a database already")
        if not file.exists() and (options.read_only or not options.create):
            raise FileNotFoundError(f"{path} holds no database")
        if not options.read_only:
            path.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT)
            self._take_lock()
        self._rows, self._last_seq = {}, 0
        if file.exists():
            self._rows, self._last_seq = pickle.loads(file.read_bytes())

    def _take_lock(self) -> None:
        assert self._descriptor is not None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise LockedError(f"{self._path} is open", path=self._path, pid=None) from None

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def state(self) -> State:
        if self._rows is None:
            return "closed"
        return "read-only" if self._options.read_only else "open"

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"batch", "cas", "consistent_scan", "long_keys", "persistence", "readers"})

    @property
    def last_seq(self) -> int:
        self._live()
        return self._last_seq

    def _live(self) -> dict[bytes, bytes]:
        rows = self._rows
        if rows is None:
            raise ClosedError(f"{self!r} is closed", path=self._path)
        if self._process != os.getpid():
            raise ForkedError(f"{self!r} belongs to the parent", path=self._path)
        return rows

    def _check_open(self) -> None:
        self._live()

    def _changing(self) -> dict[bytes, bytes]:
        rows = self._live()
        if self._options.read_only:
            raise ReadOnlyError(f"{self!r} is read-only", path=self._path)
        return rows

    def _get(self, key: bytes) -> bytes | None:
        return self._live().get(key)

    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        with self._lock:
            rows = dict(self._changing())
            for operation in operations:
                if isinstance(operation, Put):
                    rows[operation.key] = operation.value
                else:
                    assert isinstance(operation, Delete)
                    rows.pop(operation.key, None)
            self._rows = rows
            self._last_seq += len(operations)

    def _discard(self, key: bytes, sync: bool | None) -> bool:
        with self._lock:
            found = self._changing().pop(key, None) is not None
            self._last_seq += found
            return found

    def _compare_and_set(
        self,
        key: bytes,
        expected: bytes | None,
        value: bytes | None,
        deadline_us: int,
        sync: bool | None,
    ) -> bool:
        with self._lock:
            rows = self._changing()
            if rows.get(key) != expected:
                return False
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
            self._last_seq += 1
            return True

    def clear(self) -> None:
        with self._lock:
            self._changing().clear()
            self._last_seq += 1

    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[Row]:
        self._refuse_range(start, stop, prefix, reverse)
        check_limit(limit)
        with self._lock:
            rows = list(self._live().items())[:limit]
        return self._stream(rows)

    def _stream(self, rows: list[Row]) -> CloseableIterator[Row]:
        for row in rows:
            self._live()
            yield row

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        self._refuse_range(start, stop, prefix)
        return len(self._live())

    def refresh(self) -> int:
        self._live()
        if self._options.read_only:
            self._rows, self._last_seq = pickle.loads((self._path / "rows").read_bytes())
        return self.last_seq

    def sync(self) -> None:
        with self._lock:
            self._live()
            self._save()

    def _save(self) -> None:
        if self._rows is not None and not self._options.read_only:
            (self._path / "rows").write_bytes(pickle.dumps((self._rows, self._last_seq)))

    def flush(self) -> None:
        self.sync()

    def compact(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        self._refuse_range(start, stop)
        self.sync()

    def stats(self) -> dict[str, Any]:
        return {
            "engine": "minimal",
            "state": self.state,
            "durability": "none before sync",
            "key_count": len(self._live()),
            "last_seq": self._last_seq,
        }

    def verify(self, *, progress: Progress | None = None) -> Report:
        rows = self._live()
        if progress is not None:
            progress(len(rows), len(rows))
        return Report(record_count=len(rows), byte_count=sum(map(len, rows.values())))

    def close(self, timeout: float | None = None) -> None:
        timeout_us_of(timeout)
        if self._rows is None or self._process != os.getpid():
            return
        with self._lock:
            self._save()
            self._rows = None
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def detect(path: Path) -> bool:
    return (path / "rows").exists()


ENGINE = Engine(name="minimal", options=CommonOptions, open=Minimal, detect=detect)
