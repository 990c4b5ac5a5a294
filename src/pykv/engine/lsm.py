"""The LSM engine: rows in byte order, in tables that are written once and merged level by level.

All of it lives in the C core; here it gets its Python face. Neither the number of keys nor their
size is bound by memory, and blocks are compressed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NoReturn

from pykv._native import Handle, check, count_rows, ffi, lib
from pykv._native.codec import provide_zstd
from pykv.arguments import BytesLike, StrPath, as_path, key_range
from pykv.engine.lsm_snapshot import LsmSnapshot
from pykv.engine.namespaces import not_of_this_store
from pykv.engine.native import approximate_size, destroy, detected, native_options, repair
from pykv.engine.native_namespaces import NamespaceHandle, drop, names
from pykv.engine.native_reader import NativeOrderedReader
from pykv.engine.native_store import NativeStore
from pykv.engine.order import OrderedStoreBase
from pykv.engine.registry import Engine
from pykv.errors import NotSupportedError
from pykv.options import LsmOptions
from pykv.store import Progress

FEATURES: Final = frozenset(
    {
        "order",
        "batch",
        "cas",
        "changes",
        "consistent_scan",
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
_CODECS: Final = {None: 0, "none": lib.PYKV_CODEC_NONE, "zstd": lib.PYKV_CODEC_ZSTD}


class LsmSpace(NativeStore, NativeOrderedReader, OrderedStoreBase):
    """The keys of a namespace, or of the default one."""

    _options: LsmOptions
    _niceness = 5  # writers that write too fast for compactions slow down by themselves

    __slots__ = ()

    @property
    def features(self) -> frozenset[str]:
        """All there are."""
        return FEATURES

    # ---- namespaces ----

    @property
    def _store_handle(self) -> Handle:
        handle: Handle | NamespaceHandle = self._handle
        return handle.store if isinstance(handle, NamespaceHandle) else handle

    def namespace(self, name: str, *, create: bool = False) -> LsmNamespace:
        """A handle to the keys of a namespace. KeyError where there is none, unless create."""
        self._check_open()
        return LsmNamespace(self, NamespaceHandle(self._store_handle, name, create))

    def namespaces(self) -> list[str]:
        """The names of all namespaces, in the order of their bytes; not that of the default one."""
        self._check_open()
        return list(names(self._store_handle))

    def drop_namespace(self, name: str, *, sync: bool | None = None) -> None:
        """Removes a namespace with all its keys in one step. KeyError where there is none.

        Handles to it raise ClosedError from then on. Compactions give its space back.
        """
        self._check_open()
        drop(self._store_handle, name, sync)

    def _within(self, namespace: object) -> object:
        if namespace is None:
            return None
        if not isinstance(namespace, LsmSpace) or namespace._store_handle is not self._store_handle:
            raise not_of_this_store(namespace)
        return namespace._handle

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
        changed any more; move=True takes its own name away.  Writers wait for a flush and one
        manifest.  Raises ValueError where the keys of two files overlap, CorruptionError or
        FormatError where a file is damaged, was not finished, or is something else,
        FileNotFoundError, ReadOnlyError, NoSpaceError.
        """
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


class LsmNamespace(LsmSpace):
    """A namespace of an LSM store. Any thread may use it; after a fork the parent only.

    It keeps its store in memory, but not open.
    """

    __slots__ = ()

    def __init__(self, store: LsmSpace, handle: NamespaceHandle) -> None:
        self._adopt(store, handle)

    @property
    def name(self) -> str:
        """The name."""
        handle: Any = self._handle
        name: str = handle.name
        return name

    @property
    def id(self) -> int:
        """The number of the namespace, as `Change.namespace` has it."""
        number: int = lib.pykv_namespace_id(self._handle.pointer)
        return number

    @property
    def features(self) -> frozenset[str]:
        """All there are but "changes", which are those of the store."""
        return FEATURES - {"changes"}

    def __del__(self) -> None:
        """Silent: what a handle left open holds is the store's."""

    def changes(
        self,
        since: int = 0,
        *,
        follow: bool = False,
        timeout: float | None = None,
        unsynced: bool = False,
    ) -> NoReturn:
        """Not supported: the feed is that of the store."""
        self._check_open()
        raise NotSupportedError(
            "changes are those of all namespaces: ask the store, and look for this id in namespace",
            path=self.path,
        )

    def __repr__(self) -> str:
        return f"<pykv.LsmNamespace {self.name!r} of {str(self._path)!r} {self.state}>"


def options_of(options: LsmOptions) -> dict[str, int | float]:
    """The fields of pykv_options."""
    return native_options(lib.PYKV_ENGINE_LSM, options) | {
        "memory_budget_bytes": options.memory_budget_bytes or 0,
        "memtable_bytes": options.memtable_bytes,
        "block_bytes": options.block_bytes,
        "table_bytes": options.table_bytes,
        "compression": _CODECS[options.compression],
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
