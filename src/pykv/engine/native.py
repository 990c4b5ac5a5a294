"""What goes into calls of the C core and what comes out of them, for every engine that lives there.

Functions that take a pointer may be called from any thread, at any time before its end.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pykv._native import check, ffi, flags_of, lib, text_of, text_of_damage
from pykv._native.codec import provide_zstd
from pykv.arguments import key_bound
from pykv.engine.batch import Delete, DeleteRange, Operation, Put
from pykv.errors import Damage
from pykv.options import Interval, NativeOptions, Sync
from pykv.store import Report, State

if TYPE_CHECKING:
    from _cffi_backend import FFI

STATES: Final[dict[int, State]] = {
    lib.PYKV_STATE_OPEN: "open",
    lib.PYKV_STATE_DEGRADED: "degraded",
    lib.PYKV_STATE_READ_ONLY: "read-only",
    lib.PYKV_STATE_FAILED: "failed",
    lib.PYKV_STATE_CLOSED: "closed",
}
CODECS: Final = {None: 0, "none": lib.PYKV_CODEC_NONE, "zstd": lib.PYKV_CODEC_ZSTD}
_SINKS: Final = {
    "auto": lib.PYKV_LOG_AUTO,
    "pwrite": lib.PYKV_LOG_PWRITE,
    "mapped": lib.PYKV_LOG_MAPPED,
}
_NEVER_US: Final = (1 << 64) - 1
_ENGINES: Final = {lib.PYKV_ENGINE_BITCASK: "bitcask", lib.PYKV_ENGINE_LSM: "lsm"}
_SINK_NAMES: Final = {number: name for name, number in _SINKS.items()}
# Counters and gauges of pykv_stats under other names, and those that are true or false.
_RENAMED: Final = {"last_sequence": "last_seq", "synced_sequence": "synced_seq"}
_TRUTHS: Final = frozenset({"bus_guard_active", "hot_mode", "recovered_from_image", "clean_open"})
# Those that mean something in stores of one engine only.
_OWN_STATS: Final[dict[str, frozenset[str]]] = {
    "bitcask": frozenset(
        {
            "segment_count",
            "keydir_bytes",
            "undo_bytes",
            "outgrown_snapshot_count",
            "merged_bytes",
            "merge_count",
            "tag_mismatch_count",
            "cold_read_count",
            "hot_mode",
            "recovered_from_image",
        }
    ),
    "lsm": frozenset(
        {
            "memtable_bytes",
            "immutable_memtable_count",
            "table_count",
            "level_count",
            "level_table_count",
            "level_bytes",
            "block_cache_bytes",
            "block_cache_hit_count",
            "block_cache_miss_count",
            "flushed_bytes",
            "compaction_read_bytes",
            "compacted_bytes",
            "compaction_count",
            "stall_us",
            "delay_us",
            "pending_compaction_bytes",
            "value_segment_count",
            "value_log_bytes",
            "value_log_live_bytes",
            "range_delete_count",
            "deleted_range_count",
            "user_bytes",
            "get_block_count",
            "memory_budget_bytes",
            "memory_used_bytes",
            "level_read_bytes",
            "level_written_bytes",
            "level_score",
            "write_amplification",
            "read_amplification",
            "space_amplification",
        }
    ),
}


def native_options(engine: int, options: NativeOptions) -> dict[str, int | float]:
    """The fields of pykv_options that all engines have; those left out are the defaults of the
    core. engine: PYKV_ENGINE_*."""
    fields: dict[str, int | float] = {
        "engine": engine,
        "durability": lib.PYKV_DURABILITY_OS,
        "must_exist": not options.create,
        "must_not_exist": options.error_if_exists,
        "read_only": options.read_only,
        "log_sink": _SINKS[options.log_sink],
        "batch_bytes_max": options.batch_bytes_max,
        "log_sector_padding": options.log_sector_padding,
        "no_mapped_reads": not options.mapped_reads,
        "recover_point_in_time": options.recovery == "point_in_time",
        "merge_bytes_per_second": options.merge_bytes_per_second,
        "ttl_reap_us": round(options.ttl_reap_seconds * 1_000_000) or _NEVER_US,
    }
    if isinstance(options.durability, Sync):
        fields["durability"] = lib.PYKV_DURABILITY_SYNC
    elif isinstance(options.durability, Interval):
        fields["durability"] = lib.PYKV_DURABILITY_INTERVAL
        fields["interval_us"] = options.durability.interval_us
    return fields


def _guarantee(options: NativeOptions) -> str:
    """What a write that returned survives, in words."""
    if options.read_only:
        return "none: opened read-only"
    if isinstance(options.durability, Sync):
        return "sync: a write survives the loss of power, if the device honours flushes"
    text = f"{options.durability}: a write survives the death of the process by any signal; "
    if isinstance(options.durability, Interval):
        return text + "a sync is asked for at that interval, and survives the loss of power"
    return text + "it can be lost with the operating system or the power before the next sync"


def _arrays(parts: Sequence[bytes]) -> tuple[FFI.CData, FFI.CData]:
    """Addresses and lengths of parts, valid as long as parts are."""
    pointers = ffi.new("void *[]", [ffi.from_buffer(part) for part in parts])
    return pointers, ffi.new("size_t[]", [len(part) for part in parts])


def write_operations(
    pointer: FFI.CData, operations: Sequence[Operation], sync: bool | None
) -> None:
    """Applies operations in order, all or none. None of them only does what sync asks for."""
    puts = [each for each in operations if isinstance(each, Put)]
    deletes = [each for each in operations if isinstance(each, Delete)]
    is_mixed = bool(puts and deletes) or len(puts) + len(deletes) < len(operations)
    is_mixed = is_mixed or any(each.within is not None for each in operations)
    if is_mixed or len({each.deadline_us for each in puts}) > 1:
        _write_batch(pointer, operations, flags_of(sync))
        return
    keys, key_lengths = _arrays([each.key for each in puts or deletes])
    values, value_lengths = ffi.NULL, ffi.NULL
    if not deletes:
        values, value_lengths = _arrays([each.value for each in puts])
    count = len(operations)
    flags = flags_of(sync)
    until = puts[0].deadline_us if puts else 0
    call = lib.pykv_write_many_until
    check(call(pointer, count, keys, key_lengths, values, value_lengths, until, flags))


def _write_batch(pointer: FFI.CData, operations: Sequence[Operation], flags: int) -> None:
    """Applies operations in their order."""
    batch_out = ffi.new("pykv_batch **")
    try:
        check(lib.pykv_batch_new(batch_out))
        batch = batch_out[0]
        for operation in operations:
            within: Any = operation.within
            lib.pykv_batch_within(batch, ffi.NULL if within is None else within.pointer)
            match operation:
                case Put(key, value, until):
                    a, b = len(key), len(value)
                    check(lib.pykv_batch_put_until(batch, key, a, value, b, until))
                case Delete(key):
                    check(lib.pykv_batch_delete(batch, key, len(key)))
                case DeleteRange(start, stop):
                    _add_range(batch, start, stop)
        check(lib.pykv_write(pointer, batch, flags))
    finally:
        lib.pykv_batch_free(batch_out[0])


def _add_range(batch: FFI.CData, start: bytes, stop: bytes | None) -> None:
    """Adds the delete of a range, whose bounds may be longer than a key."""
    low, high = key_bound(start), None if stop is None else key_bound(stop)
    if low is not None:
        size = 0 if high is None else len(high)
        check(
            lib.pykv_batch_delete_range(
                batch, low, len(low), high or b"", size, int(high is not None)
            )
        )


def compare_and_set(
    pointer: FFI.CData,
    key: bytes,
    expected: bytes | None,
    value: bytes | None,
    deadline_us: int,
    sync: bool | None,
) -> bool:
    """Sets key to value (None: removes it) if its value is expected (None: it is absent).

    deadline_us: of the value, 0: none.
    """
    swapped: Any = ffi.new("int32_t *")
    old, new = expected or b"", value or b""
    a, b, c = len(key), len(old), len(new)
    call = lib.pykv_compare_and_set_until
    flags = flags_of(sync)
    absent, gone = expected is None, value is None
    check(call(pointer, key, a, old, b, absent, new, c, gone, deadline_us, flags, swapped))
    return bool(swapped[0])


def touch(pointer: FFI.CData, key: bytes, deadline_us: int, sync: bool | None) -> bool:
    """Sets the deadline of key (0: none); False if it is absent."""
    status = lib.pykv_touch(pointer, key, len(key), deadline_us, flags_of(sync))
    if status == lib.PYKV_NOT_FOUND:
        return False
    check(status)
    return True


def expires_us(pointer: FFI.CData, key: bytes) -> int | None:
    """The deadline of key, 0 for none; None if it is absent."""
    deadline_out: Any = ffi.new("uint64_t *")
    return _deadline_of(lib.pykv_expires_at(pointer, key, len(key), 0, deadline_out), deadline_out)


def expires_us_at(snapshot: FFI.CData, key: bytes) -> int | None:
    """The same at a snapshot."""
    deadline_out: Any = ffi.new("uint64_t *")
    return _deadline_of(
        lib.pykv_deadline_at(snapshot, key, len(key), 0, deadline_out), deadline_out
    )


def _deadline_of(status: int, deadline_out: Any) -> int | None:
    if status == lib.PYKV_NOT_FOUND:
        return None
    check(status)
    deadline_us: int = deadline_out[0]
    return deadline_us


def approximate_size(pointer: FFI.CData, low: bytes, high: bytes | None) -> int:
    """About how many bytes the rows from low up to high (None: the last) take."""
    wanted: Any = ffi.new("pykv_range *")
    bytes_out: Any = ffi.new("uint64_t *")
    low_held, high_held = ffi.from_buffer(low), ffi.from_buffer(high or b"")
    if low:
        wanted.has_start, wanted.start, wanted.start_length = 1, low_held, len(low)
    if high is not None:
        wanted.has_stop, wanted.stop, wanted.stop_length = 1, high_held, len(high)
    check(lib.pykv_approximate_size(pointer, wanted, bytes_out))
    size: int = bytes_out[0]
    return size


def _number_or_list(field: Any) -> float | list[float]:
    return list(field) if isinstance(field, ffi.CData) else field


def stats_of(raw: Any, options: NativeOptions) -> dict[str, Any]:
    """The fields of a pykv_stats under the names and in the words of `Store.stats`.

    Without those of other engines. An array is a list.
    """
    engine = _ENGINES[raw.engine]
    hidden = frozenset().union(*(own for name, own in _OWN_STATS.items() if name != engine))
    stats: dict[str, Any] = {
        _RENAMED.get(name, name): _number_or_list(getattr(raw, name))
        for name in dir(raw)
        if name not in hidden
    }
    stats.update({name: bool(stats[name]) for name in _TRUTHS & stats.keys()})
    stats["engine"] = engine
    stats["state"] = STATES[raw.state]
    stats["log_sink"] = _SINK_NAMES[raw.log_sink]
    stats["durability"] = _guarantee(options)
    return stats


def report_of(raw: Any, path: Path) -> Report:
    """A pykv_report in Python. path: of the database, which names of damaged files are in."""
    listed = raw.damages[0 : min(raw.damage_count, lib.PYKV_DAMAGE_COUNT_MAX)]
    return Report(
        file_count=raw.file_count,
        record_count=raw.record_count,
        byte_count=raw.byte_count,
        damage_count=raw.damage_count,
        damages=tuple(_damage(each, path) for each in listed),
        kept_record_count=raw.kept_record_count,
        lost_record_count=raw.lost_record_count,
    )


def _damage(raw: Any, database: Path) -> Damage:
    named = text_of(raw.path)
    differ = raw.expected != raw.got
    return Damage(
        path=database / named if named else None,
        offset=raw.offset,
        text=text_of_damage(text_of(raw.text), Path(named)),
        expected=raw.expected if differ else None,
        got=raw.got if differ else None,
    )


# ---- databases that are closed ----


def detected(path: Path) -> int:
    """PYKV_ENGINE_* of the database in a directory, PYKV_ENGINE_ANY where there is none.

    FormatError for a newer format, and for files of whatever else.
    """
    engine_out: Any = ffi.new("int32_t *")
    check(lib.pykv_detect(os.fsencode(path), engine_out))
    engine: int = engine_out[0]
    return engine


def repair(path: Path) -> Report:
    """Saves every readable record of the closed database in path; see `pykv.repair`."""
    provide_zstd()
    raw: Any = ffi.new("pykv_report *")
    check(lib.pykv_repair(os.fsencode(path), raw))
    return report_of(raw, path)


def destroy(path: Path) -> None:
    """Removes the closed database in path; see `pykv.destroy`."""
    check(lib.pykv_destroy(os.fsencode(path)))
