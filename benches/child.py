"""Measures one engine once, in this process: `python -m benches.child SPECIFICATION`.

The parent (`measure`) starts one such process for each engine and round, so that memory and page
cache are alike for all. The specification and the report are JSON; the report is the only thing
written to standard output.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

from benches import features, threads
from benches.engines import make_store
from benches.goals import ARRAY_ROWS, ROW_BY_NAME, WAITING_ROWS, Section
from benches.machine import device_written_bytes
from benches.stores import BenchStore, allocated_bytes
from benches.workloads import Workload, array_batches, batches, groups

POINT_OPERATIONS_MAX = 300_000
SEEKS_MAX = 3_000
SYNCED_PUTS = 400
SYNCED_WARM_UP_PUTS = 50
CHECKED_KEYS = 1_000

_NANOSECONDS = {"us": 1e3, "ms": 1e6}


@dataclass(frozen=True)
class Specification:
    """What one child measures."""

    engine: str
    pykv_engine: str
    sections: tuple[str, ...]
    rows: tuple[str, ...]
    key_count: int
    seed: int
    budget_bytes: int
    directory: str
    clock: str = "wall"

    def to_json(self) -> str:
        """As it is passed on the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Specification:
        """What `to_json` gave."""
        fields = json.loads(text)
        return cls(**fields | {name: tuple(fields[name]) for name in ("sections", "rows")})


class WrongResultError(Exception):
    """A store gave something else than was put: what it did fast is worth nothing."""


class Session:
    """One engine, its data, and the samples taken so far (row name to a figure in its unit).

    beside: the figures that stand beside the engine's in its row, by name.
    """

    def __init__(self, specification: Specification, store: BenchStore) -> None:
        """Draws the keys."""
        self.store = store
        self.workload = Workload(specification.key_count, specification.seed)
        self.directory = Path(specification.directory)
        self.samples: dict[str, float] = {}
        self.beside: dict[str, dict[str, float]] = {}
        self._rows = frozenset(specification.rows)
        self._on_processor = specification.clock == "cpu"
        self._opened = 0

    def wants(self, row: str) -> bool:
        """Whether the row is asked for and applies."""
        return row in self._rows and self.store.has(row)

    def needs(self, row: str) -> bool:
        """Whether it is wanted, or stands for a row of arrays that is."""
        return self.wants(row) or any(map(self.wants, self._stands_for(row)))

    def _stands_for(self, row: str) -> list[str]:
        """The rows of arrays that the row stands for, in a store without array calls."""
        names = [] if self.store.takes_arrays else ARRAY_ROWS
        return [name for name in names if ARRAY_ROWS[name] == row]

    def fresh_path(self) -> Path:
        """A new empty directory for a store; what earlier stores left is removed."""
        for old in self.directory.iterdir():
            shutil.rmtree(old)
        self._opened += 1
        path = self.directory / f"store-{self._opened}"
        path.mkdir()
        return path

    def time(self, row: str, operations: int, call: Callable[..., None], *arguments: Any) -> None:
        """Calls, and keeps the time an operation if the row is wanted."""
        elapsed = self.elapsed_ns(row, call, *arguments)
        for name in filter(self.wants, [row, *self._stands_for(row)]):
            self.samples[name] = in_unit(name, elapsed / operations)

    def elapsed_ns(self, row: str, call: Callable[..., None], *arguments: Any) -> int:
        """Calls, and gives the time by the clock of the row."""
        by_processor = self._on_processor and row not in WAITING_ROWS
        now = thread_time_ns if by_processor else perf_counter_ns
        gc.collect()
        gc.disable()
        try:
            start = now()
            call(*arguments)
            return now() - start
        finally:
            gc.enable()

    def check(self, row: str, keys: list[bytes], expected: list[bytes | None]) -> None:
        """Compares what the store gives now."""
        if self.store.lookup(keys) != expected:
            raise WrongResultError(f"{self.store.name}: wrong values after {row}")


def in_unit(row: str, nanoseconds: float) -> float:
    """A time in the unit of a row."""
    return nanoseconds / _NANOSECONDS[ROW_BY_NAME[row].unit]


def run(specification: Specification) -> dict[str, Any]:
    """Measures the sections and gives the report."""
    store = make_store(specification.engine, specification.budget_bytes, specification.pykv_engine)
    session = Session(specification, store)
    for section in specification.sections:
        _SECTIONS[Section(section)](session)
    return {
        "samples": session.samples,
        "beside": session.beside,
        "version": store.version(),
        "settings": store.settings(),
    }


def _single(session: Session) -> None:
    store, workload = session.store, session.workload
    path = session.fresh_path()
    store.open(path)
    keys, values = workload.keys(), workload.values()
    session.time("put", len(keys), store.put, keys, values)
    ram_bytes_a_key = store.ram_bytes_a_key()
    if session.wants("ram") and ram_bytes_a_key is not None:
        session.samples["ram"] = ram_bytes_a_key
    _reopen(session, path)
    if store.row_count() != len(keys):
        raise WrongResultError(f"{store.name}: a scan does not give every row")
    _reads(session, values)
    _changes(session)
    store.close()


