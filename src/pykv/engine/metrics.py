"""Statistics of stores in the text format of Prometheus (version 0.0.4).

One table says of each number of `Store.stats` whether it is a counter or a gauge, and what it is.
Names follow from it: `_us` become seconds, `_count` the plural, counters end in `_total`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from pykv.store import State, Store

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What a server says of the text that `metrics` gives."""

Kind = Literal["counter", "gauge", "untyped"]


class Metric(NamedTuple):
    """What a number of stats() is: its kind, and a sentence for people."""

    kind: Kind
    help: str


def _gauge(text: str) -> Metric:
    return Metric("gauge", text)


def _counter(text: str) -> Metric:
    return Metric("counter", text)


METRICS: Final[Mapping[str, Metric]] = {
    "key_count": _gauge("Live keys; of an LSM store a guess."),
    "last_seq": _gauge("Sequence number of the last write."),
    "synced_seq": _gauge("Sequence number of the last write known to be on the device."),
    "epoch": _gauge("Unclean recoveries in the life of the database."),
    "disk_bytes": _gauge("Bytes of all files with rows."),
    "live_bytes": _gauge("Bytes of current records; of an LSM store a guess."),
    "open_scan_count": _gauge("Scans and cursors that are open."),
    "open_snapshot_count": _gauge("Snapshots that are open."),
    "view_count": _gauge("Views of values that live."),
    "pinned_bytes": _gauge("Bytes that views of values keep."),
    "view_copy_count": _counter("Views of values that had to be copied."),
    "put_count": _counter("Puts."),
    "delete_count": _counter("Deletes."),
    "get_count": _counter("Lookups of single keys."),
    "get_hit_count": _counter("Lookups that found their key."),
    "sync_count": _counter("Syncs of the log."),
    "written_bytes": _counter("Bytes written to logs by writers."),
    "recovered_record_count": _gauge("Records that open read again from logs."),
    "discarded_bytes": _gauge("Bytes of a torn log that open set aside."),
    "open_us": _gauge("Time that open took."),
    "bus_fault_count": _counter("Pages of mapped files that could not be read."),
    "bus_guard_active": _gauge("Whether faults in mapped files are caught."),
    "clean_open": _gauge("Whether the last close was clean."),
    "background_thread_count": _gauge("Threads lent to the store."),
    # Bitcask
    "segment_count": _gauge("Segment files."),
    "keydir_bytes": _gauge("Memory of the key directory."),
    "undo_bytes": _gauge("Memory kept for open scans and snapshots."),
    "outgrown_snapshot_count": _counter("Scans and snapshots ended, as that was too much."),
    "merged_bytes": _counter("Bytes written to logs by merges."),
    "merge_count": _counter("Merges done."),
    "tag_mismatch_count": _counter("Records read because a tag agreed with another key's."),
    "cold_read_count": _counter("Reads that went through a system call."),
    "hot_mode": _gauge("Whether mapped reads are fast at present."),
    "recovered_from_image": _gauge("Whether the key directory came from its saved image."),
    # LSM
    "memtable_bytes": _gauge("Memory of all memtables."),
    "immutable_memtable_count": _gauge("Memtables that wait to be written to tables."),
    "table_count": _gauge("Tables."),
    "level_count": _gauge("Levels down to the last that has a table."),
    "level_table_count": _gauge("Tables of a level."),
    "level_bytes": _gauge("Bytes of the tables of a level."),
    "level_score": _gauge("From 1 on a level is due to be compacted."),
    "level_read_bytes": _counter("Bytes of a level that compactions read."),
    "level_written_bytes": _counter("Bytes that flushes and compactions wrote to a level."),
    "block_cache_bytes": _gauge("Memory of cached blocks."),
    "block_cache_hit_count": _counter("Blocks found in the cache."),
    "block_cache_miss_count": _counter("Blocks read because the cache did not have them."),
    "flushed_bytes": _counter("Bytes written to tables from memtables."),
    "compaction_read_bytes": _counter("Bytes read by compactions."),
    "compacted_bytes": _counter("Bytes written by compactions."),
    "compaction_count": _counter("Compactions done."),
    "stall_us": _counter("Time that writers waited for background work."),
    "delay_us": _counter("Time that writers were slowed down by what it owes."),
    "pending_compaction_bytes": _gauge("Bytes that compactions owe to the wanted shape."),
    "value_segment_count": _gauge("Value segments."),
    "value_log_bytes": _gauge("Bytes of value segments."),
    "value_log_live_bytes": _gauge("Bytes of values that tables point to."),
    "range_delete_count": _counter("Range deletes."),
    "deleted_range_count": _gauge("Ranges that still hide something in tables."),
    "history_bytes": _gauge("Bytes of logs kept for change feeds alone."),
    "history_pin_count": _gauge("Pins of history that are set."),
    "history_floor": _gauge("Sequence number of the first change that feeds can have."),
    "user_bytes": _counter("Bytes of keys and values that were written."),
    "get_block_count": _counter("Blocks that lookups looked into, cached or not."),
    "memory_budget_bytes": _gauge("Memory budget in force."),
    "memory_used_bytes": _gauge("Memory taken of it."),
    "write_amplification": _gauge("Bytes written to disk over bytes that users wrote."),
    "read_amplification": _gauge("Blocks looked into a lookup."),
    "space_amplification": _gauge("Bytes on disk over live bytes."),
}
# Words of stats(): they are labels of pykv_info, but for those that are labels everywhere.
_EVERYWHERE: Final = ("engine", "path")
_STATE: Final = "state"


