"""pykv: an embeddable key-value storage engine.

import pykv

with pykv.open("data") as db:
    db[b"key"] = b"value"
"""

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
from pykv.options import BitcaskOptions, CommonOptions, Interval, MemoryOptions, Os, Sync
from pykv.store import Batch, OrderedStore, Report, Store, supports

__all__ = [
    "Batch",
    "BatchTooLargeError",
    "BitcaskOptions",
    "ClosedError",
    "CommitUnknownError",
    "CommonOptions",
    "CorruptionError",
    "Damage",
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
    "Memory",
    "MemoryOptions",
    "NoSpaceError",
    "NotSupportedError",
    "OrderedStore",
    "Os",
    "ReadOnlyError",
    "Report",
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
