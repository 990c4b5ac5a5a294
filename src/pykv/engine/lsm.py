"""The LSM engine: rows in byte order, in tables that are written once and merged level by level.

All of it lives in the C core; here it gets its Python face. Neither the number of keys nor their
size is bound by memory, and blocks are compressed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pykv._native import check, count_rows, ffi, lib
from pykv._native.codec import provide_zstd
from pykv.arguments import BytesLike, StrPath, as_path, key_range
from pykv.engine.lsm_snapshot import LsmSnapshot
from pykv.engine.native import CODECS, approximate_size, destroy, detected, native_options, repair
from pykv.engine.native_reader import NativeOrderedReader
from pykv.engine.native_space import NativeNamespace, NativeSpace
from pykv.engine.order import OrderedStoreBase
from pykv.engine.registry import Engine
from pykv.options import LsmOptions
from pykv.store import Progress

FEATURES: Final = frozenset(
    {
        "order",
        "batch",
        "cas",
        "changes",
        "checkpoint",
        "consistent_scan",
        "estimates",
        "ingest",
        "long_keys",
        "readers",
        "namespaces",
        "persistence",
        "snapshot",
        "ttl",
    }
)

_COMPACTIONS: Final = {
    "leveled": lib.PYKV_COMPACTION_LEVELED,
    "lazy": lib.PYKV_COMPACTION_LAZY,
}


class LsmSpace(NativeSpace, NativeOrderedReader, OrderedStoreBase):
    """The keys of a namespace, or of the default one."""

    _options: LsmOptions
    _niceness = 5  # writers that write too fast for compactions slow down by themselves

    _features = FEATURES

    __slots__ = ()

    def namespace(self, name: str, *, create: bool = False) -> LsmNamespace:
        """A handle to the keys of a namespace. KeyError where there is none, unless create."""
        return LsmNamespace(self, self._namespace_handle(name, create))

    # ---- reading ----

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys in a range, exact; it walks over them."""
        handle = self._handle
        return count_rows(handle.pointer, handle.owner, *key_range(start, stop, prefix))

    def snapshot(self) -> LsmSnapshot:
        """The moment of this call, for reads until it is closed."""
        return LsmSnapshot(self._handle, self._path)

    def approximate_len(self) -> int:
        """Number of keys; a guess, which counts what overwrites and deletes left behind.

        Where there are namespaces it is exact up to 1,000 keys, which it walks over.
        """
        count: int = self._raw_stats().key_count
        return count

    def approximate_size(
        self, start: BytesLike | None = None, stop: BytesLike | None = None
    ) -> int:
        """Bytes that the rows of a range take on disk and in memtables; a guess, by block indexes.

        What overwrites and deletes left behind counts until it is compacted.
        """
        return approximate_size(self._handle.pointer, *key_range(start, stop))

    # ---- upkeep ----

    def ingest(self, files: Iterable[StrPath], *, move: bool = False) -> None:
        """Adds files of `pykv.TableWriter`: all their rows at one moment, or none.

        Their rows are newer than everything that was written before. Each file is checked whole,
        and linked into the store, or copied where the file system gives no link, so it must not be
        changed any more; move=True takes its own name away. Rows that come to a namespace are
        written again.  Writers wait for a flush and one manifest.  Raises ValueError where the keys
        of two files overlap, CorruptionError or FormatError where a file is damaged, was not
        finished, or is something else, FileNotFoundError, ReadOnlyError, NoSpaceError, TypeError
        for a path in place of a list of them.
        """
        if isinstance(files, str | bytes | os.PathLike):
            raise TypeError("ingest takes a list of files: say ingest([file])")
        names = [ffi.new("char[]", os.fsencode(as_path(each))) for each in files]
        paths = ffi.new("char *[]", names)
        check(lib.pykv_ingest(self._handle.pointer, len(names), paths, move))

    def compact(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Merges the tables with keys in [start, stop) into the last level, without what nobody can
        see any more; tables are taken whole, and all by default.

        An interrupt ends it early and leaves the store whole.
        """
        self._compact(progress, *key_range(start, stop))


class Lsm(LsmSpace):
    """An ordered store on disk. Any thread may use it; after a fork the parent only.

    One process has it open for writing; others may open it with read_only=True.
    """

    __slots__ = ()

    def __init__(self, path: Path | None, options: LsmOptions | None = None) -> None:
        if path is None:
            raise TypeError("engine 'lsm' needs the path of a directory")
        chosen = LsmOptions() if options is None else options
        provide_zstd()
        self._open(path, chosen, options_of(chosen), chosen.background_threads)


class LsmNamespace(NativeNamespace, LsmSpace):
    """A namespace of an LSM store. Any thread may use it; after a fork the parent only.

    It keeps its store in memory, but not open.
    """

    __slots__ = ()


def options_of(options: LsmOptions) -> dict[str, int | float]:
    """The fields of pykv_options."""
    return native_options(lib.PYKV_ENGINE_LSM, options) | {
        "memory_budget_bytes": options.memory_budget_bytes or 0,
        "memtable_bytes": options.memtable_bytes or 0,
        "block_bytes": options.block_bytes,
        "table_bytes": options.table_bytes,
        "compression": CODECS[options.compression],
        "compression_level": options.compression_level,
        "filter_bits_per_key": options.filter_bits_per_key or -1.0,
        "value_log_bytes_min": options.value_log_bytes_min,
        "compaction": _COMPACTIONS[options.compaction],
        "history_bytes": options.history_bytes,
        "space_amplification_max": options.space_amplification_max,
    }


def detect(path: Path) -> bool:
    """Whether the directory path holds an LSM store. FormatError for a newer format."""
    return detected(path) == lib.PYKV_ENGINE_LSM


ENGINE: Final = Engine(
    name="lsm",
    options=LsmOptions,
    open=Lsm,
    detect=detect,
    repair=repair,
    destroy=destroy,
)
