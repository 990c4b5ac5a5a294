"""What the writing processes of this folder do: random writes, each known from a seed and a number.

The same writes are made on a store and on a dict, which is then what the store must hold
(`process_rows`). Several writers share its places without meeting: a place with the number n
belongs to the writer n modulo their number.
"""

import contextlib
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.process_rows import (
    HOUR_SOON,
    NAMESPACE,
    PIN,
    Rows,
    dated,
    delete_range,
    drop,
    in_space,
    place_of,
    space_of,
    ttl_of,
    undated,
)
from tests.engine.native_kinds import LSM, Kind, NativeStore

import pykv

# The numbers of writers in use divide all three, so that no place changes hands within a round.
KEY_COUNT = 300
SPACE_COUNT = 6
PIN_COUNT = 3
KINDS = {"put": 300, "delete": 60, "many": 40, "batch": 50, "put_synced": 4, "sync": 2}
KINDS |= {"flush": 2, "compact": 2, "clear": 1, "clear_space": 2, "touch": 40, "name": 12}
KINDS |= {"drop": 4, "pin": 2, "unpin": 1, "checkpoint": 2}
# What a store with order takes besides.
ORDERED_KINDS = {"delete_range": 20, "ingest": 10}
SIZES = [0, 20, 20, 20, 200, 200, 200, 3_000, 3_000, 20_000]
HOURS = [None, None, None, None, 1_000_017, 1_000_018, 2_000_000, HOUR_SOON]
# Keys whose number this divides are put to expire soon and never touched, so that no write
# depends on the moment at which another row went.
SOON_KEYS = 5


@dataclass(frozen=True)
class Write:
    """One write: what is put and deleted together; kind says by which call.

    space: the namespace of a clear, a drop, a range or a table. copy: the name of the checkpoint
    that it makes. start, stop: of the range that it deletes. table: the name of the file that
    it ingests.
    """

    kind: str
    puts: Rows = field(default_factory=dict)
    deletes: tuple[bytes, ...] = ()
    space: bytes = b""
    copy: str = ""
    start: bytes = b""
    stop: bytes | None = None
    table: str = ""

    @property
    def makes_durable(self) -> bool:
        """Whether what was written before its return survives the loss of power in any mode."""
        # Where a namespace is not there, nothing comes into it and nothing is synced.
        is_ingest = self.kind == "ingest" and not self.space
        return is_ingest or self.kind in ("put_synced", "sync", "pin", "unpin")

    @property
    def pin(self) -> bytes:
        """What stands in the place of the pin that it sets, empty where it sets none."""
        return next(iter(self.puts.values())) if self.kind == "pin" else b""

    def apply(self, rows: Rows) -> None:
        """Does to a dict what `perform` does to a store."""
        match self.kind:
            case "clear" | "clear_space":
                for place in in_space(rows, self.space):
                    del rows[place]
            case "drop":
                drop(rows, self.space)
            case "delete_range":
                delete_range(rows, self.space, self.start, self.stop)
            case "touch":
                ((place, said),) = self.puts.items()
                if place in rows:
                    rows[place] = dated(undated(rows[place])[0], undated(said)[1])
            case _:
                self._apply_rows(rows)

    def _apply_rows(self, rows: Rows) -> None:
        for place, said in self.puts.items():
            space = space_of(place)
            if undated(said)[1] == HOUR_SOON:
                rows.pop(place, None)
            elif not space or NAMESPACE + space in rows:
                rows[place] = said
        for place in self.deletes:
            rows.pop(place, None)

    def perform(self, db: NativeStore) -> None:
        """Makes the write. One to a namespace that is not there does nothing."""
        match self.kind:
            case "put" | "put_synced" | "touch" | "delete":
                self._perform_one(db)
            case "many":
                self._perform_many(db)
            case "batch":
                self._perform_batch(db)
            case "clear_space" | "name" | "drop" | "delete_range" | "ingest":
                self._perform_on_space(db)
            case "pin" | "unpin":
                self._perform_on_pin(db)
            case "checkpoint":
                self._perform_checkpoint(db)
            case _:
                getattr(db, self.kind)()

    def _perform_one(self, db: NativeStore) -> None:
        (place,) = (*self.puts, *self.deletes)
        key = place.split()[0]
        store = _store_of(db, space_of(place))
        if store is None:
            return
        value, hour = undated(self.puts.get(place, b""))
        match self.kind:
            case "delete":
                store.delete(key)
            case "touch":
                store.touch(key, ttl_of(hour))
            case _:
                store.put(key, value, ttl=ttl_of(hour), sync=self.makes_durable or None)

    def _perform_many(self, db: NativeStore) -> None:
        rows = {place.split()[0]: undated(said) for place, said in self.puts.items()}
        ((space, hour),) = {
            (space_of(place), undated(said)[1]) for place, said in self.puts.items()
        }
        if (store := _store_of(db, space)) is not None:
            pairs = [(key, value) for key, (value, _) in rows.items()]
            store.put_many(pairs, ttl=ttl_of(hour), atomic=True)

    def _perform_batch(self, db: NativeStore) -> None:
        spaces = {space_of(place) for place in (*self.puts, *self.deletes)}
        stores = {space: _store_of(db, space) for space in spaces}
        with db.batch() as batch:
            for place, said in self.puts.items():
                value, hour = undated(said)
                if (store := stores[space_of(place)]) is not None:
                    key, namespace = place.split()[0], store if space_of(place) else None
                    batch.put(key, value, ttl=ttl_of(hour), namespace=namespace)
            for place in self.deletes:
                if (store := stores[space_of(place)]) is not None:
                    batch.delete(place.split()[0], namespace=store if space_of(place) else None)

    def _perform_on_space(self, db: NativeStore) -> None:
        name = self.space.decode()
        if self.kind == "name":
            db.namespace(name, create=True)
        elif (store := _store_of(db, self.space)) is None:
            return
        elif self.kind == "drop":
            db.drop_namespace(name)
        elif self.kind == "delete_range":
            store.delete_range(self.start, self.stop)
        elif self.kind == "ingest":
            self._perform_ingest(db, store)
        else:
            store.clear()

    def _perform_ingest(self, db: NativeStore, store: Any) -> None:
        """Takes rows in from a table beside the store; one that a kill has left goes first."""
        assert db.path is not None
        table = db.path.with_name(self.table)
        table.unlink(missing_ok=True)
        with pykv.TableWriter(table) as writer:
            for place, said in sorted(self.puts.items(), key=lambda row: row[0].split()[0]):
                value, hour = undated(said)
                writer.add(place.split()[0], value, ttl=ttl_of(hour))
        store.ingest([table], move=True)

    def _perform_on_pin(self, db: NativeStore) -> None:
        """A pin is durable at once, so what comes before it is made so first."""
        (place,) = (*self.puts, *self.deletes)
        name = place.split()[1].decode()
        db.sync()
        if self.kind == "pin":
            db.pin_history(name, db.stats()["synced_seq"], bytes_max=int(self.pin))
        else:
            with contextlib.suppress(KeyError):
                db.unpin_history(name)

    def _perform_checkpoint(self, db: NativeStore) -> None:
        """Makes a copy beside the store; of the earlier ones of this writer the last one stays."""
        assert db.path is not None
        for old in copies_in(db.path.parent, self.copy.rpartition("-")[0])[:-1]:
            shutil.rmtree(old)
        db.checkpoint(db.path.with_name(self.copy))


