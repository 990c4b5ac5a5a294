"""pykv: an embeddable key-value storage engine.

import pykv

with pykv.open("data") as db:
    db[b"key"] = b"value"
"""

from typing import TYPE_CHECKING, Any

from pykv.arrays import RowChunk, Rows
from pykv.engine import Engine, destroy, repair
from pykv.engine import open_store as open
from pykv.engine.memory import Memory
from pykv.engine.namespaces import each_namespace
from pykv.errors import (
    ArrayTooSmallError,
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
    ReplacedError,
    SnapshotGoneError,
    StaleEpochError,
    StoreFailedError,
    UnfinishedError,
    ValueTooLargeError,
)
from pykv.features import supports
from pykv.options import (
    BitcaskOptions,
    CommonOptions,
    Interval,
    LsmOptions,
    MemoryOptions,
    Os,
    Sync,
)
from pykv.reader import CloseableIterator, Cursor, OrderedReader, OrderedSnapshot, Reader, Snapshot
from pykv.store import (
    BackupVersion,
    Batch,
    Change,
    DiskStore,
    HistoryPin,
    OrderedStore,
    Report,
    Store,
)

if TYPE_CHECKING:
    from pykv.engine.backup import backups, delete_backups, restore, verify_backup
    from pykv.engine.bitcask import Bitcask
    from pykv.engine.convert import Conversion, convert
    from pykv.engine.dated_rows import DatedRow, export_rows, import_rows
    from pykv.engine.lsm import Lsm
    from pykv.engine.metrics import metrics
    from pykv.engine.table_writer import TableWriter

__all__ = [
    "ArrayTooSmallError",
    "BackupVersion",
    "Batch",
    "BatchTooLargeError",
    "Bitcask",
    "BitcaskOptions",
    "Change",
    "CloseableIterator",
    "ClosedError",
    "CommitUnknownError",
    "CommonOptions",
    "Conversion",
    "CorruptionError",
    "Cursor",
    "Damage",
    "DatedRow",
    "DiskStore",
    "DivergedError",
    "Engine",
    "Error",
    "ForkedError",
    "FormatError",
    "HistoryGoneError",
    "HistoryPin",
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
    "ReplacedError",
    "Report",
    "RowChunk",
    "Rows",
    "Snapshot",
    "SnapshotGoneError",
    "StaleEpochError",
    "Store",
    "StoreFailedError",
    "Sync",
    "TableWriter",
    "UnfinishedError",
    "ValueTooLargeError",
    "backups",
    "convert",
    "delete_backups",
    "destroy",
    "each_namespace",
    "export_rows",
    "import_rows",
    "metrics",
    "open",
    "repair",
    "restore",
    "supports",
    "verify_backup",
]


_LAZY = {
    "Bitcask": "bitcask",
    "Conversion": "convert",
    "DatedRow": "dated_rows",
    "Lsm": "lsm",
    "TableWriter": "table_writer",
    "backups": "backup",
    "convert": "convert",
    "delete_backups": "backup",
    "export_rows": "dated_rows",
    "import_rows": "dated_rows",
    "metrics": "metrics",
    "restore": "backup",
    "verify_backup": "backup",
}


def __getattr__(name: str) -> Any:
    """What brings the core with it, when it is first asked for."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"pykv.engine.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'pykv' has no attribute {name!r}")
