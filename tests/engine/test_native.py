"""What goes into the core and what comes out: options, writes, statistics, reports."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pykv._native import Handle, ffi, lib
from pykv.engine import bitcask, lsm, native
from pykv.engine.batch import Delete, Operation, Put
from pykv.errors import BatchTooLargeError, ClosedError
from pykv.options import BitcaskOptions, LsmOptions


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[Handle]:
    """An open store of the core."""
    handle = Handle(tmp_path / "db", {"batch_bytes_max": 65_536})
    yield handle
    handle.close()


def value_of(handle: Handle, key: bytes) -> bytes | None:
    pinned: Any = ffi.new("pykv_pinned *")
    if lib.pykv_get(handle.pointer, key, len(key), 0, pinned) != lib.PYKV_OK:
        return None
    value: bytes = ffi.buffer(pinned.data, pinned.length)[:]
    lib.pykv_unpin(handle.pointer, pinned)
    return value


COMMON: dict[str, Any] = {
    "create": False,
    "error_if_exists": True,
    "durability": "interval:7ms",
    "batch_bytes_max": 70_000,
    "log_sink": "pwrite",
    "log_sector_padding": True,
    "mapped_reads": False,
    "recovery": "point_in_time",
    "merge_bytes_per_second": 9,
    "ttl_reap_seconds": 1.5,
}
COMMON_FIELDS = {
    "durability": lib.PYKV_DURABILITY_INTERVAL,
    "interval_us": 7_000,
    "must_exist": 1,
    "must_not_exist": 1,
    "read_only": 0,
    "log_sink": lib.PYKV_LOG_PWRITE,
    "batch_bytes_max": 70_000,
    "log_sector_padding": 1,
    "no_mapped_reads": 1,
    "recover_point_in_time": 1,
    "merge_bytes_per_second": 9,
    "ttl_reap_us": 1_500_000,
}


def fields_of(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a pykv_options that are not zero, and those of COMMON_FIELDS."""
    raw: Any = ffi.new("pykv_options *", given)
    return {name: v for name in dir(raw) if (v := getattr(raw, name)) or name in COMMON_FIELDS}


def test_every_option_of_a_bitcask_reaches_the_core() -> None:
    own: dict[str, Any] = {
        "segment_bytes": 80_000,
        "space_amplification_max": 2.5,
        "compression_level": 4,
        "undo_bytes_max": 70_000,
    }
    given = bitcask.options_of(BitcaskOptions(**COMMON, **own, compression="zstd"))
    assert fields_of(given) == COMMON_FIELDS | own | {
        "engine": lib.PYKV_ENGINE_BITCASK,
        "compression": lib.PYKV_CODEC_ZSTD,
    }


def test_every_option_of_an_lsm_reaches_the_core() -> None:
    own: dict[str, Any] = {
        "memory_budget_bytes": 20_000_000,
        "memtable_bytes": 90_000,
        "block_bytes": 4_096,
        "table_bytes": 80_000,
        "compression_level": 3,
        "filter_bits_per_key": 7.5,
        "value_log_bytes_min": 4_096,
        "space_amplification_max": 2.5,
    }
    given = lsm.options_of(LsmOptions(**COMMON, **own, compression="zstd", compaction="lazy"))
    named = {
        "engine": lib.PYKV_ENGINE_LSM,
        "compression": lib.PYKV_CODEC_ZSTD,
        "compaction": lib.PYKV_COMPACTION_LAZY,
    }
    assert fields_of(given) == COMMON_FIELDS | own | named


def test_what_an_lsm_is_not_told_the_core_decides() -> None:
    given = lsm.options_of(LsmOptions())
    assert (given["memory_budget_bytes"], given["memtable_bytes"]) == (0, 0)
    assert given["compression"] == 0
    assert lsm.options_of(LsmOptions(compression="none"))["compression"] == lib.PYKV_CODEC_NONE
    assert lsm.options_of(LsmOptions(filter_bits_per_key=0))["filter_bits_per_key"] < 0


@pytest.mark.parametrize(
    ("durability", "number"),
    [
        ("os", lib.PYKV_DURABILITY_OS),
        ("sync", lib.PYKV_DURABILITY_SYNC),
        ("interval:1s", lib.PYKV_DURABILITY_INTERVAL),
    ],
)
def test_a_durability_has_its_number_and_its_words(durability: str, number: int) -> None:
    options = BitcaskOptions(durability=durability)
    assert native.native_options(1, options)["durability"] == number
    stats = native.stats_of(ffi.new("pykv_stats *", {"engine": 1, "log_sink": 1}), options)
    assert stats["durability"].startswith(str(options.durability) + ": a write survives")


def test_a_read_only_store_guarantees_nothing_about_writes() -> None:
    raw = ffi.new("pykv_stats *", {"engine": 1, "log_sink": 1})
    stats = native.stats_of(raw, BitcaskOptions(read_only=True))
    assert stats["durability"].startswith("none")


