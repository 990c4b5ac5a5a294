"""One list of operations, many option sets, all engines: the same answers as a dict.

Each history is run on every engine with each of its option sets, and every reopening draws
another set, so a database that one set wrote is read under the others. A store opened read-only
refreshes beside it all the time, and pins of the history come and go. PYKV_LISTS says how many
histories there are, PYKV_SEED which: in one run all engines see the same. A failure names history,
engine, set and operation. Without PYKV_LISTS there is a short one, which begins with some of the
sets.
"""

import os
import random
import time
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import pykv
from tests.model.condition_steps import draw_conditional
from tests.model.expiry_steps import draw_expiring
from tests.model.follower import Follower
from tests.model.moment_steps import (
    Draw,
    backup,
    checkpoint,
    conversion,
    rows_of_spaces,
    snapshot,
)
from tests.model.named_steps import draw_named, named_snapshot
from tests.model.oracle import Oracle
from tests.model.ordered_steps import draw_ordered
from tests.model.pins import Pins
from tests.model.reader_beside import ReaderBeside
from tests.model.room_steps import draw_room
from tests.model.step import (
    KEYS,
    UNTOLD,
    Answer,
    Step,
    draw_range,
    draw_value,
    is_ordered,
    items_of,
    keys_in,
    remove,
)

HISTORIES = int(os.environ.get("PYKV_LISTS") or 0)
SEED = int(os.environ.get("PYKV_SEED") or time.time_ns() % 1_000_000_000)
STEPS = 220 if HISTORIES else 80
SETS_WHERE_QUICK = 3

# What makes files small comes first: most of the mechanisms show in few operations then.
SETS: dict[str, list[dict[str, Any]]] = {
    "bitcask": [
        {"segment_bytes": 65_536},
        {},
        {"segment_bytes": 65_536, "log_sink": "pwrite"},
        {"segment_bytes": 65_536, "background_threads": 0},
        {"segment_bytes": 65_536, "space_amplification_max": 1.1},
        {"segment_bytes": 65_536, "compression": "zstd"},
        {"log_sector_padding": True},
        {"durability": "interval:5ms"},
        {"log_sink": "mapped"},
    ],
    "lsm": [
        {"memtable_bytes": 65_536, "table_bytes": 65_536},
        {},
        {"memtable_bytes": 65_536, "table_bytes": 65_536, "compaction": "lazy"},
        {"memtable_bytes": 65_536, "value_log_bytes_min": 64, "space_amplification_max": 1.1},
        {"memtable_bytes": 65_536, "compression": "none", "log_sink": "pwrite"},
        {"memtable_bytes": 65_536, "background_threads": 0},
        {"memtable_bytes": 65_536, "table_bytes": 65_536, "block_bytes": 1_024},
        {"memtable_bytes": 65_536, "filter_bits_per_key": 0.0},
        {"memtable_bytes": 65_536, "compression_level": 9, "log_sector_padding": True},
        {"durability": "interval:5ms", "log_sink": "mapped"},
    ],
    "memory": [{}],
}
# All changes are kept by this option, or by the pin of the follower.
HISTORY = {"history_bytes": 1 << 40}


class Event(Enum):
    """What happens between the steps of a history."""

    REOPEN = "the store is closed, and opened with another option set"
    REFRESH = "the reader beside it moves to what was written"
    PIN = "a pin of the history is set, moved or removed"


def draw_write(rng: random.Random) -> Step:
    """A write of one of the kinds there are."""
    key, value = rng.choice(KEYS), draw_value(rng)
    kinds = ["put", "delete", "swap", "rows", "arrays", "many", "range", "batch", "expiring"]
    kind = rng.choices([*kinds, "clear"], [40, 20, 8, 8, 5, 4, 8, 5, 16, 1])
    match kind[0]:
        case "put":
            return (f"put {key!r}", lambda db: db.put(key, value), lambda to: put(to, key, value))
        case "delete":
            return (f"delete {key!r}", lambda db: db.delete(key), lambda to: delete(to, [key]))
        case "swap":
            old, new = (None, value) if rng.random() < 0.5 else (value, None)
            return (
                f"swap {key!r}",
                lambda db: db.compare_and_set(key, old, new),
                lambda to: to.compare_and_set(key, old, new),
            )
        case "arrays":
            return draw_arrays(rng)
        case "rows":
            rows = [(rng.choice(KEYS), draw_value(rng)) for _ in range(rng.randrange(30))]
            return (
                f"{len(rows)} rows",
                lambda db: db.put_many(rows, atomic=True),
                lambda to: to.rows.update(rows),
            )
        case "many":
            some = rng.sample(KEYS, 12)
            return ("delete 12", lambda db: db.delete_many(some), lambda to: delete(to, some))
        case "range":
            start, stop = draw_range(rng)
            return (
                f"delete_range {start!r} {stop!r}",
                lambda db: remove(db, KEYS, start, stop),
                lambda to: to.delete_range(start, stop),
            )
        case "batch":
            return draw_batch(rng)
        case "expiring":
            return rng.choice([draw_expiring, draw_conditional])(rng)
        case _:
            return ("clear", lambda db: db.clear(), lambda to: to.rows.clear())


