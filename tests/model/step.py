"""What the steps of the metamorphic test share: keys, values, and what a step is."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.model.oracle import Oracle

UNTOLD = object()  # an answer that nobody asks for
KEYS = [b"%03d" % number for number in range(60)] + [b"", b"\xff", b"\xff" * 300, b"a\0", b"a"]

Answer = object
# A name, and what is done on a store and on its oracle.
Step = tuple[str, Callable[[Any], Answer], Callable[[Oracle], Answer]]


def draw_value(rng: random.Random) -> bytes:
    size = rng.choice([0, 1, 20, 700, 4_000])
    return bytes([rng.randrange(256)]) * (size // 2) + rng.randbytes(size - size // 2)


def draw_range(rng: random.Random) -> tuple[bytes | None, bytes | None]:
    """A start and a stop, mostly with few keys between them; or such that there are none."""
    keys = sorted(KEYS)
    if rng.random() < 0.3:
        return rng.choice([None, *keys]), rng.choice([None, *keys])
    first = rng.randrange(len(keys))
    behind = first + rng.choice([1, 2, 5, 15])
    return keys[first], keys[behind] if behind < len(keys) else None


def is_ordered(reader: Any) -> bool:
    """Whether a store, a namespace or a snapshot has an order."""
    return hasattr(reader, "key_order")


def remove(within: Any, keys: list[bytes], start: bytes | None, stop: bytes | None) -> None:
    """A range delete, or where there is no order a delete of each of keys in the range."""
    if is_ordered(within):
        within.delete_range(start, stop)
    else:
        within.delete_many(keys_in(keys, start, stop))


def keys_in(keys: list[bytes], start: bytes | None, stop: bytes | None) -> list[bytes]:
    return [key for key in keys if (start is None or key >= start) and (stop is None or key < stop)]


def items_of(items: list[bytes]) -> tuple[Any, Any]:
    """Items as the data and offsets of array calls."""
    ends = np.cumsum([0, *map(len, items)], dtype=np.int64)
    return np.frombuffer(b"".join(items), np.uint8), ends
