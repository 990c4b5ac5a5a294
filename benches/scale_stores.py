"""What `make bench-scale` compares: engines by the name of its table, and a raw writer.

The raw writer appends key and value of each put to a file by one system call and does nothing
else: the longest pause of a store is to be read beside the longest of that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benches import engines
from benches.stores import Batch, BenchStore, Getter, Putter, PykvStore

RAW = "raw"
PYKV = {"pykv-lsm": "lsm", "pykv-bitcask": "bitcask"}
LAZY = "pykv-lsm-lazy"
"""The LSM engine with lazy compaction, beside which nothing is judged."""
DEFAULT: tuple[str, ...] = (RAW, *PYKV, "rocksdict")
KNOWN: tuple[str, ...] = (*DEFAULT, LAZY, "lmdb", "plyvel")
OPENS_AGAIN = frozenset(KNOWN) - {RAW}
"""Those that are stores, which can be read from."""


class RawStore(BenchStore):
    """Appends to one file, unsynced. It has no reads."""

    name = RAW
    module = "os"

    def open(self, path: Path, *, synced: bool = False) -> None:
        """A file in the directory."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(path / "log", flags, 0o644)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def version(self) -> str:
        """It has none of its own."""
        return "os.write"

    def settings(self) -> str:
        """There are none."""
        return "one write a put, no sync"

    def putter(self) -> Putter:
        """One append."""
        file, write = self._file, os.write
        return lambda key, value: write(file, key + value)

    def getter(self) -> Getter:
        """NotImplementedError."""
        raise NotImplementedError("a raw writer does not read")

    def deleter(self) -> Callable[[bytes], Any]:
        """NotImplementedError."""
        raise NotImplementedError("a raw writer does not delete")

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """NotImplementedError."""
        raise NotImplementedError("a raw writer does not read")

    def put_batch(self, batches: list[Batch]) -> None:
        """One append each."""
        for batch in batches:
            os.write(self._file, b"".join(key + value for key, value in batch))


def installed(name: str) -> bool:
    """Whether the engine can be measured here. KeyError for an unknown name."""
    if name == RAW:
        return True
    return engines.installed(engines.SUBJECT if name in (*PYKV, LAZY) else name)


def make_store(name: str, budget_bytes: int) -> BenchStore:
    """A store of that name, not yet open. KeyError for an unknown name."""
    if name == RAW:
        return RawStore(budget_bytes)
    if name == LAZY:
        return PykvStore(budget_bytes, "lsm", compaction="lazy")
    engine = engines.SUBJECT if name in PYKV else name
    return engines.make_store(engine, budget_bytes, PYKV.get(name, "lsm"))