def draw_arrays(rng: random.Random) -> Step:
    """Puts or deletes of keys in an array, of which some may come twice."""
    some = rng.choices(KEYS, k=rng.randrange(30))
    if rng.random() < 0.3:
        return (
            f"delete {len(some)} in an array",
            lambda db: db.delete_arrays(items_of(some)),
            lambda to: delete(to, some),
        )
    data = [draw_value(rng) for _ in some]
    return (
        f"{len(some)} rows in arrays",
        lambda db: db.put_arrays(items_of(some), items_of(data)),
        lambda to: put_arrays(to, some, data),
    )


def draw_batch(rng: random.Random) -> Step:
    """A batch in which a range delete comes before and behind writes to its keys."""
    rows = [(rng.choice(KEYS), draw_value(rng)) for _ in range(rng.randrange(2, 12))]
    before = rng.randrange(len(rows))
    start, stop = draw_range(rng)

    def on_store(db: Any) -> Answer:
        with db.batch() as writes:
            for key, value in rows[:before]:
                writes.put(key, value)
            if is_ordered(db):
                writes.delete_range(start, stop)
            else:
                for key in keys_in(KEYS, start, stop):
                    writes.delete(key)
            for key, value in rows[before:]:
                writes.put(key, value)
        return UNTOLD

    def on_oracle(to: Oracle) -> Answer:
        to.rows.update(rows[:before])
        to.delete_range(start, stop)
        to.rows.update(rows[before:])
        return UNTOLD

    return f"batch of {len(rows)} rows about {start!r} {stop!r}", on_store, on_oracle


def put(to: Oracle, key: bytes, value: bytes) -> Answer:
    to.rows[key] = value
    return UNTOLD


def delete(to: Oracle, keys: list[bytes]) -> Answer:
    to.delete_many(keys)
    return UNTOLD


def draw_read(rng: random.Random) -> Step:
    """A read of one of the kinds there are; rows without an order are sorted."""
    key, some = rng.choice(KEYS), rng.sample(KEYS, 9)
    steps: list[Step] = [
        (f"get {key!r}", lambda db: db.get(key), lambda to: to.rows.get(key)),
        (f"view {key!r}", lambda db: bytes_of(db.get_view(key)), lambda to: to.rows.get(key)),
        (f"{key!r} in", lambda db: key in db, lambda to: key in to.rows),
        ("get 9", lambda db: db.get_many(some), lambda to: [to.rows.get(each) for each in some]),
        (
            "arrays of 9",
            lambda db: db.get_arrays(items_of(some)).to_list(),
            lambda to: [to.rows.get(each) for each in some],
        ),
        ("scan in arrays", in_arrays, lambda to: to.scan()),
        ("len", length, lambda to: len(to.rows)),
        ("items", lambda db: sorted(db.items()), lambda to: to.scan()),
        ("keys", lambda db: sorted(db.keys()), lambda to: sorted(to.rows)),
    ]
    return rng.choice([*steps, draw_room(rng), *(draw_ordered(rng) for _ in range(6))])


def length(reader: Any) -> int:
    """The number of rows, which len is; a Bitcask counts what has expired until it is merged."""
    rows = sum(1 for _ in reader)
    assert len(reader) == rows or (len(reader) > rows and not is_ordered(reader))
    return rows


def bytes_of(view: memoryview | None) -> bytes | None:
    """What a view shows."""
    return None if view is None else bytes(view)


def in_arrays(db: Any) -> Answer:
    """All rows, sorted, by a scan in arrays."""
    return sorted(row for chunk in db.scan_arrays(chunk_rows=37) for row in chunk.to_list())


def put_arrays(to: Oracle, keys: list[bytes], values: list[bytes]) -> Answer:
    to.rows.update(zip(keys, values, strict=True))
    return UNTOLD


def nothing(to: Oracle) -> Answer:
    """What upkeep changes for the user."""
    return UNTOLD


