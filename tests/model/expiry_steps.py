"""Steps of the metamorphic test whose rows expire, at once or not before the test has ended."""

import random
from collections.abc import Callable
from typing import Any

from tests.model.oracle import Oracle
from tests.model.step import KEYS, UNTOLD, Answer, Step, draw_value, items_of

AT_ONCE, LATE = 1e-6, 3_600.0
PUTS: dict[str, Callable[[Any, dict[bytes, bytes], float], None]] = {
    "put_many": lambda db, rows, ttl: db.put_many(rows.items(), ttl=ttl),
    "update": lambda db, rows, ttl: db.update(rows, ttl=ttl),
    "put_arrays": lambda db, rows, ttl: db.put_arrays(
        items_of(list(rows)), items_of(list(rows.values())), ttl=ttl
    ),
}


def draw_expiring(rng: random.Random, keys: list[bytes] = KEYS) -> Step:
    return rng.choice([put, put_rows, touch])(rng, keys)


def wait_for_expiry(db: Any, keys: list[bytes]) -> None:
    """A microsecond may not have passed."""
    while any(key in db for key in keys):
        pass


def put(rng: random.Random, keys: list[bytes]) -> Step:
    return put_of(rng, [rng.choice(keys)])


def put_rows(rng: random.Random, keys: list[bytes]) -> Step:
    return put_of(rng, rng.sample(keys, rng.randrange(10)))


def put_of(rng: random.Random, keys: list[bytes]) -> Step:
    rows = {key: draw_value(rng) for key in keys}
    ttl, how = rng.choice([AT_ONCE, LATE]), rng.choice(list(PUTS))

    def on_store(db: Any) -> Answer:
        if len(rows) == 1:
            db.put(*next(iter(rows.items())), ttl=ttl)
        else:
            PUTS[how](db, rows, ttl)
        if ttl == AT_ONCE:
            wait_for_expiry(db, keys)
        return UNTOLD

    def on_oracle(to: Oracle) -> Answer:
        if ttl == AT_ONCE:
            to.delete_many(keys)
        else:
            to.rows.update(rows)
        return UNTOLD

    return f"{how} {keys} for {ttl} s", on_store, on_oracle


def touch(rng: random.Random, keys: list[bytes]) -> Step:
    key, ttl = rng.choice(keys), rng.choice([None, AT_ONCE, LATE])

    def on_store(db: Any) -> Answer:
        was_there = db.touch(key, ttl)
        if ttl == AT_ONCE:
            wait_for_expiry(db, [key])
        return was_there, key in db and (db.expires_at(key) is None) == (ttl is None)

    def on_oracle(to: Oracle) -> Answer:
        was_there = key in to.rows
        if ttl == AT_ONCE:
            to.delete_many([key])
        return was_there, key in to.rows

    return f"touch {key!r} for {ttl} s", on_store, on_oracle