def _store_of(db: NativeStore, space: bytes) -> Any:
    """The store or the handle that a namespace is written to, None where there is none."""
    if not space:
        return db
    try:
        return db.namespace(space.decode())
    except KeyError:
        return None


def copies_in(folder: Path, prefix: str = "copy") -> list[Path]:
    """The checkpoints in a folder whose names begin so, in the order of their writes."""
    return sorted(folder.glob(f"{prefix}-*"), key=lambda path: int(path.name.split("-")[-1]))


def kinds_of(kind: Kind) -> dict[str, int]:
    """The kinds of writes that a store takes, and how often each is made."""
    return KINDS | ORDERED_KINDS if kind is LSM else KINDS


def writes_of(
    kind_of_store: Kind, seed: int | str, writer: int = 0, writer_count: int = 1
) -> Iterator[Write]:
    """The writes of one writer, without end, the same for the same seed.

    A clear touches the keys of all writers: only a writer that is alone makes it.
    """
    rng = random.Random(f"{seed} {writer}")
    weight_of = kinds_of(kind_of_store)
    kinds = [kind for kind in weight_of if kind != "clear" or writer_count == 1]
    weights = [weight_of[kind] for kind in kinds]
    number = 0
    while True:
        kind = rng.choices(kinds, weights)[0]
        many = range(rng.randrange(2, 40))
        spaces = [b"%d" % rng.randrange(writer, SPACE_COUNT, writer_count) for _ in range(2)]
        places = [_draw_place(rng, spaces, writer, writer_count) for _ in many]
        mark = f"{number} of {seed}.".encode()
        if kind == "put_synced":
            # Not to a namespace: where that is not there, nothing is synced.
            places = [b"%d" % rng.randrange(writer, KEY_COUNT, writer_count)]
        if kind == "delete_range":
            alone = writer_count == 1 and rng.random() < 0.5
            yield _delete_range(b"" if alone else spaces[0], rng)
        elif kind == "ingest":
            yield _ingest(places, rng, mark, f"table-{writer}")
        elif kind in SPECIAL:
            yield _special(kind, spaces[0], places[0], rng, f"copy-{writer}-{number}")
        else:
            yield _write(kind, places, rng, mark)
        number += 1