def _reopen(session: Session, path: Path) -> None:
    store = session.store
    if not store.has("reopen"):
        return
    store.close()
    if session.wants("disk"):
        session.samples["disk"] = allocated_bytes(path) / 1e6
    session.time("reopen", 1, store.open, path)


def _reads(session: Session, values: list[bytes]) -> None:
    store, workload = session.store, session.workload
    count = min(workload.key_count, POINT_OPERATIONS_MAX)
    indices = workload.sample_indices(count)
    checked = indices[:CHECKED_KEYS]
    session.check("put", workload.keys_at(checked), [values[index] for index in checked])
    missing = workload.missing_keys(count)
    session.check("missing", missing[:CHECKED_KEYS], [None] * len(missing[:CHECKED_KEYS]))
    if session.needs("scan"):
        session.time("scan", workload.key_count, store.scan)
    if session.wants("scan_arrays") and store.takes_arrays:
        session.time("scan_arrays", workload.key_count, store.scan_arrays)
    if session.wants("get"):
        session.time("get", count, store.get, workload.keys_at(indices))
    if session.wants("get_missing"):
        session.time("get_missing", count, store.get, missing)
    if session.wants("get_zipf"):
        popular = workload.keys_at(workload.zipf_indices(count))
        session.time("get_zipf", count, store.get, popular)
    if session.needs("get_many"):
        grouped = groups(workload.keys_at(indices))
        session.time("get_many", sum(map(len, grouped)), store.get_many, grouped)
    if session.wants("get_arrays") and store.takes_arrays:
        asked = [keys for (keys,) in array_batches(workload.keys_at(indices))]
        session.time("get_arrays", count, store.get_arrays, asked)
    if session.wants("seek"):
        starts = missing[:SEEKS_MAX]
        session.time("seek", len(starts), store.seek, starts)


def _changes(session: Session) -> None:
    store, workload = session.store, session.workload
    count = min(workload.key_count, POINT_OPERATIONS_MAX)
    checked = workload.sample_indices(min(count, CHECKED_KEYS))
    checked_keys = workload.keys_at(checked)
    if session.wants("mixed"):
        indices = workload.sample_indices(count)
        half = count // 2
        put_keys, got_keys = (
            workload.keys_at(indices[:half]),
            workload.keys_at(indices[half : 2 * half]),
        )
        values = workload.values(half, version=1)
        session.time("mixed", 2 * half, store.mixed, put_keys, values, got_keys)
        session.check("mixed", put_keys[:CHECKED_KEYS], list(values[:CHECKED_KEYS]))
    if session.wants("overwrite"):
        keys = workload.keys_at(workload.sample_indices(workload.key_count))
        values = workload.values(version=2)
        session.time("overwrite", len(keys), store.overwrite, keys, values)
        session.check("overwrite", checked_keys, list(values[: len(checked_keys)]))
    if session.wants("delete"):
        keys = workload.keys_at(workload.sample_indices(count))
        session.time("delete", len(keys), store.delete, keys)
        session.check("delete", checked_keys, [None] * len(checked_keys))


def _batch(session: Session) -> None:
    if session.needs("put_batch"):
        _put_all(session, "put_batch", session.store.put_batch, batches)
    if session.wants("put_arrays") and session.store.takes_arrays:
        _put_all(session, "put_arrays", session.store.put_arrays, array_batches)


def _put_all(
    session: Session, row: str, put: Callable[..., None], cut: Callable[..., list[Any]]
) -> None:
    """Puts all rows, cut into batches, to a fresh store."""
    store, workload = session.store, session.workload
    store.open(session.fresh_path())
    keys, values = workload.keys(), workload.values()
    session.time(row, len(keys), put, cut(keys, values))
    session.check(row, keys[:CHECKED_KEYS], list(values[:CHECKED_KEYS]))
    store.close()


def _synced(session: Session) -> None:
    if not (session.wants("put_synced") or session.wants("device")):
        return
    store, workload = session.store, session.workload
    path = session.fresh_path()
    store.open(path, synced=True)
    keys = workload.keys_at(workload.sample_indices(SYNCED_WARM_UP_PUTS + SYNCED_PUTS))
    values = workload.values(len(keys))
    warm, timed = slice(None, SYNCED_WARM_UP_PUTS), slice(SYNCED_WARM_UP_PUTS, None)
    store.put_synced(keys[warm], values[warm])
    before = device_written_bytes(path)
    session.time("put_synced", SYNCED_PUTS, store.put_synced, keys[timed], values[timed])
    after = device_written_bytes(path)
    if session.wants("device") and before is not None and after is not None:
        session.samples["device"] = (after - before) / SYNCED_PUTS / 1024
    store.close()


def _measure_features(session: Session) -> None:
    features.measure(session)
    threads.measure_threads(session)


_SECTIONS: dict[Section, Callable[[Session], None]] = {
    Section.SINGLE: _single,
    Section.BATCH: _batch,
    Section.SYNCED: _synced,
    Section.FEATURES: _measure_features,
}


def main() -> None:
    """Runs the specification on the command line."""
    specification = Specification.from_json(sys.argv[1])
    os.sync()
    sys.stdout.write(json.dumps(run(specification)) + "\n")


if __name__ == "__main__":
    main()
