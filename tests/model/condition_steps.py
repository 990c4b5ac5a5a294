"""Steps of the metamorphic test that write where a condition holds, with a deadline or without."""

import random
from collections.abc import Callable
from typing import Any

from tests.model.expiry_steps import AT_ONCE, LATE, wait_for_expiry
from tests.model.oracle import Oracle
from tests.model.step import KEYS, Answer, Step, draw_value


def draw_conditional(rng: random.Random, keys: list[bytes] = KEYS) -> Step:
    """A write to one of keys, which comes about half the time."""
    key, value, ttl = rng.choice(keys), draw_value(rng), rng.choice([None, AT_ONCE, LATE])
    return rng.choice(CONDITIONS)(key, value, ttl)


def put_if_absent(key: bytes, value: bytes, ttl: float | None) -> Step:
    return conditional(
        f"put {key!r} for {ttl} s if it is absent",
        lambda db: db.put_if_absent(key, value, ttl=ttl),
        lambda before: before is None,
        lambda before: before is None,
        (key, value, ttl),
    )


def setdefault(key: bytes, value: bytes, ttl: float | None) -> Step:
    return conditional(
        f"setdefault {key!r} for {ttl} s",
        lambda db: db.setdefault(key, value, ttl=ttl),
        lambda before: before is None,
        lambda before: value if before is None else before,
        (key, value, ttl),
    )


def swap(key: bytes, value: bytes, ttl: float | None) -> Step:
    """Expects what is there, a value or none."""
    return conditional(
        f"swap {key!r} for {ttl} s",
        lambda db: db.compare_and_set(key, db.get(key), value, ttl=ttl),
        lambda before: True,
        lambda before: True,
        (key, value, ttl),
    )


def swap_of_none(key: bytes, value: bytes, ttl: float | None) -> Step:
    return conditional(
        f"swap {key!r} for {ttl} s if it is absent",
        lambda db: db.compare_and_set(key, None, value, ttl=ttl),
        lambda before: before is None,
        lambda before: before is None,
        (key, value, ttl),
    )


def conditional(
    name: str,
    call: Callable[[Any], Answer],
    holds: Callable[[bytes | None], bool],
    answer: Callable[[bytes | None], Answer],
    put: tuple[bytes, bytes, float | None],
) -> Step:
    """holds, answer: whether call puts, and what it returns, by the value that was there."""
    key, value, ttl = put

    def on_store(db: Any) -> Answer:
        is_put = holds(db.get(key))
        return call(db), settled(db, key, ttl) if is_put else key in db

    def on_oracle(to: Oracle) -> Answer:
        before = to.rows.get(key)
        if holds(before):
            to.rows[key] = value
            if ttl == AT_ONCE:
                del to.rows[key]
        return answer(before), key in to.rows

    return name, on_store, on_oracle


def settled(db: Any, key: bytes, ttl: float | None) -> bool:
    """Whether key, which was put with ttl, is there when it has expired if it does at once."""
    if ttl == AT_ONCE:
        wait_for_expiry(db, [key])
        return key in db
    return key in db and ("ttl" not in db.features or (db.expires_at(key) is None) == (ttl is None))


CONDITIONS: list[Callable[[bytes, bytes, float | None], Step]] = [
    put_if_absent,
    setdefault,
    swap,
    swap_of_none,
]