def test_statistics_have_every_field_of_an_engine_and_none_of_another() -> None:
    fields = {"log_sink": 1, "level_count": 2, "level_bytes": [7, 8], "segment_count": 9}
    shown: dict[str, dict[str, Any]] = {}
    for engine in (lib.PYKV_ENGINE_BITCASK, lib.PYKV_ENGINE_LSM):
        raw = ffi.new("pykv_stats *", {**fields, "engine": engine})
        stats = native.stats_of(raw, BitcaskOptions())
        shown[stats["engine"]] = stats
    renamed = {"last_sequence", "synced_sequence"}
    every = {*shown["bitcask"], *shown["lsm"]}
    assert set(dir(ffi.new("pykv_stats *"))) - renamed <= every
    bitcask, lsm = (every - set(shown[other]) for other in ("lsm", "bitcask"))
    assert {"segment_count", "keydir_bytes", "merge_count", "hot_mode"} < bitcask
    assert {"memtable_bytes", "level_count", "level_bytes", "stall_us"} < lsm
    assert shown["lsm"]["level_bytes"] == [7, 8, 0, 0, 0, 0, 0, 0]
    assert shown["lsm"]["level_table_count"] == [0] * 8
    assert shown["bitcask"]["segment_count"] == 9


def test_statistics_are_in_python_s_words() -> None:
    fields = {"engine": 1, "state": 3, "log_sink": 2, "last_sequence": 5, "hot_mode": 1}
    stats = native.stats_of(ffi.new("pykv_stats *", fields), BitcaskOptions())
    assert stats["engine"] == "bitcask"
    assert stats["state"] == "failed"
    assert stats["log_sink"] == "mapped"
    assert stats["last_seq"] == 5
    assert stats["hot_mode"] is True
    assert stats["clean_open"] is False


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], b"before"),
        ([Put(b"k", b"1"), Put(b"k", b"2")], b"2"),
        ([Put(b"k", b"")], b""),
        ([Delete(b"k"), Delete(b"absent")], None),
        ([Put(b"k", b"1"), Delete(b"k")], None),
        ([Delete(b"k"), Put(b"k", b"3"), Delete(b"j")], b"3"),
        ([Put(b"", b"empty"), Delete(b"")], b"before"),
    ],
)
def test_operations_are_applied_in_order(
    handle: Handle, operations: list[Operation], expected: bytes | None
) -> None:
    native.write_operations(handle.pointer, [Put(b"k", b"before")], None)
    native.write_operations(handle.pointer, operations, True)
    assert value_of(handle, b"k") == expected
    assert value_of(handle, b"") is None


def test_a_batch_is_as_large_as_its_keys_and_values(handle: Handle) -> None:
    """The core once counted the headers of records too, and refused batches within the limit."""
    small: list[Operation] = [Put(b"%08d" % i, b"") for i in range(65_536 // 8)]
    native.write_operations(handle.pointer, small, None)
    with pytest.raises(BatchTooLargeError):
        native.write_operations(handle.pointer, [*small, Put(b"1", b"")], None)


def test_operations_are_applied_all_or_none(handle: Handle) -> None:
    huge = bytes(40_000)
    puts: list[Operation] = [Put(b"a", huge), Put(b"b", huge)]
    for operations in (puts, [*puts, Delete(b"c")]):
        with pytest.raises(BatchTooLargeError):
            native.write_operations(handle.pointer, operations, None)
        assert value_of(handle, b"a") is None


def test_no_operations_still_meet_a_closed_store(handle: Handle) -> None:
    handle.close()
    with pytest.raises(ClosedError):
        native.write_operations(handle.pointer, [], None)


def test_no_operations_sync_what_was_written_before(handle: Handle) -> None:
    def synced() -> int:
        stats: Any = ffi.new("pykv_stats *")
        assert lib.pykv_get_stats(handle.pointer, stats) == lib.PYKV_OK
        number: int = stats.synced_sequence
        return number

    native.write_operations(handle.pointer, [Put(b"k", b"v")], None)
    native.write_operations(handle.pointer, [], None)
    assert synced() == 0
    native.write_operations(handle.pointer, [], True)
    assert synced() == 1


def test_compare_and_set_tells_an_absent_key_from_an_empty_value(handle: Handle) -> None:
    def compare_and_set(expected: bytes | None, value: bytes | None) -> bool:
        return native.compare_and_set(handle.pointer, b"k", expected, value, 0, None)

    assert not compare_and_set(b"", b"1")
    assert compare_and_set(None, b"")
    assert not compare_and_set(None, b"1")
    assert compare_and_set(b"", b"1")
    assert compare_and_set(b"1", None)
    assert value_of(handle, b"k") is None


def test_a_report_lists_damages_with_their_place() -> None:
    raw: Any = ffi.new("pykv_report *", {"file_count": 3, "record_count": 9, "damage_count": 2})
    raw.damages[0].path = b"x"
    raw.damages[0].offset = 24
    raw.damages[0].text = b"x: the check is wrong at offset 24: expected 0x1, got 0x2"
    raw.damages[0].expected, raw.damages[0].got = 1, 2
    raw.damages[1].text = b"a file is missing"
    report = native.report_of(raw, Path("/d"))
    assert (report.file_count, report.record_count, report.ok) == (3, 9, False)
    assert str(report.damages[0]) == "/d/x at byte 24: the check is wrong (expected 1, got 2)"
    assert (report.damages[1].path, report.damages[1].expected) == (None, None)


def test_a_report_counts_more_damages_than_it_lists() -> None:
    raw = ffi.new("pykv_report *", {"damage_count": 1_000})
    report = native.report_of(raw, Path("/d"))
    assert report.damage_count == 1_000
    assert len(report.damages) == lib.PYKV_DAMAGE_COUNT_MAX
