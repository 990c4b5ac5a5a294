"""Steps of the metamorphic test on namespaces, and ingests."""

import random
import tempfile
from pathlib import Path
from typing import Any

import pykv
from tests.model.condition_steps import draw_conditional
from tests.model.expiry_steps import AT_ONCE, LATE, draw_expiring, wait_for_expiry
from tests.model.moment_steps import Draw, snapshot
from tests.model.oracle import Oracle, Rows
from tests.model.ordered_steps import draw_ordered
from tests.model.step import UNTOLD, Answer, Step, is_ordered, keys_in, remove

NAMES = ["users", "items", "\u00e9"]
# Few, so that steps meet again; they are keys of the default namespace too.
KEYS = [b"%03d" % number for number in range(12)] + [b"", b"\xff", b"a\0"]
FLEETING = b"005a"  # a key that has always expired


def draw_named(rng: random.Random) -> Step:
    """A step whose name begins with "named ", for stores with namespaces; or an ingest."""
    draws = [put, put_rows, read, scan, expiring, batch, delete_range, clear, drop, names, ingest]
    draw = rng.choices(draws, [10, 6, 4, 4, 5, 5, 3, 1, 2, 1, 2])[0]
    return draw(rng, rng.choice(NAMES))


def made(db: Any, name: str) -> Any:
    """The namespace, which is made where there is none."""
    return db.namespace(name, create=True)


def value_of(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice([0, 5, 900]))


def rows_of(rng: random.Random) -> Rows:
    return {rng.choice(KEYS): value_of(rng) for _ in range(rng.randrange(1, 12))}


def put(rng: random.Random, name: str) -> Step:
    key, value = rng.choice(KEYS), value_of(rng)

    def on_oracle(to: Oracle) -> Answer:
        to.space(name).rows[key] = value
        return UNTOLD

    return f"named put {key!r} in {name}", lambda db: made(db, name).put(key, value), on_oracle


def put_rows(rng: random.Random, name: str) -> Step:
    rows = rows_of(rng)

    def on_oracle(to: Oracle) -> Answer:
        to.space(name).rows.update(rows)
        return UNTOLD

    return (
        f"named {len(rows)} rows in {name}",
        lambda db: made(db, name).put_many(rows.items()),
        on_oracle,
    )


def read(rng: random.Random, name: str) -> Step:
    some = rng.sample(KEYS, 7)
    return (
        f"named get 7 of {name}",
        lambda db: made(db, name).get_many(some),
        lambda to: [to.space(name).rows.get(key) for key in some],
    )


def scan(rng: random.Random, name: str) -> Step:
    asked, read, on_oracle = draw_ordered(rng)
    return (
        f"named {asked} of {name}",
        lambda db: read(made(db, name)),
        lambda to: on_oracle(to.space(name)),
    )


def expiring(rng: random.Random, name: str) -> Step:
    told, write, on_oracle = rng.choice([draw_expiring, draw_conditional])(rng, KEYS)
    return (
        f"named {told} in {name}",
        lambda db: write(made(db, name)),
        lambda to: on_oracle(to.space(name)),
    )


def named_snapshot(rng: random.Random, draw_read: Draw) -> Step:
    """A snapshot of a namespace, behind which all of them go on."""
    name = rng.choice(NAMES)

    def draw_change(rng: random.Random) -> Step:
        draw = rng.choice([put, put_rows, expiring, batch, delete_range, clear])
        return draw(rng, rng.choice(NAMES))

    told, on_store, on_oracle = snapshot(rng, draw_read, draw_change, name)
    return f"named {told} of {name}", on_store, on_oracle


def batch(rng: random.Random, name: str) -> Step:
    """Writes to the default namespace and two others, all or nothing; some with a deadline."""
    other, ttl = rng.choice(NAMES), rng.choice([None, LATE])
    key, value, gone = rng.choice(KEYS), value_of(rng), rng.choice(KEYS)

    def on_store(db: Any) -> Answer:
        one, two = made(db, name), made(db, other)
        with db.batch() as writes:
            writes.put(key, value)
            writes.put(key, value + b"1", ttl=ttl, namespace=one)
            if is_ordered(db):
                writes.delete_range(gone, None, namespace=two)
            else:
                for each in keys_in(KEYS, gone, None):
                    writes.delete(each, namespace=two)
            writes.put(gone, value + b"2", namespace=two)
            writes.delete(gone)
            writes.put(FLEETING, value, ttl=AT_ONCE, namespace=two)
        wait_for_expiry(two, [FLEETING])
        return UNTOLD

    def on_oracle(to: Oracle) -> Answer:
        one, two = to.space(name), to.space(other)
        to.rows[key] = value
        one.rows[key] = value + b"1"
        two.delete_range(gone, None)
        two.rows[gone] = value + b"2"
        to.delete_many([gone])
        two.delete_many([FLEETING])
        return UNTOLD

    return f"named batch to {name} and {other}", on_store, on_oracle


def delete_range(rng: random.Random, name: str) -> Step:
    start, stop = rng.choice(KEYS), rng.choice([None, *KEYS])

    def on_store(db: Any) -> Answer:
        remove(made(db, name), KEYS, start, stop)
        return None

    return (
        f"named delete_range in {name}",
        on_store,
        lambda to: to.space(name).delete_range(start, stop),
    )


def clear(rng: random.Random, name: str) -> Step:
    return (
        f"named clear of {name}",
        lambda db: made(db, name).clear(),
        lambda to: to.space(name).rows.clear(),
    )


def drop(rng: random.Random, name: str) -> Step:
    def on_store(db: Any) -> Answer:
        handle = made(db, name)
        db.drop_namespace(name)
        try:
            return handle.get(b"")
        except pykv.ClosedError:
            return "closed"

    def on_oracle(to: Oracle) -> Answer:
        to.spaces.pop(name, None)
        return "closed"

    return f"named drop of {name}", on_store, on_oracle


def names(rng: random.Random, name: str) -> Step:
    return (
        "named list",
        lambda db: db.namespaces(),
        lambda to: sorted(to.spaces, key=str.encode),
    )


def ingest(rng: random.Random, name: str) -> Step:
    """Rows that come in tables where the store takes them, else as one batch."""
    rows, is_named = sorted(rows_of(rng).items()), rng.random() < 0.5

    def on_store(db: Any) -> Answer:
        to = made(db, name) if is_named else db
        if "ingest" not in db.features:
            to.put_many(rows, atomic=True)
            return UNTOLD
        with tempfile.TemporaryDirectory(prefix="pykv-model-") as folder:
            path = Path(folder) / "rows.tbl"
            with pykv.TableWriter(path) as writer:
                writer.add_many(rows)
            to.ingest([path])
        return UNTOLD

    def on_oracle(to: Oracle) -> Answer:
        (to.space(name) if is_named else to).rows.update(rows)
        return UNTOLD

    what = f"ingest of {len(rows)} rows"
    return f"named {what} into {name}" if is_named else what, on_store, on_oracle
