"""pykv: an embeddable key-value storage engine.

import pykv

with pykv.open("data") as db:
    db[b"key"] = b"value"
"""

from typing import TYPE_CHECKING, Any

from pykv.engine import Engine, destroy, repair
from pykv.engine import open_store as open
from pykv.engine.memory import Memory
from pykv.errors import (
    BatchTooLargeError,
    ClosedError,
    CommitUnknownError,
    CorruptionError,
    Damage,
    DivergedError,
    Error,
    ForkedError,
    FormatError,
    HistoryGoneError,
    InternalError,
    InvalidOptionError,
    IOFailedError,
    KeyTooLargeError,
    LockedError,
    NoSpaceError,
    NotSupportedError,
    ReadOnlyError,
    StaleEpochError,
    StoreFailedError,
    ValueTooLargeError,
)
from pykv.options import (
    BitcaskOptions,
    CommonOptions,
    Interval,
    LsmOptions,
    MemoryOptions,
    Os,
    Sync,
)
from pykv.reader import OrderedReader, OrderedSnapshot, Reader, Snapshot
from pykv.store import Batch, DiskStore, OrderedStore, Report, Store, supports

if TYPE_CHECKING:
    from pykv.engine.bitcask import Bitcask
    from pykv.engine.lsm import Lsm

__all__ = [
    "Batch",
    "BatchTooLargeError",
    "Bitcask",
    "BitcaskOptions",
    "ClosedError",
    "CommitUnknownError",
    "CommonOptions",
    "CorruptionError",
    "Damage",
    "DiskStore",
    "DivergedError",
    "Engine",
    "Error",
    "ForkedError",
    "FormatError",
    "HistoryGoneError",
    "IOFailedError",
    "InternalError",
    "Interval",
    "InvalidOptionError",
    "KeyTooLargeError",
    "LockedError",
    "Lsm",
    "LsmOptions",
    "Memory",
    "MemoryOptions",
    "NoSpaceError",
    "NotSupportedError",
    "OrderedReader",
    "OrderedSnapshot",
    "OrderedStore",
    "Os",
    "ReadOnlyError",
    "Reader",
    "Report",
    "Snapshot",
    "StaleEpochError",
    "Store",
    "StoreFailedError",
    "Sync",
    "ValueTooLargeError",
    "destroy",
    "open",
    "repair",
    "supports",
]


def __getattr__(name: str) -> Any:
    """The classes of engines on disk, which bring the core with them, when first asked for."""
    if name in ("Bitcask", "Lsm"):
        from importlib import import_module

        return getattr(import_module(f"pykv.engine.{name.lower()}"), name)
    raise AttributeError(f"module 'pykv' has no attribute {name!r}")
