"""Writing tables outside of a store, for `Lsm.ingest`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Final, Self

from pykv._native import check, ffi, lib, own
from pykv._native.codec import provide_zstd
from pykv.arguments import BytesLike, StrPath, as_bytes, as_path, ttl_us_of
from pykv.engine.batch import puts
from pykv.engine.given_options import make_options
from pykv.engine.lsm import options_of
from pykv.engine.turn import Turn
from pykv.errors import ClosedError
from pykv.options import LsmOptions

#: Rows that add_many hands over at once.
CHUNK_ROWS: Final = 512
_OPTIONS: Final = ("block_bytes", "compression", "compression_level", "filter_bits_per_key")


def deadline_after(ttl: float | timedelta | None) -> int:
    """When what is added now expires, in microseconds since 1970; 0: never."""
    return 0 if ttl is None else ttl_us_of(ttl) + time_ns() // 1_000


class TableWriter:
    """Writes sorted rows to a table that `Lsm.ingest` takes. The calls of threads take turns; a
    signal handler or a finalizer in the middle of one gets RuntimeError.

    Used in a `with` block it finishes the table at its end; where the block raises, the file goes.
    """

    __slots__ = ("_life", "_owner", "_path", "_turn")

    def __init__(self, path: StrPath, **options: object) -> None:
        """Makes the file at path, which must not exist, in a directory that does.

        options: block_bytes, compression, compression_level, filter_bits_per_key, as those of an
        LSM store; best as those of the store that it is for.  Raises TypeError for other options,
        InvalidOptionError, FileExistsError, FileNotFoundError, NotSupportedError for a compression
        that is not here.
        """
        for name in options:
            if name not in _OPTIONS:
                raise TypeError(f"a TableWriter has no option {name!r}: {', '.join(_OPTIONS)}")
        chosen = make_options(LsmOptions, "lsm", options)
        provide_zstd()
        fields = options_of(chosen)
        raw: Any = ffi.new("pykv_options *", {name: fields[name] for name in _OPTIONS})
        self._path = as_path(path)
        self._turn = Turn(f"a call of the writer of {self._path}")
        encoded = os.fsencode(self._path)
        self._owner = ffi.new("pykv_table_writer **")
        self._life = own(
            self._owner,
            lib.pykv_table_writer_free,
            lambda owner: lib.pykv_table_writer_open(encoded, raw, owner),
        )

    @property
    def path(self) -> Path:
        """The file, as given."""
        return self._path

    def _writer(self) -> Any:
        if self._life.target == ffi.NULL:
            raise ClosedError(f"the table {self._path} is finished", path=self._path)
        return self._life.target

    def add(
        self, key: BytesLike, value: BytesLike, *, ttl: float | timedelta | None = None
    ) -> None:
        """Adds a row, which lives ttl from now on or for ever.

        ValueError where key does not come after the one before: rows come sorted by the bytes of
        their keys, each key once.
        """
        self._add([(as_bytes(key, "key"), as_bytes(value, "value"))], ttl)

    def add_many(
        self,
        items: Iterable[tuple[BytesLike, BytesLike]],
        *,
        ttl: float | timedelta | None = None,
    ) -> None:
        """Adds (key, value) pairs as `add` does; what is before a refused one is in.

        The ttl of a chunk begins when the chunk is written.
        """
        deadline_after(ttl)  # refused before the first row
        chunk: list[tuple[bytes, bytes]] = []
        try:
            for put in puts(items):
                chunk.append((put.key, put.value))
                if len(chunk) == CHUNK_ROWS:
                    full, chunk = chunk, []
                    self._add(full, ttl)
        finally:
            self._add(chunk, ttl)

    def _add(self, rows: list[tuple[bytes, bytes]], ttl: float | timedelta | None) -> None:
        keys = ffi.new("void *[]", [ffi.from_buffer(key) for key, _ in rows])
        values = ffi.new("void *[]", [ffi.from_buffer(value) for _, value in rows])
        key_lengths = ffi.new("size_t[]", [len(key) for key, _ in rows])
        value_lengths = ffi.new("size_t[]", [len(value) for _, value in rows])
        until = (
            ffi.NULL if ttl is None else ffi.new("uint64_t[]", [deadline_after(ttl)] * len(rows))
        )
        call = lib.pykv_table_writer_add
        with self._turn.taken():
            writer = self._writer()
            check(call(writer, len(rows), keys, key_lengths, values, value_lengths, until))

    def __len__(self) -> int:
        """Rows so far."""
        with self._turn.taken():
            count: int = lib.pykv_table_writer_count(self._writer())
        return count

    def finish(self) -> None:
        """Makes the table durable, and ends. ValueError where it has no row, or what a write before
        has raised; the file goes then."""
        with self._turn.taken():
            try:
                check(lib.pykv_table_writer_finish(self._writer()))
            finally:
                self._life.end()

    def abandon(self) -> None:
        """Removes the file, unless it is finished; silent where that is done."""
        with self._turn.taken():
            self._life.end()

    def __enter__(self) -> Self:
        self._writer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.abandon()
        elif self._life.target != ffi.NULL:
            self.finish()