def draw_upkeep(rng: random.Random) -> Step:
    start, stop = draw_range(rng)
    return rng.choice(
        [
            ("sync", lambda db: db.sync(), nothing),
            ("flush", lambda db: db.flush(), nothing),
            ("compact", lambda db: db.compact(), nothing),
            (
                f"compact {start!r} {stop!r}",
                lambda db: db.compact(start, stop) if is_ordered(db) else None,
                nothing,
            ),
            ("verify", lambda db: db.verify().ok, lambda to: True),
        ]
    )


def draw_change(rng: random.Random) -> Step:
    """What a moment that is kept does not notice."""
    return rng.choices([draw_write, draw_upkeep], [5, 1])[0](rng)


def draw_moment(rng: random.Random) -> Step:
    """A read of a moment that is kept, in the store or as a store of its own."""
    draws: list[Draw] = [
        lambda rng: snapshot(rng, draw_read, draw_change),
        lambda rng: checkpoint(rng, draw_read),
        lambda rng: backup(rng, draw_read),
        lambda rng: conversion(rng, draw_read),
        lambda rng: named_snapshot(rng, draw_read),
    ]
    return rng.choices(draws, [6, 1, 1, 1, 2])[0](rng)


def draw_history(seed: int) -> list[Step | Event]:
    """The steps of a history, and what comes between them."""
    rng = random.Random(seed)
    draws: list[Draw | Event] = [draw_write, draw_read, draw_upkeep, draw_named, draw_moment]
    chosen = rng.choices([*draws, *Event], [70, 35, 4, 25, 8, 3, 5, 4], k=STEPS)
    return [draw if isinstance(draw, Event) else draw(rng) for draw in chosen]


class Run:
    """One history on one engine, which begins with one of its option sets."""

    def __init__(self, engine: str, index: int, path: Path, rng: random.Random) -> None:
        self.engine, self.index, self.path, self.rng = engine, index, path, rng
        self.history = {} if engine == "memory" or rng.random() < 0.5 else HISTORY
        self.oracle = Oracle()
        self.follower = Follower()
        self.db = self.open()
        self.beside = ReaderBeside(lambda: pykv.open(path, read_only=True), self.db.features)
        self.pins = Pins(self.follower, is_needed=not self.history)

    def __str__(self) -> str:
        return f"{self.engine} begun with {self.index}, history {self.history}"

    def open(self) -> Any:
        return pykv.open(
            self.path, engine=self.engine, **SETS[self.engine][self.index] | self.history
        )

    def go(self, steps: list[Step | Event]) -> None:
        named = "namespaces" in self.db.features
        try:
            self.pins.follow(self.db)
            for number, step in enumerate(steps):
                if isinstance(step, Event):
                    self.meet(step)
                    continue
                name, on_store, on_oracle = step
                if name.startswith("named ") and not named:
                    continue
                got, wanted = on_store(self.db), on_oracle(self.oracle)
                assert wanted is UNTOLD or got == wanted, f"{self} {number}: {name}"
            assert sorted(self.db.items()) == self.oracle.scan(), f"{self} at its end"
            if named:
                assert rows_of_spaces(self.db) == self.oracle.spaces, f"{self} at its end"
            self.pins.follow(self.db)
            self.pins.check(self.db)
            if self.engine != "memory":
                self.beside.refresh(self.db, self.oracle)
        finally:
            self.beside.close()
            self.db.close()

    def meet(self, event: Event) -> None:
        """What only a store on disk does."""
        if self.engine == "memory":
            return
        match event:
            case Event.REFRESH:
                self.beside.refresh(self.db, self.oracle)
            case Event.PIN:
                self.pins.change(self.db, self.rng)
            case Event.REOPEN:
                self.pins.follow(self.db)
                self.follower.check(self.db)
                self.db.close()
                self.index = self.rng.randrange(len(SETS[self.engine]))
                self.db = self.open()
                self.pins.check(self.db)


def indexes(engine: str, seed: int) -> list[int]:
    """The option sets to begin with."""
    every = list(range(len(SETS[engine])))
    if HISTORIES or len(every) <= SETS_WHERE_QUICK:
        return every
    return random.Random(seed).sample(every, SETS_WHERE_QUICK)


@pytest.mark.parametrize("engine", SETS)
def test_all_options_give_the_answers_of_a_dict(engine: str, tmp_path: Path) -> None:
    for seed in range(SEED, SEED + max(1, HISTORIES)):
        steps = draw_history(seed)
        for index in indexes(engine, seed):
            path = tmp_path / f"{seed}-{index}"
            try:
                Run(engine, index, path, random.Random(f"{seed} {index}")).go(steps)
            except BaseException as error:
                error.add_note(f"PYKV_SEED={seed} PYKV_LISTS=1, {engine}, begun with {index}")
                raise
