"""The peers that keep sorted runs: LevelDB and RocksDB, as a Python user gets them.

Both run at their defaults with a write buffer of 64 MiB and the shared memory budget as block
cache; the synced row only switches sync on.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benches.stores import MEBIBYTE, Batch, BenchStore, Getter, Putter, walk

WRITE_BUFFER_BYTES = 64 * MEBIBYTE


class PlyvelStore(BenchStore):
    """LevelDB through plyvel."""

    name = "plyvel"
    module = "plyvel"
    lacks = BenchStore.lacks | {"get_many", "get_arrays"}

    def __init__(self, budget_bytes: int) -> None:
        """Imports plyvel."""
        super().__init__(budget_bytes)
        import plyvel

        self._plyvel = plyvel

    def open(self, path: Path, *, synced: bool = False) -> None:
        """Defaults but for buffer and cache; sync is asked for by each put."""
        self._db = self._plyvel.DB(
            str(path),
            create_if_missing=True,
            write_buffer_size=WRITE_BUFFER_BYTES,
            lru_cache_size=self.budget_bytes,
        )

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def version(self) -> str:
        """Binding and library."""
        return f"{self._plyvel.__version__} (LevelDB {self._plyvel.__leveldb_version__})"

    def settings(self) -> str:
        """Buffer and cache."""
        return "defaults, write buffer 64 MiB, cache = budget; snappy"

    def putter(self) -> Putter:
        """`put` itself."""
        put: Putter = self._db.put
        return put

    def getter(self) -> Getter:
        """`get` itself."""
        get: Getter = self._db.get
        return get

    def deleter(self) -> Callable[[bytes], Any]:
        """`delete` itself."""
        delete: Callable[[bytes], Any] = self._db.delete
        return delete

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """An iterator over everything."""
        rows: Iterable[tuple[bytes, bytes]] = self._db.iterator()
        return rows

    def put_batch(self, batches: list[Batch]) -> None:
        """A write batch each."""
        write_batch = self._db.write_batch
        for batch in batches:
            pending = write_batch()
            put = pending.put
            for key, value in batch:
                put(key, value)
            pending.write()

    def put_synced(self, keys: list[bytes], values: list[bytes]) -> None:
        """`sync=True` on each."""
        put = self._db.put
        for key, value in zip(keys, values, strict=True):
            put(key, value, sync=True)

    def seek(self, starts: list[bytes]) -> None:
        """One iterator for all."""
        with self._db.iterator() as rows:
            seek = rows.seek
            for start in starts:
                seek(start)
                walk(rows)


class RocksdictStore(BenchStore):
    """RocksDB through rocksdict in raw mode, which stores bytes as they are."""

    name = "rocksdict"
    module = "rocksdict"

    def __init__(self, budget_bytes: int) -> None:
        """Imports rocksdict."""
        super().__init__(budget_bytes)
        import rocksdict

        self._rocksdict = rocksdict

    def open(self, path: Path, *, synced: bool = False) -> None:
        """Defaults but for buffer and cache."""
        table = self._rocksdict.BlockBasedOptions()
        table.set_block_cache(self._rocksdict.Cache(self.budget_bytes))
        options = self._rocksdict.Options(raw_mode=True)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_block_based_table_factory(table)
        self._db = self._rocksdict.Rdict(str(path), options)
        if synced:
            write_options = self._rocksdict.WriteOptions()
            write_options.sync = True
            self._db.set_write_options(write_options)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def version(self) -> str:
        """The binding; it does not tell the library's."""
        return importlib.metadata.version("rocksdict")

    def settings(self) -> str:
        """Buffer and cache."""
        return "raw mode, defaults, write buffer 64 MiB, cache = budget; its default compression"

    def putter(self) -> Putter:
        """`put` itself."""
        return self._db.put

    def getter(self) -> Getter:
        """`get` itself."""
        return self._db.get

    def deleter(self) -> Callable[[bytes], Any]:
        """`delete` itself."""
        return self._db.delete

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """`items()`."""
        items: Callable[[], Any] = self._db.items
        rows: Iterable[tuple[bytes, bytes]] = items()
        return rows

    def put_batch(self, batches: list[Batch]) -> None:
        """A write batch each."""
        new_batch, write = self._rocksdict.WriteBatch, self._db.write
        for batch in batches:
            pending = new_batch(raw_mode=True)
            put = pending.put
            for key, value in batch:
                put(key, value)
            write(pending)

    def get_many(self, groups: list[list[bytes]]) -> None:
        """`get` with a list."""
        get: Callable[[Any], Any] = self._db.get
        for group in groups:
            get(group)

    def seek(self, starts: list[bytes]) -> None:
        """`items` from each start: faster than four calls a row on the raw iterator."""
        items: Callable[..., Any] = self._db.items
        for start in starts:
            walk(items(from_key=start))
