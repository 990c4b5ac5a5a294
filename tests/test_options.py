"""Options: defaults, ranges, durability strings, near misses."""

import dataclasses
import math

import pytest

from pykv.engine.given_options import make_options
from pykv.errors import InvalidOptionError
from pykv.options import (
    BitcaskOptions,
    CommonOptions,
    Durability,
    Interval,
    LsmOptions,
    MemoryOptions,
    NativeOptions,
    Os,
    Sync,
    parse_durability,
)

CLASSES = [CommonOptions, NativeOptions, BitcaskOptions, LsmOptions, MemoryOptions]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("os", Os()),
        ("sync", Sync()),
        ("interval:100ms", Interval(100_000)),
        ("interval:2s", Interval(2_000_000)),
        ("interval:1500us", Interval(1_500)),
    ],
)
def test_a_durability_string_stands_for_its_dataclass(text: str, value: Durability) -> None:
    assert parse_durability(text) == value
    assert parse_durability(value) is value
    assert CommonOptions(durability=text) == CommonOptions(durability=value)
    assert parse_durability(str(value)) == value


@pytest.mark.parametrize(
    "value",
    ["", "fsync", "OS", "interval", "interval:", "interval:5", "interval:-1ms", "interval:1.5s",
     "interval:1h", "interval:0ms", "interval:31s", "interval:999us", None, 5, b"os"],
)  # fmt: skip
def test_any_other_durability_is_refused(value: object) -> None:
    with pytest.raises(InvalidOptionError, match=r"interval"):
        CommonOptions(durability=value)  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize("value", [0, 999, 30_000_001, True, 2_000.0, "2000"])
def test_an_interval_outside_its_range_is_refused(value: object) -> None:
    with pytest.raises(InvalidOptionError, match=r"1 ms to 30 s"):
        Interval(value)  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize("cls", CLASSES)
def test_every_option_is_described_with_its_default(cls: type[CommonOptions]) -> None:
    described = "".join(base.__doc__ or "" for base in cls.__mro__)
    for field in dataclasses.fields(cls):
        assert f"\n    {field.name}: " in described


