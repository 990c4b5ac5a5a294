"""The Bitcask engine: a log of records in files and a directory of their keys in memory.

All of it lives in the C core; here it gets its Python face. What a key costs in memory does not
depend on its length, and a value is read with one access to a file. There is no order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pykv._native import (
    SCAN_KEYS,
    SCAN_ROWS,
    SCAN_VALUES,
    Handle,
    StoreBase,
    check,
    ffi,
    lib,
)
from pykv.arguments import BytesLike, check_limit
from pykv.engine.batch import Operation
from pykv.engine.maintenance import lend_threads, run_long
from pykv.engine.native import (
    STATES,
    compare_and_set,
    native_options,
    report_of,
    stats_of,
    write_operations,
)
from pykv.engine.order import UnorderedStoreBase
from pykv.engine.registry import Engine
from pykv.options import BitcaskOptions
from pykv.store import Progress, Report, Row, State

FEATURES: Final = frozenset({"batch", "cas", "consistent_scan", "persistence"})


class Bitcask(StoreBase, UnorderedStoreBase):
    """A store on disk with its keys in memory. Any thread may use it; after a fork the parent only.

    One process has it open for writing; others may open it with read_only=True.
    """

    _options: BitcaskOptions

    __slots__ = ("__weakref__", "_handle", "_options", "_path", "_thread_count")

    def __init__(self, path: Path | None, options: BitcaskOptions | None = None) -> None:
        if path is None:
            raise TypeError("engine 'bitcask' needs the path of a directory")
        self._options = BitcaskOptions() if options is None else options
        self._path = path
        handle = Handle(path, native_options(self._options))
        self._bind(handle.address, handle.owner, self._options.batch_bytes_max)
        self._handle = handle
        wanted = 0 if self._options.read_only else self._options.background_threads
        self._thread_count = lend_threads(handle, wanted)

    # ---- what the store is ----

    @property
    def path(self) -> Path:
        """The directory, as given to open."""
        return self._path

    @property
    def features(self) -> frozenset[str]:
        """All but "order"."""
        return FEATURES

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

    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Row]:
        """All rows at the moment of this call, or limit of them, in no order.

        NotSupportedError for every other argument. The iterator keeps what it may still show on
        disk and in memory until it ends, is dropped, or the store is closed.
        """
        self._refuse_range(start, stop, prefix, reverse)
        return self._scan(SCAN_ROWS, _row_limit(limit))

    def scan_keys(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[bytes]:
        """The keys of scan."""
        self._refuse_range(start, stop, prefix, reverse)
        return self._scan(SCAN_KEYS, _row_limit(limit))

    def scan_values(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[bytes]:
        """The values of scan."""
        self._refuse_range(start, stop, prefix, reverse)
        return self._scan(SCAN_VALUES, _row_limit(limit))

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys, exact, O(1). NotSupportedError for any argument."""
        self._refuse_range(start, stop, prefix)
        return self.approximate_len()

    def approximate_len(self) -> int:
        """Number of keys; exact here. O(1)."""
        count_out: Any = ffi.new("uint64_t *")
        check(lib.pykv_count(self._handle.pointer, count_out))
        count: int = count_out[0]
        return count

    # ---- writing ----

    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        write_operations(self._handle.pointer, operations, sync)

    def _compare_and_set(
        self, key: bytes, expected: bytes | None, value: bytes | None, sync: bool | None
    ) -> bool:
        return compare_and_set(self._handle.pointer, key, expected, value, sync)

    def clear(self) -> None:
        """Removes every key in one step."""
        check(lib.pykv_clear(self._handle.pointer, 0))

    # ---- upkeep ----

    def sync(self) -> None:
        """Makes everything written so far durable. IOFailedError, CommitUnknownError."""
        check(lib.pykv_sync(self._handle.pointer))

    def flush(self) -> None:
        """Seals the file that is written to; the next write begins another one."""
        check(lib.pykv_flush(self._handle.pointer))

    def compact(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Merges files until no dead byte is left that may go; scans that are open keep theirs.

        NotSupportedError for start and stop. An interrupt ends it early and leaves the store whole.
        """
        self._refuse_range(start, stop)
        run_long(lambda shared: lib.pykv_compact(self._handle.pointer, shared), progress)

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
        return report_of(raw)

    def close(self, timeout: float | None = None) -> None:
        """Ends scans, syncs, and releases every file; silent where that is done.

        timeout: seconds to wait for calls in flight, None for ever; then TimeoutError, new calls
        are refused, and close may be called again.
        """
        self._handle.close(timeout)


def _row_limit(limit: int | None) -> int:
    """The limit as the native scan takes it: -1 for none."""
    check_limit(limit)
    return -1 if limit is None else min(limit, sys.maxsize)


def detect(path: Path) -> bool:
    """Whether the directory path holds a Bitcask. FormatError for a newer format."""
    engine_out: Any = ffi.new("int32_t *")
    check(lib.pykv_detect(os.fsencode(path), engine_out))
    return bool(engine_out[0] == lib.PYKV_ENGINE_BITCASK)


def repair(path: Path) -> Report:
    """Saves every readable record of the closed database in path; see `pykv.repair`."""
    raw: Any = ffi.new("pykv_report *")
    check(lib.pykv_repair(os.fsencode(path), raw))
    return report_of(raw)


def destroy(path: Path) -> None:
    """Removes the closed database in path; see `pykv.destroy`."""
    check(lib.pykv_destroy(os.fsencode(path)))


ENGINE: Final = Engine(
    name="bitcask",
    options=BitcaskOptions,
    open=Bitcask,
    detect=detect,
    repair=repair,
    destroy=destroy,
)
