"""One thin adapter per store, all with the same small interface, and the two that are no peers.

Each method is one timed region: the tightest loop that a good user of that library would write,
with methods bound to locals and nothing checked inside. The base class holds the loops for stores
that offer plain methods; an adapter overrides what its library does better in another way.
The peers are in `rivals_btree` and `rivals_lsm`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

from benches.goals import FEATURE_ROWS, RANGE_ROWS, WAITING_ROWS
from benches.workloads import BATCH_PAIRS, KEY_BYTES, SEEK_ROWS, VALUE_BYTES, Bytes2D

Batch = list[tuple[bytes, bytes]]
Getter = Callable[[bytes], bytes | None]
Putter = Callable[[bytes, bytes], Any]

MEBIBYTE = 1 << 20
SCAN_CHUNK_ROWS = 8192


class BenchStore(ABC):
    """A store under measurement. Used by one thread; `open` comes first, `close` last."""

    name: str
    """What the table calls it."""
    module: str
    """The import that it needs."""
    lacks: frozenset[str] = FEATURE_ROWS | {"ram"}
    """Rows that do not apply to it."""
    takes_arrays: bool = False
    """Whether it has calls for arrays; else its best calls for objects stand for them."""

    def __init__(self, budget_bytes: int) -> None:
        """Imports the library. `budget_bytes` is the memory for caches, the same for all."""
        self.budget_bytes = budget_bytes

    @abstractmethod
    def open(self, path: Path, *, synced: bool = False) -> None:
        """Opens or creates the store at `path`; `synced`: every write waits for the device."""

    @abstractmethod
    def close(self) -> None:
        """Closes it cleanly."""

    @abstractmethod
    def version(self) -> str:
        """Versions of the binding and of the library below it."""

    @abstractmethod
    def settings(self) -> str:
        """The options in force, for the output."""

    def has(self, row: str) -> bool:
        """Whether the row applies to this store."""
        return row not in self.lacks

    # What a store with plain methods gives; the loops below use these.

    @abstractmethod
    def putter(self) -> Putter:
        """A callable that puts one key."""

    @abstractmethod
    def getter(self) -> Getter:
        """A callable that gets one key, None if it is absent."""

    @abstractmethod
    def deleter(self) -> Callable[[bytes], Any]:
        """A callable that deletes one key."""

    @abstractmethod
    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """The library's own iterator over all pairs."""

    # Timed regions.

    def put(self, keys: list[bytes], values: list[bytes]) -> None:
        """Puts one by one."""
        put_each(self.putter(), keys, values)

    @abstractmethod
    def put_batch(self, batches: list[Batch]) -> None:
        """Puts whole batches, each all or nothing."""

    def overwrite(self, keys: list[bytes], values: list[bytes]) -> None:
        """Puts keys that are there."""
        self.put(keys, values)

    def put_synced(self, keys: list[bytes], values: list[bytes]) -> None:
        """Puts one by one into a store opened with `synced`, each on the device before the next."""
        self.put(keys, values)

    def delete(self, keys: list[bytes]) -> None:
        """Deletes one by one."""
        call_each(self.deleter(), keys)

    def get(self, keys: list[bytes]) -> None:
        """Gets one by one, present or missing."""
        call_each(self.getter(), keys)

    def get_many(self, groups: list[list[bytes]]) -> None:
        """Gets a group of keys by one call."""
        raise NotImplementedError(f"{self.name} has no call for many keys")

    def put_arrays(self, batches: list[tuple[Bytes2D, Bytes2D]]) -> None:
        """Puts whole batches of keys and values in arrays."""
        raise NotImplementedError(f"{self.name} has no call for arrays")

    def get_arrays(self, groups: list[Bytes2D]) -> None:
        """Gets a group of keys by one call, to arrays that are used again."""
        raise NotImplementedError(f"{self.name} has no call for arrays")

    def scan_arrays(self) -> None:
        """Walks over all pairs, in arrays that are used again."""
        raise NotImplementedError(f"{self.name} has no call for arrays")

    def scan(self) -> None:
        """Walks over all pairs."""
        for _key, _value in self.rows():
            pass

    def seek(self, starts: list[bytes]) -> None:
        """From each start walks over the next `SEEK_ROWS` pairs."""
        raise NotImplementedError(f"{self.name} has no order")

    def mixed(self, keys: list[bytes], values: list[bytes], wanted: list[bytes]) -> None:
        """One put, one get, and so on; a get sees the puts before it."""
        put, get = self.putter(), self.getter()
        for key, value, wanted_key in zip(keys, values, wanted, strict=True):
            put(key, value)
            get(wanted_key)

    # Not timed.

    def lookup(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of the keys, to check what was measured."""
        get = self.getter()
        return [get(key) for key in keys]

    def row_count(self) -> int:
        """Counts the pairs by walking over them, which also warms the caches."""
        return sum(1 for _ in self.rows())

    def ram_bytes_a_key(self) -> float | None:
        """Memory of the key directory a key, where there is one."""
        return None


def put_each(put: Putter, keys: list[bytes], values: list[bytes]) -> None:
    """The plain loop of puts."""
    for key, value in zip(keys, values, strict=True):
        put(key, value)


def call_each(call: Callable[[bytes], Any], keys: list[bytes]) -> None:
    """The plain loop over keys."""
    for key in keys:
        call(key)


def walk(rows: Iterator[tuple[bytes, bytes]]) -> None:
    """Takes the next `SEEK_ROWS` pairs of an iterator."""
    for _key, _value in islice(rows, SEEK_ROWS):
        pass


def allocated_bytes(path: Path) -> int:
    """Bytes the files below `path` take on the disk, holes not counted."""
    return sum(entry.stat().st_blocks * 512 for entry in path.rglob("*") if entry.is_file())


class PykvStore(BenchStore):
    """pykv itself. `engine` is "bitcask", "lsm" or "memory"."""

    name = "pykv"
    module = "pykv"
    lacks = RANGE_ROWS
    takes_arrays = True

    def __init__(self, budget_bytes: int, engine: str = "bitcask", **options: Any) -> None:
        """Imports pykv. options: of open, beside the defaults."""
        super().__init__(budget_bytes)
        import pykv

        self._pykv: Any = pykv
        self._engine = engine
        volatile = {"ram", "disk", "device", "changes", *WAITING_ROWS}
        lacking = {"bitcask": RANGE_ROWS, "memory": volatile}
        self.lacks = frozenset(lacking.get(engine, {"ram"}))
        budget = {"memory_budget_bytes": budget_bytes} if engine == "lsm" else {}
        self._options: dict[str, Any] = budget | options

    def open(self, path: Path, *, synced: bool = False) -> None:
        """Opens with the defaults, the memory budget and the durability of the row."""
        self._store = self.opened(path, durability="sync" if synced else "os")

    def opened(self, path: Path, **options: Any) -> Any:
        """A pykv store of the caller's own at path, opened so, with options beside."""
        if self._engine == "memory":
            return self._pykv.open(None, engine="memory")
        return self._pykv.open(path, engine=self._engine, **(self._options | options))

    def close(self) -> None:
        """Closes and lets go."""
        self._store.close()

    def version(self) -> str:
        """The version of the package; a source tree that is not installed has none."""
        try:
            return version("pykv")
        except PackageNotFoundError:
            return "not installed"

    def settings(self) -> str:
        """The defaults of the engine."""
        return ", ".join(
            [
                f"engine={self._engine}",
                *(f"{name}={value}" for name, value in self._options.items()),
                "else defaults" if self._options else "defaults",
            ]
        )

    def putter(self) -> Putter:
        """`put` itself."""
        put: Putter = self._store.put
        return put

    def getter(self) -> Getter:
        """`get` itself."""
        get: Getter = self._store.get
        return get

    def deleter(self) -> Callable[[bytes], Any]:
        """`delete` itself."""
        delete: Callable[[bytes], Any] = self._store.delete
        return delete

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """`scan()`."""
        rows: Iterable[tuple[bytes, bytes]] = self._store.scan()
        return rows

    def put_batch(self, batches: list[Batch]) -> None:
        """`put_many`, atomic."""
        put_many = self._store.put_many
        for batch in batches:
            put_many(batch, atomic=True)

    def get_many(self, groups: list[list[bytes]]) -> None:
        """`get_many`."""
        get_many = self._store.get_many
        for group in groups:
            get_many(group)

    def put_arrays(self, batches: list[tuple[Bytes2D, Bytes2D]]) -> None:
        """`put_arrays`."""
        put_arrays = self._store.put_arrays
        for keys, values in batches:
            put_arrays(keys, values)

    def get_arrays(self, groups: list[Bytes2D]) -> None:
        """`get_arrays` with `out`."""
        get_arrays = self._store.get_arrays
        room = self._pykv.Rows.empty(BATCH_PAIRS, BATCH_PAIRS * VALUE_BYTES)
        for keys in groups:
            get_arrays(keys, room)

    def scan_arrays(self) -> None:
        """`scan_arrays` with `out`, in chunks that the processor's cache holds."""
        size = SCAN_CHUNK_ROWS
        room = self._pykv.RowChunk.empty(size, size * KEY_BYTES, size * VALUE_BYTES)
        for _chunk in self._store.scan_arrays(chunk_rows=size, out=room):
            pass

    def seek(self, starts: list[bytes]) -> None:
        """A scan from each start with a limit."""
        scan = self._store.scan
        for start in starts:
            for _key, _value in scan(start, limit=SEEK_ROWS):
                pass

    def ram_bytes_a_key(self) -> float | None:
        """From `stats()`."""
        if not self.has("ram"):
            return None
        stats = self._store.stats()
        return float(stats["keydir_bytes"]) / float(stats["key_count"])


class DictStore(BenchStore):
    """A dict: the floor of what Python itself costs. Nothing is stored, so it is no peer."""

    name = "dict"
    module = "builtins"
    lacks = FEATURE_ROWS | {"ram", "disk", "reopen", "put_synced", "device", "seek"}

    def open(self, path: Path, *, synced: bool = False) -> None:
        """A fresh dict; the path is not used."""
        self._data: dict[bytes, bytes] = getattr(self, "_data", {})

    def close(self) -> None:
        """Keeps what is there, so that a second open finds it."""

    def version(self) -> str:
        """A dict has no version of its own."""
        return "builtin"

    def settings(self) -> str:
        """There are none."""
        return "in memory, not durable: the floor"

    def putter(self) -> Putter:
        """Item assignment."""
        return self._data.__setitem__

    def getter(self) -> Getter:
        """`get`."""
        return self._data.get

    def deleter(self) -> Callable[[bytes], Any]:
        """Item deletion."""
        return self._data.__delitem__

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """The items."""
        return self._data.items()

    def put_batch(self, batches: list[Batch]) -> None:
        """`update`."""
        update = self._data.update
        for batch in batches:
            update(batch)

    def get_many(self, groups: list[list[bytes]]) -> None:
        """A list of gets."""
        get = self._data.get
        for group in groups:
            _ = [get(key) for key in group]