@pytest.mark.parametrize("cls", CLASSES)
def test_options_are_frozen_and_compare_by_value(cls: type[CommonOptions]) -> None:
    options = cls()
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.create = False  # type: ignore[misc]  # the assignment is the point
    assert options == cls(durability="os")
    assert hash(options) == hash(cls())
    assert not hasattr(options, "__dict__")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("segment_bytes", [64 * 1024, 16 * 1024**3], [65_535, 16 * 1024**3 + 1, -1, 1e6, "1M"]),
        ("batch_bytes_max", [64 * 1024, 1024**3], [65_535, 1024**3 + 1, None]),
        ("space_amplification_max", [1.01, 2, 100.0], [1, 1.0, 0.5, math.inf, math.nan, True, "2"]),
        ("log_sink", ["auto", "pwrite", "mapped"], ["mmap", "", None, 1]),
        ("recovery", ["strict", "point_in_time"], ["best_effort", True]),
        ("merge_bytes_per_second", [0, 1024**4], [-1, 1024**4 + 1, True]),
        ("ttl_reap_seconds", [0, 1, 0.0, 60.5, 31_536_000], [0.9, -1, 31_536_001, math.nan, True]),
        ("history_bytes", [0, 1, 1024**5], [-1, 1024**5 + 1, None, 4096.0, True]),
        ("undo_bytes_max", [None, 65_536, 16 * 1024**4], [0, 65_535, 16 * 1024**4 + 1, 1e6, True]),
        ("compression", ["none", "zstd"], ["lz4", "", None, 0]),
        ("compression_level", [1, 22], [0, 23, -1, None, 1.0]),
        ("background_threads", [0, 16], [-1, 17, False, "2"]),
        ("log_sector_padding", [True, False], [1, 0, "yes", None]),
        ("mapped_reads", [True, False], [1, None]),
        ("read_only", [True, False], [1, None]),
        ("create", [True, False], [0, None]),
        ("error_if_exists", [True, False], ["no"]),
    ],
)
def test_each_option_takes_its_range_and_nothing_else(
    name: str, good: list[object], bad: list[object]
) -> None:
    for value in good:
        assert getattr(make_options(BitcaskOptions, "bitcask", {name: value}), name) == value
    for value in bad:
        with pytest.raises(InvalidOptionError, match=f"{name} must be .* got"):
            make_options(BitcaskOptions, "bitcask", {name: value})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("memory_budget_bytes", [None, 16 * 1024**2, 16 * 1024**4], [0, 16 * 1024**2 - 1, 1e9]),
        ("memtable_bytes", [None, 64 * 1024, 4 * 1024**3], [0, 65_535, 4 * 1024**3 + 1]),
        ("block_bytes", [1024, 65_536], [0, 1023, 65_537, True]),
        ("table_bytes", [64 * 1024, 4 * 1024**3], [65_535, 4 * 1024**3 + 1]),
        ("compression", [None, "zstd", "none"], ["lz4", "", 0, False]),
        ("compaction", ["leveled", "lazy"], ["tiered", "", None, 2]),
        ("compression_level", [1, 22], [0, 23, -1, None, 1.0]),
        ("history_bytes", [0, 1, 1024**5], [-1, 1024**5 + 1, None, 4096.0, True]),
        ("value_log_bytes_min", [0, 64, 1024**3], [1, 63, 1024**3 + 1, None, 4096.0, True]),
        ("space_amplification_max", [1.01, 2, 100.0], [1, 0.5, math.inf, True, "2"]),
        ("filter_bits_per_key", [0, 2, 10.5, 32], [-1, 1.9, 33, math.nan, True, "10", None]),
        ("background_threads", [0, 16], [-1, 17, False, "2"]),
        ("log_sink", ["auto", "pwrite", "mapped"], ["mmap", "", None, 1]),
    ],
)
def test_each_option_of_an_lsm_takes_its_range_and_nothing_else(
    name: str, good: list[object], bad: list[object]
) -> None:
    for value in good:
        assert getattr(make_options(LsmOptions, "lsm", {name: value}), name) == value
    for value in bad:
        with pytest.raises(InvalidOptionError, match=f"{name} must be .* got"):
            make_options(LsmOptions, "lsm", {name: value})


def test_read_only_and_error_if_exists_exclude_each_other() -> None:
    with pytest.raises(InvalidOptionError, match="give one"):
        CommonOptions(read_only=True, error_if_exists=True)


@pytest.mark.parametrize("given", [{"read_only": True}, {"create": False}])
def test_a_memory_store_cannot_be_reopened(given: dict[str, bool]) -> None:
    with pytest.raises(InvalidOptionError, match="starts empty"):
        make_options(MemoryOptions, "memory", given)


def test_an_unknown_option_names_the_near_miss() -> None:
    with pytest.raises(TypeError, match=r"'segment_byte': did you mean 'segment_bytes'\?"):
        make_options(BitcaskOptions, "bitcask", {"segment_byte": 1})

    with pytest.raises(TypeError, match=r"'compresion': did you mean 'compression'\?"):
        make_options(LsmOptions, "lsm", {"compresion": "zstd"})


def test_an_option_like_no_other_lists_what_there_is() -> None:
    with pytest.raises(TypeError, match=r"'zzz': it knows .*create.*segment_bytes"):
        make_options(BitcaskOptions, "bitcask", {"zzz": 1})


def test_an_option_of_another_engine_is_unknown() -> None:
    with pytest.raises(TypeError, match="engine 'memory' has no option 'segment_bytes'"):
        make_options(MemoryOptions, "memory", {"segment_bytes": 1024**2})
    with pytest.raises(TypeError, match="engine 'lsm' has no option 'segment_bytes'"):
        make_options(LsmOptions, "lsm", {"segment_bytes": 1024**2})
