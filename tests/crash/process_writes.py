"""What the writing processes of this folder do: random writes, each known from a seed and a number.

The same writes are made on a store and on a dict, which is then what the store must hold. Several
writers share the keys without meeting: the key n belongs to the writer n modulo their number.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.engine.native_kinds import NativeStore

KEY_COUNT = 300
KINDS = {"put": 300, "delete": 60, "many": 40, "batch": 50, "put_synced": 4, "sync": 2}
KINDS |= {"flush": 2, "compact": 2, "clear": 1}
SIZES = [0, 20, 20, 20, 200, 200, 200, 3_000, 3_000, 20_000]

Rows = dict[bytes, bytes]


@dataclass(frozen=True)
class Write:
    """One write: rows to put and keys to delete together; kind says by which call."""

    kind: str
    puts: Rows = field(default_factory=dict)
    deletes: tuple[bytes, ...] = ()

    @property
    def makes_durable(self) -> bool:
        """Whether what was written before its return survives the loss of power in any mode."""
        return self.kind in ("put_synced", "sync")

    def apply(self, rows: Rows) -> None:
        """Does to a dict what `perform` does to a store."""
        if self.kind == "clear":
            rows.clear()
        rows.update(self.puts)
        for key in self.deletes:
            rows.pop(key, None)

    def perform(self, db: NativeStore) -> None:
        """Makes the write."""
        match self.kind:
            case "put" | "put_synced":
                ((key, value),) = self.puts.items()
                db.put(key, value, sync=self.makes_durable or None)
            case "delete":
                db.delete(*self.deletes)
            case "many":
                db.put_many(self.puts.items(), atomic=True)
            case "batch":
                with db.batch() as batch:
                    for key, value in self.puts.items():
                        batch.put(key, value)
                    for key in self.deletes:
                        batch.delete(key)
            case _:
                getattr(db, self.kind)()


def writer_of(key: bytes, writer_count: int) -> int:
    """The writer that a key belongs to."""
    return int(key) % writer_count


def writes_of(seed: int | str, writer: int = 0, writer_count: int = 1) -> Iterator[Write]:
    """The writes of one writer, without end, the same for the same seed.

    A clear touches the keys of all writers: only a writer that is alone makes it.
    """
    rng = random.Random(f"{seed} {writer}")
    kinds = [kind for kind in KINDS if kind != "clear" or writer_count == 1]
    weights = [KINDS[kind] for kind in kinds]
    number = 0
    while True:
        kind = rng.choices(kinds, weights)[0]
        many = range(rng.randrange(2, 40))
        keys = [b"%d" % rng.randrange(writer, KEY_COUNT, writer_count) for _ in many]
        yield _write(kind, keys, rng, f"{number} of {seed}.".encode())
        number += 1


def _write(kind: str, keys: list[bytes], rng: random.Random, mark: bytes) -> Write:
    """A write of one kind to keys; mark makes its values unlike those of every other write."""

    def rows(chosen: list[bytes]) -> Rows:
        return {key: b"%s in %s" % (key, mark) + b"x" * rng.choice(SIZES) for key in chosen}

    half = len(keys) // 2
    match kind:
        case "put" | "put_synced":
            return Write(kind, rows(keys[:1]))
        case "delete":
            return Write(kind, deletes=tuple(keys[:1]))
        case "many":
            return Write(kind, rows(keys))
        case "batch":
            return Write(kind, rows(keys[:half]), tuple(keys[half:]))
        case _:
            return Write(kind)


def options_of(rng: random.Random, engine: str) -> dict[str, Any]:
    """Options under which files roll and merges run."""
    common = {
        "durability": rng.choice(["os", "os", "interval:5ms", "sync"]),
        "log_sink": rng.choice(["auto", "auto", "pwrite"]),
        "background_threads": rng.choice([0, 2, 3]),
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
    }


def differences(found: Rows, allowed: list[Rows]) -> str:
    """How found differs from each of the states that are allowed, a few keys of each kind."""
    lines = []
    for expected in allowed:
        missing = [key for key in expected if key not in found]
        extra = [key for key in found if key not in expected]
        wrong = [key for key in expected if key in found and found[key] != expected[key]]
        lines.append(f"missing {missing[:5]}, not expected {extra[:5]}, another value {wrong[:5]}")
    return "; or ".join(lines)