SPECIAL = ("touch", "name", "drop", "clear_space", "pin", "unpin", "checkpoint")


def _draw_place(rng: random.Random, spaces: list[bytes], writer: int, writer_count: int) -> bytes:
    """The place of a row of a writer. What stands in its namespaces may have any key."""
    if rng.random() < 0.3:
        return place_of(b"%d" % rng.randrange(KEY_COUNT), rng.choice(spaces))
    return b"%d" % rng.randrange(writer, KEY_COUNT, writer_count)


def _special(kind: str, space: bytes, place: bytes, rng: random.Random, copy: str) -> Write:
    """A write that is not of rows, and a touch."""
    pin = PIN + b"%d" % (int(space) % PIN_COUNT)
    match kind:
        case "touch" if int(place.split()[0]) % SOON_KEYS:
            return Write(kind, {place: dated(b"", rng.choice(HOURS[:-1]))})
        case "touch":
            return Write("delete", deletes=(place,))
        case "name":
            return Write(kind, {NAMESPACE + space: b""}, space=space)
        case "pin":
            # No history comes near such a limit, and no two pins have the same.
            return Write(kind, {pin: b"%d" % rng.randrange(1 << 40, 1 << 50)})
        case "unpin":
            return Write(kind, deletes=(pin,))
        case "checkpoint":
            return Write(kind, copy=copy)
        case _:
            return Write(kind, space=space)


def _delete_range(space: bytes, rng: random.Random) -> Write:
    """The delete of the keys that begin with a number, of half of all keys, or of all."""
    first = b"%d" % rng.randrange(KEY_COUNT)
    stop = first[:-1] + bytes([first[-1] + 1])
    start, stop_or_end = rng.choices([(first, stop), (first, None), (b"", stop)], [10, 1, 1])[0]
    return Write("delete_range", space=space, start=start, stop=stop_or_end)


def _ingest(places: list[bytes], rng: random.Random, mark: bytes, table: str) -> Write:
    """Rows of one namespace that come in a table."""
    space = space_of(places[0])
    same = [place for place in places if space_of(place) == space]
    return Write("ingest", _rows(same, HOURS, rng, mark), space=space, table=table)


def _rows(chosen: list[bytes], hours: list[int | None], rng: random.Random, mark: bytes) -> Rows:
    """Rows for places; mark makes their values unlike those of every other write."""
    found = {}
    for place in chosen:
        value = b"%s in %s" % (place, mark) + b"x" * rng.choice(SIZES)
        hour = rng.choice(hours)
        soon = hour == HOUR_SOON and int(place.split()[0]) % SOON_KEYS != 0
        found[place] = dated(value, None if soon else hour)
    return found


def _write(kind: str, places: list[bytes], rng: random.Random, mark: bytes) -> Write:
    """A write of rows to places, or one without."""
    half = len(places) // 2
    match kind:
        case "put":
            return Write(kind, _rows(places[:1], HOURS, rng, mark))
        case "put_synced":
            return Write(kind, _rows(places, [None], rng, mark))
        case "delete":
            return Write(kind, deletes=tuple(places[:1]))
        case "many":
            same = [place for place in places if space_of(place) == space_of(places[0])]
            return Write(kind, _rows(same, [rng.choice(HOURS[:-1])], rng, mark))
        case "batch":
            return Write(kind, _rows(places[:half], HOURS, rng, mark), tuple(places[half:]))
        case _:
            return Write(kind)


def options_of(rng: random.Random, engine: str) -> dict[str, Any]:
    """Options under which files roll and merges run."""
    common = {
        "durability": rng.choice(["os", "os", "interval:5ms", "sync"]),
        "log_sink": rng.choice(["auto", "auto", "pwrite"]),
        "background_threads": rng.choice([0, 2, 3]),
        "history_bytes": rng.choice([0, 0, 1 << 20]),
    }
    if engine == "lsm":
        return common | {
            "memtable_bytes": rng.choice([65_536, 1 << 20]),
            "table_bytes": rng.choice([65_536, 1 << 20]),
            "compression": rng.choice([None, "none"]),
            "compaction": rng.choice(["leveled", "lazy"]),
            "value_log_bytes_min": rng.choice([0, 64]),
        }
    return common | {
        "segment_bytes": rng.choice([65_536, 1 << 20]),
        "space_amplification_max": rng.choice([1.1, 1.5]),
        "compression": rng.choice(["none", "zstd"]),
    }
