"""Options of a store: one frozen dataclass per engine, and the durability modes.

`pykv.open(path, name=value)` builds the dataclass of the engine; `docs/api.md` has the table. A
value outside its range is an InvalidOptionError, an unknown name a TypeError with the near miss.
The classes hold constants only and may be shared between threads.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pykv.errors import InvalidOptionError

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

INTERVAL_US_MIN = 1_000
INTERVAL_US_MAX = 30_000_000


@dataclass(frozen=True, slots=True)
class Os:
    """Durability "os": a write returns when the kernel has it.

    It survives the death of the process by any signal; it can be lost with the operating system or
    the power. The fastest mode.
    """

    def __str__(self) -> str:
        return "os"


@dataclass(frozen=True, slots=True)
class Sync:
    """Durability "sync": a write returns when the device has it.

    It survives the loss of power on a device that honours flushes. Each write waits for the device.
    """

    def __str__(self) -> str:
        return "sync"


@dataclass(frozen=True, slots=True)
class Interval:
    """Durability "interval:100ms": as Os, and a sync is asked for at a fixed interval.

    interval_us: microseconds between syncs, 1,000 to 30,000,000, default 100,000. What is lost with
    the power is about that much; `stats()` shows the lag.
    """

    interval_us: int = 100_000

    def __post_init__(self) -> None:
        if not _is_int(self.interval_us) or not (
            INTERVAL_US_MIN <= self.interval_us <= INTERVAL_US_MAX
        ):
            raise InvalidOptionError(
                f"the interval between syncs must be 1 ms to 30 s, got {self.interval_us!r} us"
            )

    def __str__(self) -> str:
        if self.interval_us % 1_000:
            return f"interval:{self.interval_us}us"
        return f"interval:{self.interval_us // 1_000}ms"


Durability = Os | Sync | Interval

_INTERVAL = re.compile(r"interval:(\d{1,12})(us|ms|s)", re.ASCII)
_UNIT_US = {"us": 1, "ms": 1_000, "s": 1_000_000}


def parse_durability(value: Durability | str) -> Durability:
    """Turns "os", "sync" or "interval:100ms" into its dataclass; a dataclass comes back as it is.

    Raises InvalidOptionError for anything else.
    """
    if isinstance(value, Os | Sync | Interval):
        return value
    if value == "os":
        return Os()
    if value == "sync":
        return Sync()
    match = _INTERVAL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidOptionError(
            'durability must be "os", "sync" or an interval such as "interval:100ms" '
            f"(units us, ms, s), got {value!r}"
        )
    return Interval(int(match[1]) * _UNIT_US[match[2]])


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _flag(default: bool) -> bool:
    def check(name: str, value: object) -> None:
        if not isinstance(value, bool):
            raise InvalidOptionError(f"{name} must be True or False, got {value!r}")

    return _checked(default, check)


def _count(default: int, minimum: int, maximum: int, unit: str) -> int:
    def check(name: str, value: Any) -> None:
        if not _is_int(value) or not minimum <= value <= maximum:
            raise InvalidOptionError(
                f"{name} must be an int from {minimum:,} to {maximum:,} {unit}, got {value!r}"
            )

    return _checked(default, check)


def _count_or_none(minimum: int, maximum: int, unit: str) -> int | None:
    def check(name: str, value: Any) -> None:
        if value is not None and not (_is_int(value) and minimum <= value <= maximum):
            raise InvalidOptionError(
                f"{name} must be None or an int from {minimum:,} to {maximum:,} {unit}, "
                f"got {value!r}"
            )

    return _checked(None, check)


def _number_or_zero(default: float, minimum: float, maximum: float) -> float:
    def check(name: str, value: Any) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not (value == 0 or minimum <= value <= maximum):
            raise InvalidOptionError(
                f"{name} must be 0 or a number from {minimum:g} to {maximum:g}, got {value!r}"
            )

    return _checked(default, check)


def _count_or_zero(minimum: int, maximum: int, unit: str) -> int:
    def check(name: str, value: Any) -> None:
        if not _is_int(value) or not (value == 0 or minimum <= value <= maximum):
            raise InvalidOptionError(
                f"{name} must be 0 or an int from {minimum:,} to {maximum:,} {unit}, got {value!r}"
            )

    return _checked(0, check)


def _ratio(default: float, above: float) -> float:
    def check(name: str, value: Any) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not above < value < math.inf:
            raise InvalidOptionError(f"{name} must be a number above {above:g}, got {value!r}")

    return _checked(default, check)


_Choice = TypeVar("_Choice", bound=str | None)


def _choice(default: _Choice, *others: _Choice) -> _Choice:
    names = (default, *others)

    def check(name: str, value: object) -> None:
        if value not in names:
            listed = ", ".join("None" if each is None else f'"{each}"' for each in names)
            raise InvalidOptionError(f"{name} must be one of {listed}, got {value!r}")

    return _checked(default, check)


_Value = TypeVar("_Value")


def _checked(default: _Value, check: Callable[[str, Any], None]) -> _Value:
    """A dataclass field with a default and a check that CommonOptions runs."""
    field: _Value = dataclasses.field(default=default, metadata={"check": check})
    return field


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """What every engine takes. All of it holds per open and may change on reopen.

    read_only: default False. True opens the state of this moment without a lock and refuses writes;
    any number of readers may do so beside one writer.

    create: default True. False raises FileNotFoundError where there is no database, which catches a
    mistyped path.

    error_if_exists: default False. True raises FileExistsError where there is a database already.

    durability: when a write returns: "os" (default), "sync", "interval:100ms", or the classes Os,
    Sync and Interval, which say what each survives and costs.

    batch_bytes_max: largest batch in bytes of keys and values, 64 KiB to 1 GiB, default 64 MiB. A
    batch is held in memory until it is written. One record always fits.
    """

    read_only: bool = _flag(False)
    create: bool = _flag(True)
    error_if_exists: bool = _flag(False)
    durability: Durability | str = dataclasses.field(default_factory=Os)
    batch_bytes_max: int = _count(64 * MIB, 64 * KIB, GIB, "bytes")

    def __post_init__(self) -> None:
        object.__setattr__(self, "durability", parse_durability(self.durability))
        for field in dataclasses.fields(self):
            if check := field.metadata.get("check"):
                check(field.name, getattr(self, field.name))
        if self.read_only and self.error_if_exists:
            raise InvalidOptionError(
                "read_only=True needs a database and error_if_exists=True needs none: give one"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeOptions(CommonOptions):
    """What the engines on disk take. All of it holds per open and may change on reopen.

    log_sink: "auto" (default), "pwrite" or "mapped": how small writes reach the log. "mapped" is
    faster and only for ext4, xfs and tmpfs; "auto" takes it where it is safe.

    log_sector_padding: default False. True pads each sync to a 512-byte sector, for devices that
    may damage the rest of a sector when power fails; it costs space with each sync.

    mapped_reads: default True. False reads files by system calls only: slower, and without memory
    maps.

    recovery: "strict" (default) refuses to open a log that is damaged where it was synced;
    "point_in_time" cuts it there and loses what follows.

    merge_bytes_per_second: pace of merging and compacting in bytes, 0 to 1 TiB, default 0:
    unlimited. A slow pace leaves the device to readers and lets dead bytes wait longer; writers
    of an LSM store slow down to it. Flushes do not wait.

    ttl_reap_seconds: how long after their deadlines rows are worth rewriting what stands beside
    them, where they are a quarter of it, 1 to 31,536,000 seconds, default 60. Less gives space, and
    in a Bitcask keys, back sooner and writes more; 0: only where space asks for it.
    """

    log_sink: Literal["auto", "pwrite", "mapped"] = _choice("auto", "pwrite", "mapped")
    log_sector_padding: bool = _flag(False)
    mapped_reads: bool = _flag(True)
    recovery: Literal["strict", "point_in_time"] = _choice("strict", "point_in_time")
    merge_bytes_per_second: int = _count(0, 0, 1024 * GIB, "bytes")
    ttl_reap_seconds: float = _number_or_zero(60.0, 1.0, 31_536_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcaskOptions(NativeOptions):
    """Options of engine="bitcask". All of them hold per open and may change on reopen.

    segment_bytes: size in bytes at which a segment file is sealed, 64 KiB to 16 GiB, default
    64 MiB. Small segments give space back sooner, large ones mean fewer files.

    space_amplification_max: bytes on disk over live bytes that merging keeps, above 1, default 1.5.
    Lower saves disk and writes more.

    history_bytes: bytes of segments that are kept for `changes` when merges have replaced them, up
    to 1 PiB, default 0. At least so many are kept, in whole segments, beside what is not merged.

    compression: codec of values: "none" (default) or "zstd". Puts store a value as it is; merges
    compress what they copy, one value at a time, where that saves an eighth, with a dictionary for
    each segment if that pays; each segment is merged once for it. "zstd" without a provider is a
    NotSupportedError at open.

    compression_level: level of zstd, 1 to 22, default 1. Higher saves disk and merges slower.

    undo_bytes_max: memory in bytes of what open scans and snapshots show and the store has in
    another version by now, 64 KiB to 16 TiB. Default None: the larger of 256 MiB and an eighth of
    the memory that is free for files. Where a write or a merge needs more, the oldest of them ends:
    its reads raise SnapshotGoneError.

    background_threads: threads lent to the store, 0 to 16, default 2. The first keeps the log, the
    others merge. An open that finds several open segments has the help of as many others until it
    is over. With 0 the writers do that work themselves, and an open works alone.
    """

    segment_bytes: int = _count(64 * MIB, 64 * KIB, 16 * GIB, "bytes")
    space_amplification_max: float = _ratio(1.5, above=1.0)
    history_bytes: int = _count(0, 0, 1024 * 1024 * GIB, "bytes")
    compression: Literal["none", "zstd"] = _choice("none", "zstd")
    compression_level: int = _count(1, 1, 22, "(levels of zstd)")
    undo_bytes_max: int | None = _count_or_none(64 * KIB, 16 * 1024 * GIB, "bytes")
    background_threads: int = _count(2, 0, 16, "threads")


@dataclass(frozen=True, slots=True, kw_only=True)
class LsmOptions(NativeOptions):
    """Options of engine="lsm". All of them hold per open and may change on reopen.

    A table keeps the block size, the codec and the filter it was written with until a compaction
    writes it anew.

    memory_budget_bytes: memory in bytes of memtables, cached blocks, filters and iterators
    together, 16 MiB to 16 TiB. Default None: the larger of 256 MiB and an eighth of the memory that
    is free for files.

    memtable_bytes: size in bytes at which a memtable is written to a table, 64 KiB to 4 GiB.
    Default None: a sixth of the memory budget, 64 MiB at most. Larger ones mean fewer compactions
    and a longer recovery after a crash.

    block_bytes: data block in bytes before compression, 1 KiB to 64 KiB, default 8 KiB. Large
    blocks compress better, small ones make a random get of a cold row cheaper.

    table_bytes: size in bytes of the tables that compaction writes, 64 KiB to 4 GiB, default
    64 MiB. Small tables make compactions of small parts possible, large ones mean fewer files.

    compression: codec of blocks: "zstd", "none", or None (default): zstd where a provider of it
    is, else none. "zstd" without a provider is a NotSupportedError at open.

    compression_level: level of zstd, 1 to 22, default 1. Higher saves disk and writes slower.
    Tables that compactions will rewrite soon are compressed at a faster one, and so are blocks
    that it makes no more than 1 % larger.

    filter_bits_per_key: bits of memory of a key in a filter, 2 to 32, or 0 for no filters,
    default 10, and 4 more in levels above the last one. More of them spare reads of blocks where
    a key is missing.

    value_log_bytes_min: values of so many bytes or more, 64 to 1 GiB, are kept in value segments,
    which compactions do not copy. Default 0: none are. Writes of values of 4 KiB and more become
    cheaper; reading one costs a read of its own, beyond the block cache. Each is compressed by
    itself.

    compaction: "leveled" (default) or "lazy". Lazy writes less to keep the tables in order, so
    writers go on at their pace as data grows: sorted runs are merged eight at a time, and all of
    them together into the last level when they weigh half of it. A scan that begins somewhere looks
    into more tables, what was overwritten may take half as much space again, and merges of large
    runs need free room on the disk.

    history_bytes: bytes of logs that are kept for `changes` when nothing else needs them, up to
    1 PiB, default 0. At least so many are kept, in whole logs of about memtable_bytes.

    space_amplification_max: bytes of value segments over the bytes that are still pointed to that
    collecting keeps, above 1, default 1.5. Lower saves disk and writes more.

    background_threads: threads lent to the store, 0 to 16, default 3. The first keeps the log, the
    others flush and compact; on Linux they give way to other threads where processors are scarce
    (niceness 5 more). An open that finds several logs has the help of as many others until it is
    over. With 0 the writers do that work themselves, and an open works alone.
    """

    memory_budget_bytes: int | None = _count_or_none(16 * MIB, 16 * 1024 * GIB, "bytes")
    memtable_bytes: int | None = _count_or_none(64 * KIB, 4 * GIB, "bytes")
    block_bytes: int = _count(8 * KIB, KIB, 64 * KIB, "bytes")
    table_bytes: int = _count(64 * MIB, 64 * KIB, 4 * GIB, "bytes")
    compression: Literal["zstd", "none"] | None = _choice(None, "zstd", "none")
    compression_level: int = _count(1, 1, 22, "(levels of zstd)")
    filter_bits_per_key: float = _number_or_zero(10.0, 2.0, 32.0)
    value_log_bytes_min: int = _count_or_zero(64, GIB, "bytes")
    compaction: Literal["leveled", "lazy"] = _choice("leveled", "lazy")
    history_bytes: int = _count(0, 0, 1024 * 1024 * GIB, "bytes")
    space_amplification_max: float = _ratio(1.5, above=1.0)
    background_threads: int = _count(3, 0, 16, "threads")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions(CommonOptions):
    """Options of engine="memory".

    durability is accepted so that a program can change the engine alone, and means nothing to rows
    that end with the process: `stats()["durability"]` says "none". A memory store always starts
    empty, so read_only=True and create=False raise InvalidOptionError.
    """

    def __post_init__(self) -> None:
        # slots=True makes the class anew, so a bare super() would look at the old one.
        super(MemoryOptions, self).__post_init__()
        if self.read_only or not self.create:
            raise InvalidOptionError(
                "a memory store starts empty: open it without read_only=True and create=False"
            )
