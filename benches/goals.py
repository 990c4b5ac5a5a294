"""The rows of the table, and what pykv must reach in each: the one place for both.

A ratio is a peer's time over pykv's in the same run, at the same durability and memory budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How a goal is judged."""

    PEER = "peer"
    """Best peer over pykv, at least the bound."""
    FLOOR = "floor"
    """pykv over the fastest raw method, at most the bound."""
    VALUE = "value"
    """pykv's own figure, at most the bound."""
    COST = "cost"
    """pykv over itself without the feature, at most the bound."""


class Section(Enum):
    """Rows that are measured in one process, on one store."""

    SINGLE = "single"
    BATCH = "batch"
    SYNCED = "synced"
    FEATURES = "features"
    """What only pykv does here: it stands beside itself without the feature, or beside the raw way.
    """


@dataclass(frozen=True)
class Row:
    """A line of the table. Less is better in all of them."""

    name: str
    title: str
    unit: str
    section: Section
    durability: str


@dataclass(frozen=True)
class Goal:
    """What pykv must reach in a row."""

    kind: Kind
    bound: float

    def text(self, unit: str) -> str:
        """The goal as the table shows it."""
        if self.kind is Kind.PEER:
            return f"{self.bound:g}x"
        if self.kind is Kind.FLOOR:
            return f"at most {self.bound:g}x raw"
        if self.kind is Kind.COST:
            return f"at most {self.bound:g}x"
        return f"at most {self.bound:g} {unit}"


ROWS: tuple[Row, ...] = (
    Row("put", "put, one by one", "us", Section.SINGLE, "os"),
    Row("put_batch", "put in batches of 1000, a key", "us", Section.BATCH, "os"),
    Row("put_arrays", "put batches of 1000, arrays, a key", "us", Section.BATCH, "os"),
    Row("overwrite", "overwrite", "us", Section.SINGLE, "os"),
    Row("delete", "delete", "us", Section.SINGLE, "os"),
    Row("put_synced", "put, each synced", "us", Section.SYNCED, "sync"),
    Row("get", "get, present, random", "us", Section.SINGLE, "-"),
    Row("get_missing", "get, missing", "us", Section.SINGLE, "-"),
    Row("get_zipf", "get, zipfian", "us", Section.SINGLE, "-"),
    Row("get_many", "get 100 keys at once, a key", "us", Section.SINGLE, "-"),
    Row("get_arrays", "get 1000 keys at once, arrays, a key", "us", Section.SINGLE, "-"),
    Row("scan", "scan, a row", "us", Section.SINGLE, "-"),
    Row("scan_arrays", "scan, arrays, a row", "us", Section.SINGLE, "-"),
    Row("seek", "seek + 100 rows", "us", Section.SINGLE, "-"),
    Row("mixed", "half put, half get", "us", Section.SINGLE, "os"),
    Row("reopen", "reopen after a clean close", "ms", Section.SINGLE, "-"),
    Row("disk", "size on disk, closed", "MB", Section.SINGLE, "-"),
    Row("ram", "RAM a key", "B", Section.SINGLE, "-"),
    Row("device", "to the device a synced put", "KiB", Section.SYNCED, "sync"),
    Row("get_beside", "get, while a snapshot is open", "us", Section.FEATURES, "-"),
    Row("get_at", "get at a snapshot", "us", Section.FEATURES, "-"),
    Row("get_many_at", "get 100 keys at once at a snapshot, a key", "us", Section.FEATURES, "-"),
    Row("scan_at", "scan at a snapshot, a row", "us", Section.FEATURES, "-"),
    Row("put_after", "put, once a snapshot was closed", "us", Section.FEATURES, "os"),
    Row("put_ttl", "put, each with a ttl", "us", Section.FEATURES, "os"),
    Row("scan_deleted", "scan over a range, just deleted", "us", Section.FEATURES, "-"),
    Row("scan_deleted_flushed", "the same, once it is flushed", "us", Section.FEATURES, "-"),
    Row("drop", "drop of a namespace with rows", "us", Section.FEATURES, "os"),
    Row("reopen_spaces", "reopen, all rows in namespaces", "ms", Section.FEATURES, "-"),
    Row("changes", "change feed, a change", "us", Section.FEATURES, "os"),
    Row("checkpoint", "checkpoint", "ms", Section.FEATURES, "os"),
    Row("get_threads", "get, two threads", "us", Section.FEATURES, "-"),
    Row("get_many_threads", "get 64 keys at once, two threads, a key", "us", Section.FEATURES, "-"),
    Row("put_synced_threads", "put, each synced, eight threads", "us", Section.FEATURES, "sync"),
)

