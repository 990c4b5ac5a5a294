"""The store over a database of others: one class for all, over `pykv.adapters._peer.Peer`.

Writes take turns under a lock of the store, so that conditions and pop are atomic; reads take none.
Only one store writes: it holds a lock file of ours, since not every database has one of its own.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from pykv.adapters._durability import Durability
from pykv.adapters._forked import never_end_in_child
from pykv.adapters._lock import lock_writer, note_seq, noted_seq
from pykv.adapters._moment import AdapterReader, AdapterSnapshot, SharedMoment
from pykv.adapters._peer import Peer
from pykv.adapters._place import refuse_others
from pykv.arguments import BytesLike, key_range, timeout_us_of
from pykv.engine.batch import DeleteRange, Operation, Put
from pykv.engine.file_lock import FileLock
from pykv.engine.order import OrderedStoreBase
from pykv.engine.turn import Turn
from pykv.errors import ClosedError, Damage, Error, ForkedError, IOFailedError, ReadOnlyError
from pykv.options import CommonOptions
from pykv.store import Progress, Report, State

FEATURES: Final = frozenset(
    {
        "order",
        "batch",
        "cas",
        "consistent_scan",
        "snapshot",
        "persistence",
        "long_keys",
        "readers",
    }
)
_TOLD_ROWS: Final = 1_000
_WAIT_SECONDS: Final = 0.05


class _Call:
    """A call of the database that is under way.

    One that an interrupt ended before it could say so goes with its frame, or with its thread.
    """

    __slots__ = ("__weakref__", "thread")

    def __init__(self) -> None:
        self.thread = threading.get_ident()


class AdapterStore(AdapterReader, OrderedStoreBase):
    """A database of others as a store. Any thread may use it; after a fork the parent only."""

    _engine: ClassVar[str]
    _open_peer: ClassVar[type[Peer]]
    _is_there: ClassVar[Callable[[Path], bool]]
    _features: ClassVar[frozenset[str]]

    def __init__(self, path: Path | None, options: CommonOptions) -> None:
        assert path is not None
        self._path = path
        self._home = path.absolute()  # Later the process may be in another directory.
        self._options = options
        self._durability = Durability(options)
        self._process = os.getpid()
        self._turn = Turn("a write to the store")
        self._gate = threading.Condition()
        self._inside: weakref.WeakSet[_Call] = weakref.WeakSet()
        self._closing = False
        self._kept: weakref.WeakSet[Any] = weakref.WeakSet()
        self._writer: FileLock | None = None
        self._peer: Peer | None = None
        self._seen: SharedMoment | None = None
        self._prepare()
        try:
            self._peer = self._peer_of(self._durability.is_sync)
            if options.read_only and "snapshot" in self._features:
                self._seen = SharedMoment(self._peer.moment())
        except BaseException as error:
            self._let_go()
            if isinstance(error, Error | OSError) or not isinstance(error, Exception):
                raise
            raise IOFailedError(f"{path} could not be opened: {error}", path=path) from error
        self._seq = max(self._changed_us(), noted_seq(self._home)) if self._was_there else 0

    # ---- opening and closing ----

    def _prepare(self) -> None:
        path, options = self._path, self._options
        if any(place.exists() and not place.is_dir() for place in (path, *path.parents)):
            raise NotADirectoryError(f"{path} leads through a file")
        is_there = self._was_there = path.is_dir() and type(self)._is_there(path)
        if options.error_if_exists and is_there:
            raise FileExistsError(f"{path} holds a database already")
        if not is_there and path.is_dir():
            refuse_others(path, self._engine, self._open_peer.other_names)
        if not is_there and (options.read_only or not options.create):
            raise FileNotFoundError(f"{path} holds no {self._engine} database")
        if not options.read_only:
            path.mkdir(parents=True, exist_ok=True)
            self._writer = lock_writer(path)

    def _peer_of(self, durable: bool) -> Peer:
        peer = self._open_peer(self._home, self._options.read_only, durable)
        never_end_in_child(peer)
        return peer

    def _let_go(self) -> None:
        seen, peer, writer = self._seen, self._peer, self._writer
        self._seen = self._peer = self._writer = None
        try:
            if seen is not None:
                seen.close()
            if peer is not None:
                peer.close()
        finally:
            if writer is not None:
                writer.release()

    def close(self, timeout: float | None = None) -> None:
        """Ends scans and snapshots, and closes the database; closing twice is silent."""
        wait_us = timeout_us_of(timeout)
        if self._process != os.getpid():
            return
        self._turn.refuse_inside()
        with self._gate:
            self._closing = True
            until = None if wait_us < 0 else time.monotonic() + wait_us / 1_000_000
            while self._others_are_inside():
                if until is not None and time.monotonic() >= until:
                    raise TimeoutError(f"calls were still running in {self._path}: close it again")
                self._gate.wait(_WAIT_SECONDS)
            peer = self._peer
            if peer is not None:
                self._end(peer)

    def _others_are_inside(self) -> bool:
        own = threading.get_ident()
        return any(call.thread != own for call in self._inside)

    def _writing(self) -> AbstractContextManager[object]:
        """The turn of a writer."""
        self._live()  # A child may have been forked while another thread had the turn.
        return self._turn.taken()

    def _end(self, peer: Peer) -> None:
        for each in list(self._kept):
            each.end()
        try:
            if not self._options.read_only:
                peer.sync()
        except peer.errors as error:
            raise IOFailedError(f"{self._path}: {error}", path=self._path) from error
        finally:
            if self._writer is not None:
                note_seq(self._writer, self._seq)
            self._let_go()

    def _live(self) -> Peer:
        peer = self._peer
        if peer is None or (self._closing and self._process == os.getpid()):
            raise ClosedError(f"{self!r} is closed", path=self._path)
        if self._process != os.getpid():
            raise ForkedError(f"{self!r} belongs to the parent process", path=self._path)
        return peer

    def _check_open(self) -> None:
        self._live()

    def _check_writable(self) -> None:
        self._live()
        if self._options.read_only:
            raise ReadOnlyError(f"{self._path} was opened read_only=True", path=self._path)

    @contextmanager
    def _guarded(self) -> Iterator[Peer]:
        """Keeps close from ending what is used, and turns what that raises into errors of ours."""
        call = _Call()
        self._live()  # A child may have been forked while another thread was in the gate.
        with self._gate:
            peer = self._live()
            self._inside.add(call)
        try:
            yield peer
        except Error:
            raise
        except peer.errors as error:
            raise IOFailedError(f"{self._path}: {error}", path=self._path) from error
        finally:
            with self._gate:
                self._inside.discard(call)
                self._gate.notify_all()

    # ---- what it is ----

    @property
    def path(self) -> Path:
        """The directory of the database, as given to open."""
        return self._path

    @property
    def state(self) -> State:
        """ "open", "read-only" or "closed"."""
        if self._peer is None or self._closing or self._process != os.getpid():
            return "closed"
        return "read-only" if self._options.read_only else "open"

    @property
    def features(self) -> frozenset[str]:
        """What `pykv.supports` knows of it."""
        return self._features

    @property
    def last_seq(self) -> int:
        """Counts writes, on from where the last writer closed, or from the microsecond in which the
        files were changed last if that is more."""
        self._live()
        return self._seq

    def _files(self) -> Iterator[os.stat_result]:
        for each in self._home.glob("*"):
            if self._open_peer.data_names.fullmatch(each.name):
                with suppress(FileNotFoundError):
                    yield each.stat()

    def _changed_us(self) -> int:
        return max((each.st_mtime_ns // 1_000 for each in self._files() if each.st_size), default=0)

    def stats(self) -> dict[str, Any]:
        """engine, state, durability, key_count (it walks over all keys), last_seq, disk_bytes."""
        return {
            "engine": self._engine,
            "state": self.state,
            "durability": self._durability.guarantee(),
            "key_count": self.count(),
            "last_seq": self.last_seq,
            "disk_bytes": sum(each.st_size for each in self._files()),
            "path": str(self._path),
        }

    # ---- reading ----

    def _get(self, key: bytes) -> bytes | None:
        with self._guarded() as peer:
            return peer.get(key) if self._seen is None else self._seen.get(key)

    def _new_moment(self) -> SharedMoment:
        with self._guarded() as peer:
            return SharedMoment(peer.moment()) if self._seen is None else self._seen

    def _watch(self, reader: Any) -> None:
        """Ends reader with the store. ClosedError where that is closed by now."""
        with self._gate:
            self._live()
            self._kept.add(reader)

    def snapshot(self) -> Any:
        """The moment of this call, for reads. NotSupportedError where the database has none."""
        if "snapshot" not in self._features:
            return super().snapshot()
        last_seq = self.last_seq
        return AdapterSnapshot(self, self._new_moment(), last_seq)

    def refresh(self) -> int:
        """Moves a store that was opened read-only to what others have written; `last_seq` then."""
        self._live()
        if self._options.read_only:
            with self._writing(), self._guarded() as peer:
                if self._seen is None:  # what was shown before goes with its readers
                    self._peer = self._peer_of(False)
                else:
                    self._seen = SharedMoment(peer.moment())
                self._seq = max(self._seq, self._changed_us(), noted_seq(self._home))
        return self.last_seq

    # ---- writing ----

    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        with self._writing():
            changes: dict[bytes, bytes | None] = {}
            self._check_writable()
            for operation in operations:
                if isinstance(operation, DeleteRange):
                    self._remove_range(operation, changes)
                else:
                    value = operation.value if isinstance(operation, Put) else None
                    changes.pop(operation.key, None)
                    changes[operation.key] = value
            self._apply(changes, len(operations), sync)

    def _remove_range(self, wanted: DeleteRange, changes: dict[bytes, bytes | None]) -> None:
        inside = [
            key
            for key in changes
            if key >= wanted.start and (wanted.stop is None or key < wanted.stop)
        ]
        changes.update(dict.fromkeys([*inside, *self.scan_keys(wanted.start, wanted.stop)]))

    def _apply(self, changes: dict[bytes, bytes | None], count: int, sync: bool | None) -> None:
        self._check_writable()
        with self._guarded() as peer:
            durable = self._durability.is_due(sync)
            if changes:
                peer.apply(changes, durable)
                self._seq += count
            elif durable:
                peer.sync()
            if durable:
                self._durability.note_sync()

    def _discard(self, key: bytes, sync: bool | None) -> bool:
        with self._writing():
            self._check_writable()
            found = self._get(key) is not None
            self._apply({key: None} if found else {}, 1, sync)
            return found

    def _compare_and_set(
        self,
        key: bytes,
        expected: bytes | None,
        value: bytes | None,
        deadline_us: int,
        sync: bool | None,
    ) -> bool:
        with self._writing():
            self._check_writable()
            if self._get(key) != expected:
                return False
            self._apply({key: value}, 1, sync)
            return True

    def clear(self) -> None:
        """Removes every key in one step, whose cost is that of removing each."""
        self._write([DeleteRange(b"", None)], None)

    # ---- upkeep ----

    def sync(self) -> None:
        """Makes everything written so far durable."""
        self._live()
        if not self._options.read_only:
            with self._writing(), self._guarded() as peer:
                peer.sync()
                self._durability.note_sync()

    def flush(self) -> None:
        """As sync."""
        self.sync()

    def compact(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Lets the database give back space, all of it: bounds are checked and ignored."""
        key_range(start, stop)
        self._check_writable()
        with self._writing(), self._guarded() as peer:
            peer.compact()

    def verify(self, *, progress: Progress | None = None) -> Report:
        """Lets the database check itself, and reads every row; what cannot be read is damaged."""
        found: list[str] = []
        rows, size, after = 0, 0, None
        try:
            with self._guarded() as peer:
                found += peer.check()
            total = self.count()
            for key, value in self.scan():
                rows, size = rows + 1, size + len(key) + len(value)
                if after is not None and key <= after:
                    found.append(f"key {key!r} is out of order")
                after = key
                if progress is not None and rows % _TOLD_ROWS == 0:
                    progress(min(rows, total), total)
        except IOFailedError as error:
            found.append(str(error))
        damages = tuple(Damage(self._path, 0, text) for text in found)
        return Report(
            record_count=rows, byte_count=size, damage_count=len(damages), damages=damages
        )
