"""The engines of the core, each with the options that make it show what tests want to see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pykv.engine.bitcask import Bitcask
from pykv.engine.lsm import Lsm
from pykv.options import BitcaskOptions, LsmOptions

NativeStore = Bitcask | Lsm


@dataclass(frozen=True)
class Kind:
    """An engine of the core.

    small: options under which files are small and background work is frequent.  lazy: options
    under which nothing is merged that nobody asks for.
    """

    name: str
    cls: Callable[..., Any]
    options: Callable[..., Any]
    small: Mapping[str, Any]
    lazy: Mapping[str, Any]

    def open(self, path: object, **options: Any) -> Any:
        """An open store. Typed Any: the kinds have methods of their own."""
        return self.cls(path, self.options(**options))


BITCASK = Kind(
    "bitcask",
    Bitcask,
    BitcaskOptions,
    small={"segment_bytes": 65_536},
    lazy={"segment_bytes": 1 << 20, "background_threads": 0, "space_amplification_max": 100.0},
)
LSM = Kind(
    "lsm",
    Lsm,
    LsmOptions,
    small={"memtable_bytes": 65_536, "table_bytes": 65_536, "value_log_bytes_min": 1_000},
    lazy={"memtable_bytes": 1 << 20, "table_bytes": 1 << 20, "background_threads": 0},
)
KINDS = [BITCASK, LSM]