ARRAY_ROWS: dict[str, str] = {
    "put_arrays": "put_batch",
    "get_arrays": "get_many",
    "scan_arrays": "scan",
}
"""Rows of array calls, each with the row whose figure a store without array calls has there too,
which is the best that it offers."""

WITHOUT = "without it"
"""In rows of features the samples of pykv itself without the feature."""

WAITING_ROWS = frozenset(
    {"put_synced", "reopen", "reopen_spaces", "checkpoint", "put_synced_threads"}
)
"""Rows that wait for the device: wall-clock time whatever the clock of the run."""

ROW_BY_NAME: dict[str, Row] = {row.name: row for row in ROWS}

FEATURE_ROWS = frozenset(row.name for row in ROWS if row.section is Section.FEATURES)

RANGE_ROWS = frozenset({"seek", "scan_deleted", "scan_deleted_flushed"})
"""Rows that need an order of keys."""

# Goals that do not depend on the engine.
_COMMON: dict[str, Goal] = {
    "put": Goal(Kind.PEER, 4.0),
    "put_batch": Goal(Kind.PEER, 5.0),
    "overwrite": Goal(Kind.PEER, 4.0),
    "delete": Goal(Kind.PEER, 4.0),
    "put_synced": Goal(Kind.FLOOR, 1.1),
    "get_zipf": Goal(Kind.PEER, 1.2),
    "get_many": Goal(Kind.PEER, 6.0),
    "scan": Goal(Kind.PEER, 1.2),
    "scan_arrays": Goal(Kind.PEER, 10.0),
    "mixed": Goal(Kind.PEER, 3.0),
    "device": Goal(Kind.VALUE, 8.0),
    "get_beside": Goal(Kind.COST, 1.1),
    "get_at": Goal(Kind.COST, 1.1),
    "get_many_at": Goal(Kind.COST, 1.1),
    "scan_at": Goal(Kind.COST, 1.1),
    "put_after": Goal(Kind.COST, 1.05),
    "put_ttl": Goal(Kind.COST, 1.15),
    "drop": Goal(Kind.COST, 1.1),
    "changes": Goal(Kind.VALUE, 1.0),
    "checkpoint": Goal(Kind.FLOOR, 1.1),
    "get_threads": Goal(Kind.COST, 1.11),
    "get_many_threads": Goal(Kind.COST, 1.0),
    "put_synced_threads": Goal(Kind.COST, 0.5),
}

GOALS: dict[str, dict[str, Goal]] = {
    "bitcask": _COMMON
    | {
        "put_arrays": Goal(Kind.PEER, 10.0),
        "get_arrays": Goal(Kind.PEER, 20.0),
        "get": Goal(Kind.PEER, 2.0),
        "get_missing": Goal(Kind.PEER, 2.0),
        "reopen": Goal(Kind.VALUE, 5.0),
        "reopen_spaces": Goal(Kind.VALUE, 5.0),
        "ram": Goal(Kind.VALUE, 12.0),
    },
    "lsm": _COMMON
    | {
        "put_arrays": Goal(Kind.PEER, 5.0),
        "get_arrays": Goal(Kind.PEER, 10.0),
        "get": Goal(Kind.PEER, 1.5),
        "get_missing": Goal(Kind.PEER, 1.5),
        "seek": Goal(Kind.PEER, 1.5),
        "reopen": Goal(Kind.VALUE, 20.0),
        "reopen_spaces": Goal(Kind.VALUE, 20.0),
        "disk": Goal(Kind.PEER, 1.0),
        "scan_deleted": Goal(Kind.COST, 1.1),
        "scan_deleted_flushed": Goal(Kind.COST, 1.1),
    },
    "memory": {},
}

NOISE_BOUND_MAX = 1.2
"""Ratio goals up to this one fail only when the whole confidence interval misses them."""

RAM_KEYS_MIN = 1_000_000
"""The RAM goal is a steady-state figure: it holds from this many keys on."""
