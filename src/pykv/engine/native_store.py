"""The stores that live in the C core: what all of them do alike.

A class derives from NativeStore first and from one of the bases of `pykv.engine.order` second, and
adds how it scans and counts. The rest is the core's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from pykv._native import SCAN_KEYS, Handle, StoreBase, check, ffi, lib, now_us, range_of
from pykv.arguments import Position, StrPath, as_path, as_position, timeout_us_of
from pykv.engine.backup_place import remove_left
from pykv.engine.batch import Operation
from pykv.engine.maintenance import lend_threads, run_long
from pykv.engine.native import (
    STATES,
    compare_and_set,
    expires_us,
    report_of,
    stats_of,
    touch,
    write_operations,
)
from pykv.engine.native_arrays import NativeArrayStore, Source
from pykv.engine.native_history import history_pins, pin_history, unpin_history
from pykv.engine.native_reader import NativeReader
from pykv.options import NativeOptions
from pykv.reader import CloseableIterator
from pykv.store import BackupVersion, Change, HistoryPin, Progress, Report, State


class NativeStore(StoreBase, NativeArrayStore, NativeReader):
    """An open store of the core. Any thread may use it; after a fork the parent only.

    One process has it open for writing; others may open it with read_only=True.
    """

    __slots__ = ("__weakref__", "_handle", "_home", "_options", "_path", "_thread_count")

    _options: NativeOptions
    _niceness: ClassVar[int] = 0
    """Of the threads that tidy the data."""

    def _open(
        self,
        path: Path,
        options: NativeOptions,
        fields: Mapping[str, int | float],
        thread_count: int,
    ) -> None:
        """Opens the store at path and lends it threads. fields: of pykv_options."""
        self._options = options
        self._path = path
        self._home = path.absolute()  # Later the process may be in another directory.
        handle = Handle(path, fields, thread_count)
        self._bind(handle.address, handle.owner, options.batch_bytes_max)
        self._handle = handle
        if not options.read_only:
            remove_left(self._home)
        self._thread_count = lend_threads(
            handle, 0 if options.read_only else thread_count, self._niceness
        )

    def _adopt(self, store: NativeStore, handle: Any) -> None:
        """Becomes a part of an open store that has a handle of its own."""
        self._options = store._options
        self._path = store._path
        self._home = store._home
        self._bind(handle.address, handle.owner, store._options.batch_bytes_max)
        self._handle = handle
        self._thread_count = store._thread_count

    # ---- what the store is ----

    @property
    def path(self) -> Path:
        """The directory, as given to open."""
        return self._path

    @property
    def closed(self) -> bool:
        """True once close has begun, and in a forked child."""
        return self._handle.is_closed()

    @property
    def state(self) -> State:
        """ "open"; "degraded": background work fails; "read-only": opened so, or no space, until
        there is some; "failed": a sync failed, reopen to write; "closed"."""
        state = STATES[lib.pykv_state(self._handle.pointer)]
        return "failed" if state == "closed" and not self.closed else state

    @property
    def last_seq(self) -> int:
        """Sequence number of the last write, 0 before the first."""
        last: int = self._raw_stats().last_sequence
        return last

    def _check_open(self) -> None:
        check(lib.pykv_check_open(self._handle.pointer))

    # ---- reading ----

    def _get(self, key: bytes) -> bytes | None:
        return self.get(key)

    def changes(
        self,
        since: Position = 0,
        *,
        follow: bool = False,
        timeout: float | None = None,
        unsynced: bool = False,
    ) -> CloseableIterator[Change]:
        """What was written behind since, in order; see `Store.changes`."""
        flags = (lib.PYKV_CHANGES_FOLLOW if follow else 0) | (
            lib.PYKV_CHANGES_UNSYNCED if unsynced else 0
        )
        wait_us = timeout_us_of(timeout) if follow else 0
        return self._changes(*as_position(since), flags, wait_us, Change)

    def _array_source(self) -> Source:
        return Source(self._handle.pointer, ffi.NULL, self._handle.owner)

    def pin_history(
        self,
        name: str,
        since: Position,
        *,
        bytes_max: int | None = None,
        seconds_max: float | timedelta | None = None,
    ) -> None:
        """Keeps the changes behind since, durably; see `Store.pin_history`."""
        pin_history(self._handle.pointer, name, since, bytes_max, seconds_max)

    def unpin_history(self, name: str) -> None:
        """Removes a pin; KeyError where there is none."""
        unpin_history(self._handle.pointer, name)

    def history_pins(self) -> tuple[HistoryPin, ...]:
        """The pins that are set."""
        return history_pins(self._handle.pointer)

    # ---- writing ----

    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        write_operations(self._handle.pointer, operations, sync)

    def _compare_and_set(
        self,
        key: bytes,
        expected: bytes | None,
        value: bytes | None,
        deadline_us: int,
        sync: bool | None,
    ) -> bool:
        return compare_and_set(self._handle.pointer, key, expected, value, deadline_us, sync)

    def _now_us(self) -> int:
        return now_us(self._handle.pointer)

    def _expires_us(self, key: bytes) -> int | None:
        return expires_us(self._handle.pointer, key)

    def _touch(self, key: bytes, deadline_us: int, sync: bool | None) -> bool:
        return touch(self._handle.pointer, key, deadline_us, sync)

    def clear(self) -> None:
        """Removes every key in one step."""
        check(lib.pykv_clear(self._handle.pointer, 0))

    # ---- upkeep ----

    def sync(self) -> None:
        """Makes everything written so far durable. IOFailedError, CommitUnknownError."""
        check(lib.pykv_sync(self._handle.pointer))

    def flush(self) -> None:
        """Seals the file that a Bitcask writes to; writes the memtables of an Lsm to tables."""
        check(lib.pykv_flush(self._handle.pointer))

    def _compact(
        self, progress: Progress | None, start: bytes | None = None, stop: bytes | None = None
    ) -> None:
        wanted = range_of(SCAN_KEYS, -1, start, stop, False)

        def compact(shared: Any, _bounds: tuple[bytes | None, ...] = (start, stop)) -> int:
            """Keeps the bounds, whose bytes wanted points to, beyond an interrupt of the caller."""
            status: int = lib.pykv_compact(self._handle.pointer, wanted, shared)
            return status

        run_long(compact, progress)

    def refresh(self) -> int:
        """Moves a store that was opened read-only to the newest state; see `Store.refresh`.

        Whatever the writer's system has shows, synced or not. Where nothing is new it costs two
        small reads.
        """
        sequence_out: Any = ffi.new("uint64_t *")
        check(lib.pykv_refresh(self._handle.pointer, sequence_out))
        sequence: int = sequence_out[0]
        return sequence

    def resume(self) -> None:
        """Tries now, not within the second, to leave the state "degraded" or "read-only"."""
        check(lib.pykv_resume(self._handle.pointer))

    def _raw_stats(self) -> Any:
        raw: Any = ffi.new("pykv_stats *")
        check(lib.pykv_get_stats(self._handle.pointer, raw))
        return raw

    def stats(self) -> dict[str, Any]:
        """Counters since open, and gauges; bytes are bytes, times end in _us.

        "durability" states the guarantee in force; docs/api.md describes the others.
        """
        stats = stats_of(self._raw_stats(), self._options)
        stats["background_thread_count"] = self._thread_count
        stats["path"] = str(self._path)
        return stats

    def verify(self, *, progress: Progress | None = None) -> Report:
        """Reads every byte of every file and reports what is damaged; damage does not raise."""
        raw: Any = ffi.new("pykv_report *")
        run_long(lambda shared: lib.pykv_verify(self._handle.pointer, shared, raw), progress)
        return report_of(raw, self._path)

    def checkpoint(self, path: StrPath) -> None:
        """Makes a database at path with the rows of one moment, in the time of linking its files.

        Everything written before the call is in it, and durable. The files are hard links, which
        neither database ever writes again, or copies where the file system gives none.  Raises
        FileExistsError where there is anything at path, ReadOnlyError, NoSpaceError; then nothing
        of it stays.
        """
        check(lib.pykv_checkpoint(self._handle.pointer, os.fsencode(as_path(path))))

    def backup(self, repository: StrPath, progress: Progress | None = None) -> BackupVersion:
        """Adds a version with the rows of one moment to a repository, which is made if need be.

        Files that an earlier version has are not copied again. progress(done, total) is told bytes.
        Raises FormatError where something else is at repository, or this store, LockedError while
        another backup is made there, NoSpaceError, and what `checkpoint` raises; older versions
        stay whole.
        """
        from pykv.engine.backup import create_backup

        return create_backup(self._home, self.checkpoint, repository, progress)

    def close(self, timeout: float | None = None) -> None:
        """Ends scans, syncs, and releases every file; silent where that is done.

        timeout: seconds to wait for calls in flight, None for ever; then TimeoutError, new calls
        are refused, and close may be called again. TypeError, ValueError for what is no timeout.
        """
        timeout_us_of(timeout)
        self._handle.close(timeout)