class Sample(NamedTuple):
    """One line: the labels and the value of a metric of one store."""

    labels: Mapping[str, str]
    value: float


class Family(NamedTuple):
    """All samples of a metric, of all stores."""

    kind: Kind
    help: str
    samples: list[Sample]


def metric_name(stat: str, kind: Kind) -> str:
    """The name under which a number of stats() is told: pykv_, a noun, its unit."""
    name = stat
    if name.endswith("_count"):
        name = name.removesuffix("_count")
        name += "es" if name.endswith(("ch", "sh", "ss")) else "s"
    elif name.endswith("_us"):
        name = name.removesuffix("_us") + "_seconds"
    return f"pykv_{name}_total" if kind == "counter" else f"pykv_{name}"


def metrics(stores: Iterable[Store]) -> str:
    """The stats of stores in the text format of Prometheus, for a server of the user's.

    Every sample has the labels `engine` and `path`, those of a namespace `namespace`, and the
    numbers of a level `level` too. pykv_info
    has the words of stats(), pykv_state a sample for each state, 1 for that of the store. Say
    CONTENT_TYPE of the text. Several stores go into one text: each name may stand there only once.
    ClosedError for a closed store, TypeError where stores is one, ValueError for one that comes
    twice: a name may have each set of labels only once.
    """
    if hasattr(stores, "stats"):
        raise TypeError("metrics takes several stores: say metrics([store]), or store.metrics()")
    families: dict[str, Family] = {}
    seen: set[tuple[str, ...]] = set()
    for store in stores:
        stats = store.stats()
        common = _common_labels(stats, getattr(store, "name", None))
        # Stores without a path have nothing else to be told apart by.
        if "path" in common and tuple(common.values()) in seen:
            raise ValueError(f"the metrics of {store!r} are asked for twice")
        seen.add(tuple(common.values()))
        _add_store(stats, common, families)
    return "".join(_text_of(name, family) for name, family in families.items())


def _common_labels(stats: Mapping[str, Any], namespace: str | None) -> dict[str, str]:
    common = {name: _label(stats[name]) for name in _EVERYWHERE if stats.get(name) is not None}
    return common if namespace is None else {**common, "namespace": _label(namespace)}


def _add_store(
    stats: Mapping[str, Any], common: Mapping[str, str], families: dict[str, Family]
) -> None:
    words = {
        name: _label(value.partition(": ")[0])
        for name, value in stats.items()
        if isinstance(value, str) and name not in (*_EVERYWHERE, _STATE)
    }
    info = _family(families, "pykv_info", "gauge", "Words about a store; always 1.")
    info.append(Sample({**common, **words}, 1))
    state = _family(families, "pykv_state", "gauge", "1 for the state that the store is in.")
    for each in get_args(State):
        state.append(Sample({**common, "state": each}, int(stats[_STATE] == each)))
    for stat, value in stats.items():
        metric = METRICS.get(stat, Metric("untyped", f"{stat} of the engine's stats()."))
        samples = list(_samples(stat, value, common))
        if samples:
            name = metric_name(stat, metric.kind)
            _family(families, name, metric.kind, metric.help).extend(samples)


def _family(families: dict[str, Family], name: str, kind: Kind, text: str) -> list[Sample]:
    return families.setdefault(name, Family(kind, text, [])).samples


def _samples(stat: str, value: object, common: Mapping[str, str]) -> Iterator[Sample]:
    """A number is a sample, a list one for each level; what is no number is none."""
    if isinstance(value, int | float):
        yield Sample(common, value / 1_000_000 if stat.endswith("_us") else value)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for level, each in enumerate(value):
            yield Sample({**common, "level": str(level)}, each)


def _label(value: object) -> str:
    """A label in characters that can be sent; paths may have others."""
    return os.fsencode(str(value)).decode("utf-8", "backslashreplace")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _text_of(name: str, family: Family) -> str:
    lines = [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
    for sample in family.samples:
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
        value = float(sample.value)
        shown = str(int(value)) if value.is_integer() else repr(value)
        lines.append(f"{name}{{{labels}}} {shown}")
    return "\n".join(lines) + "\n"
