"""Steps of the metamorphic test that ask for an order: scans, counts, neighbours and cursors.

Each reads a store, a namespace or a snapshot. Of what has no order all rows are read, and the
answer is that of a dict of them.
"""

import random
from typing import Any

from tests.model.oracle import Move, Oracle, walked
from tests.model.step import KEYS, Answer, Step, draw_range, is_ordered

PREFIXES = [None, None, None, b"", b"0", b"01", b"a", b"\xff"]
MOVES = ["next", "next", "next", "prev", "prev", "seek", "seek_back", "first", "last"]
MOVES_COUNT = 12


def draw_ordered(rng: random.Random) -> Step:
    draw = rng.choices([scan, arrays, count, neighbours, walk], [6, 2, 2, 3, 4])[0]
    name, on_ordered, on_oracle = draw(rng)

    def on_reader(reader: Any) -> Answer:
        if is_ordered(reader):
            return on_ordered(reader)
        return on_oracle(Oracle(dict(reader.items())))

    return name, on_reader, on_oracle


def draw_bounds(rng: random.Random) -> dict[str, bytes | None]:
    start, stop = draw_range(rng)
    return {"start": start, "stop": stop, "prefix": rng.choice(PREFIXES)}


def scan(rng: random.Random) -> Step:
    """Rows, keys or values of a range, forwards or back, all or some."""
    limit = rng.choice([None, None, 0, 1, 7])
    what: dict[str, Any] = {**draw_bounds(rng), "reverse": rng.random() < 0.5, "limit": limit}
    kind = rng.choice(["scan", "scan", "scan_keys", "scan_values"])
    part = {"scan": slice(2), "scan_keys": 0, "scan_values": 1}[kind]
    return (
        f"{kind} {what}",
        lambda reader: list(getattr(reader, kind)(**what)),
        lambda to: [row[part] for row in to.scan(**what)],
    )


def arrays(rng: random.Random) -> Step:
    what, chunk_rows = draw_bounds(rng), rng.choice([1, 7, 100])

    def on_ordered(reader: Any) -> Answer:
        chunks = reader.scan_arrays(**what, chunk_rows=chunk_rows)
        return [row for chunk in chunks for row in chunk.to_list()]

    name = f"scan in arrays of {chunk_rows} {what}"
    return name, on_ordered, lambda to: to.scan(what["start"], what["stop"], what["prefix"])


def count(rng: random.Random) -> Step:
    what = draw_bounds(rng)
    return f"count {what}", lambda reader: reader.count(**what), lambda to: to.count(**what)


def neighbours(rng: random.Random) -> Step:
    key = rng.choice(KEYS)

    def ask(of: Any) -> Answer:
        return [of.first(), of.last(), of.floor(key), of.ceiling(key)]

    return f"neighbours of {key!r}", ask, ask


def draw_move(rng: random.Random) -> Move:
    move = rng.choice(MOVES)
    return (move, rng.choice(KEYS)) if move.startswith("seek") else (move,)


def walk(rng: random.Random) -> Step:
    what = draw_bounds(rng)
    moves = [draw_move(rng) for _ in range(MOVES_COUNT)]

    def ask(of: Any) -> Answer:
        cursor = of.cursor(**what)
        rows = walked(cursor, moves)
        cursor.close()
        return rows

    return f"walk over {what} by {moves}", ask, ask
