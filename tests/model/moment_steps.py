"""Steps of the metamorphic test that read a kept moment: snapshots, and copies of stores."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykv
from tests.model.oracle import Oracle
from tests.model.step import Answer, Step

Draw = Callable[[random.Random], Step]
READS = 3


def snapshot(
    rng: random.Random, draw_read: Draw, draw_change: Draw, name: str | None = None
) -> Step:
    """Reads of a moment of the store, or of a namespace of it, behind which the store goes on."""
    reads = [draw_read(rng) for _ in range(READS)]
    changes = [draw_change(rng) for _ in range(rng.randrange(1, 8))]

    def on_store(db: Any) -> Answer:
        of = db if name is None else db.namespace(name, create=True)
        with of.snapshot() as moment:
            for _, change, _ in changes:
                change(db)
            return [read(moment) for _, read, _ in reads]

    def on_oracle(to: Oracle) -> Answer:
        of = to if name is None else to.space(name)
        answers = [read(of) for _, _, read in reads]
        for _, _, change in changes:
            change(to)
        return answers

    told = [[name for name, *_ in steps] for steps in (changes, reads)]
    return f"snapshot, then {told[0]}, then of the snapshot {told[1]}", on_store, on_oracle


def checkpoint(rng: random.Random, draw_read: Draw) -> Step:
    return read_of_copy("checkpoint", lambda db, path: db.checkpoint(path), draw_read(rng))


def backup(rng: random.Random, draw_read: Draw) -> Step:
    """All backups of a store go to one repository: what an earlier one has is not copied again."""

    def copy(db: Any, path: Path) -> None:
        repository = db.path.with_name(f"{db.path.name}-backups")
        db.backup(repository)
        pykv.restore(repository, path)

    return read_of_copy("backup", copy, draw_read(rng))


def conversion(rng: random.Random, draw_read: Draw) -> Step:
    """To another engine and back; of a store in memory to both engines on disk."""

    def copy(db: Any, path: Path) -> None:
        engine = db.stats()["engine"]
        there, back = ("bitcask", "lsm") if engine == "lsm" else ("lsm", "bitcask")
        made = pykv.convert(db, path.with_name("there"), engine=there)
        again = pykv.convert(path.with_name("there"), path, engine=back)
        assert (made.row_count, made.digest) == (again.row_count, again.digest)

    return read_of_copy("conversion", copy, draw_read(rng), feature="namespaces")


def read_of_copy(
    kind: str, copy: Callable[[Any, Path], None], step: Step, feature: str = "checkpoint"
) -> Step:
    """A read of a copy, and all of its rows; of the store itself where it lacks feature."""
    name, read, on_oracle = step

    def on_store(db: Any) -> Answer:
        if not pykv.supports(db, feature):
            return [read(db), sorted(db.items()), rows_of_spaces(db)]
        with tempfile.TemporaryDirectory(prefix="pykv-model-") as folder:
            copy(db, Path(folder) / "copy")
            with pykv.open(Path(folder) / "copy", create=False) as other:
                answers = [read(other), sorted(other.items()), rows_of_spaces(other)]
                assert other.verify().ok
                other.clear()
        return answers

    return f"{kind}: {name}", on_store, lambda to: [on_oracle(to), to.scan(), to.spaces]


def rows_of_spaces(db: Any) -> dict[str, dict[bytes, bytes]]:
    return {name: dict(db.namespace(name).items()) for name in db.namespaces()}
