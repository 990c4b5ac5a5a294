"""The Bitcask engine: a log of records in files and a directory of their keys in memory.

All of it lives in the C core; here it gets its Python face. What a key costs in memory does not
depend on its length, and a value is read with one access to a file. There is no order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pykv._native import check, ffi, lib
from pykv._native.codec import provide_zstd
from pykv.arguments import BytesLike
from pykv.engine.bitcask_snapshot import BitcaskSnapshot
from pykv.engine.native import CODECS, approximate_size, destroy, detected, native_options, repair
from pykv.engine.native_space import NativeNamespace, NativeSpace
from pykv.engine.order import UnorderedStoreBase
from pykv.engine.registry import Engine
from pykv.options import BitcaskOptions
from pykv.store import Progress

FEATURES: Final = frozenset(
    {
        "batch",
        "cas",
        "changes",
        "checkpoint",
        "consistent_scan",
        "estimates",
        "long_keys",
        "namespaces",
        "persistence",
        "readers",
        "snapshot",
        "ttl",
    }
)


class BitcaskSpace(NativeSpace, UnorderedStoreBase):
    """The keys of a namespace, or of the default one."""

    _options: BitcaskOptions

    _features = FEATURES

    __slots__ = ()

    def namespace(self, name: str, *, create: bool = False) -> BitcaskNamespace:
        """A handle to the keys of a namespace. KeyError where there is none, unless create."""
        return BitcaskNamespace(self, self._namespace_handle(name, create))

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys, O(1); what has expired counts until it is merged away. NotSupportedError
        for any argument."""
        self._refuse_range(start, stop, prefix)
        return self.approximate_len()

    def snapshot(self) -> BitcaskSnapshot:
        """The moment of this call, for reads until it is closed."""
        return BitcaskSnapshot(self._handle, self._path)

    def approximate_len(self) -> int:
        """Number of keys, as `count`. O(1)."""
        count_out: Any = ffi.new("uint64_t *")
        check(lib.pykv_count(self._handle.pointer, count_out))
        count: int = count_out[0]
        return count

    def approximate_size(
        self, start: BytesLike | None = None, stop: BytesLike | None = None
    ) -> int:
        """Bytes on disk of all live records. NotSupportedError for any argument."""
        self._refuse_range(start, stop)
        return approximate_size(self._handle.pointer, b"", None)

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
        self._compact(progress)


class Bitcask(BitcaskSpace):
    """A store on disk with its keys in memory. Any thread may use it; after a fork the parent only.

    One process has it open for writing; others may open it with read_only=True.
    """

    __slots__ = ()

    def __init__(self, path: Path | None, options: BitcaskOptions | None = None) -> None:
        if path is None:
            raise TypeError("engine 'bitcask' needs the path of a directory")
        chosen = BitcaskOptions() if options is None else options
        provide_zstd()
        self._open(path, chosen, options_of(chosen), chosen.background_threads)


class BitcaskNamespace(NativeNamespace, BitcaskSpace):
    """A namespace of a Bitcask. Any thread may use it; after a fork the parent only.

    It keeps its store in memory, but not open.
    """

    __slots__ = ()


def options_of(options: BitcaskOptions) -> dict[str, int | float]:
    """The fields of pykv_options."""
    return native_options(lib.PYKV_ENGINE_BITCASK, options) | {
        "segment_bytes": options.segment_bytes,
        "compression": CODECS[options.compression],
        "compression_level": options.compression_level,
        "history_bytes": options.history_bytes,
        "space_amplification_max": options.space_amplification_max,
        "undo_bytes_max": options.undo_bytes_max or 0,
    }


def detect(path: Path) -> bool:
    """Whether the directory path holds a Bitcask. FormatError for a newer format."""
    return detected(path) == lib.PYKV_ENGINE_BITCASK


ENGINE: Final = Engine(
    name="bitcask",
    options=BitcaskOptions,
    open=Bitcask,
    detect=detect,
    repair=repair,
    destroy=destroy,
)
