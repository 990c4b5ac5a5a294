"""Fills one engine and measures every call, in this process: `python -m benches.scale_child SPEC`.

The specification and the report are JSON; the report is the only thing written to standard output.

Keys are put one by one, each put is timed, and how many there were a second is kept by bins; then
some of the keys are got, and fewer overwritten, at random. Without a limit of memory the files that
there are by then stay in the page cache meanwhile, and checkpoints of stores of pykv are measured
behind that.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, perf_counter_ns
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

from benches.checkpoints import checkpoint_ms
from benches.memory_limit import enter
from benches.residency import resident
from benches.scale_stores import OPENS_AGAIN, PYKV, make_store
from benches.stores import BenchStore
from benches.workloads import KEY_BYTES, VALUE_BYTES, VALUE_FILL, VALUE_RANDOM_BYTES, split

CHUNK_KEYS_MAX = 62_500
GETS_MAX = 200_000
OVERWRITES_MAX = 100_000
CHECKED_KEYS = 1_000
CALLS_A_LOOK = 5_000
"""Calls between two looks at the clock for the deadline."""
FILL_SHARE = 0.8
"""Of the time of a child, what putting may take."""
HOUR_NS = 3_600_000_000_000
RAW_BYTES = KEY_BYTES + VALUE_BYTES

_QUANTUM_NS = 10


@dataclass(frozen=True)
class Specification:
    """What one child measures. control_group: a directory of one to enter, "" for none."""

    engine: str
    key_count: int
    bin_keys: int
    seed: int
    budget_bytes: int
    directory: str
    seconds_max: float
    control_group: str = ""


@dataclass
class Latencies:
    """Times of single calls in microseconds."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0


@dataclass
class Report:
    """What was measured of one engine. Rates are puts a second; amplifications are ratios to the
    bytes of keys and values, of what reached the disk, and of what is on it."""

    engine: str
    version: str = ""
    settings: str = ""
    key_count: int = 0
    bin_rates: list[float] = field(default_factory=list)
    puts: Latencies = field(default_factory=Latencies)
    gets: Latencies = field(default_factory=Latencies)
    overwrites: Latencies = field(default_factory=Latencies)
    read_bytes_a_get: float = 0.0
    write_amplification: float = 0.0
    space_amplification: float = 0.0
    space_amplification_closed: float = 0.0
    delay_seconds: float = 0.0
    stall_seconds: float = 0.0
    checkpoint_ms: float = 0.0
    links_ms: float = 0.0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


def report_of(fields: dict[str, Any]) -> Report:
    """A report from the JSON that it was written as."""
    latencies = {name: Latencies(**fields[name]) for name in ("puts", "gets", "overwrites")}
    return Report(**fields | latencies)


class Recorder:
    """A histogram of times, with three digits, that is fed in bulk."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, HOUR_NS // _QUANTUM_NS, 3)

    def add(self, times_ns: list[int]) -> None:
        """Adds the times of calls."""
        quanta = np.maximum(np.asarray(times_ns, dtype=np.int64) // _QUANTUM_NS, 1)
        for value, count in zip(*np.unique(quanta, return_counts=True), strict=True):
            self._histogram.record_value(int(value), int(count))

    def latencies(self) -> Latencies:
        """The percentiles of what was added."""
        histogram = self._histogram
        p50, p99, p999 = (
            histogram.get_value_at_percentile(percent) * _QUANTUM_NS / 1e3
            for percent in (50.0, 99.0, 99.9)
        )
        most = histogram.get_max_value() * _QUANTUM_NS / 1e3
        return Latencies(int(histogram.get_total_count()), p50, p99, p999, most)


def chunks(spec: Specification) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Keys and values in the order in which they are put."""
    chunk_keys = min(CHUNK_KEYS_MAX, spec.bin_keys)
    for number, first in enumerate(range(0, spec.key_count, chunk_keys)):
        rows = min(chunk_keys, spec.key_count - first)
        keys = np.random.default_rng((spec.seed, 0, number))
        values = np.random.default_rng((spec.seed, 1, number))
        matrix = np.full((rows, VALUE_BYTES), VALUE_FILL, dtype=np.uint8)
        matrix[:, :VALUE_RANDOM_BYTES] = values.integers(
            0, 256, (rows, VALUE_RANDOM_BYTES), dtype=np.uint8
        )
        block = keys.integers(0, 256, (rows, KEY_BYTES), dtype=np.uint8).tobytes()
        yield split(block, KEY_BYTES), split(matrix.tobytes(), VALUE_BYTES)


def time_puts(put: Callable[[bytes, bytes], Any], keys: list[bytes], values: list[bytes]) -> Any:
    """The time of each put, in nanoseconds."""
    times: list[int] = []
    keep, now = times.append, perf_counter_ns
    before = now()
    for key, value in zip(keys, values, strict=True):
        put(key, value)
        after = now()
        keep(after - before)
        before = after
    return times


def time_gets(get: Callable[[bytes], bytes | None], keys: list[bytes]) -> Any:
    """The time of each get, in nanoseconds."""
    times: list[int] = []
    keep, now = times.append, perf_counter_ns
    before = now()
    for key in keys:
        get(key)
        after = now()
        keep(after - before)
        before = after
    return times


def io_bytes(name: str) -> int:
    """A counter of bytes of /proc/self/io; 0 where there is none."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def disk_bytes(path: Path) -> int:
    """Bytes that the files below path take; files that go meanwhile do not count."""
    total = 0
    for entry in path.rglob("*"):
        try:
            total += entry.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


class Filler:
    """Puts all keys, and keeps a sample of them to get."""

    def __init__(self, spec: Specification, report: Report, deadline: float) -> None:
        self._spec = spec
        self._report = report
        self._deadline = deadline
        self._random = np.random.default_rng((spec.seed, 99))
        self._share = min(1.0, GETS_MAX / spec.key_count)
        self._sample: list[tuple[bytes, bytes]] = []
        self._count = 0

    def fill(self, store: BenchStore) -> None:
        """Times each put."""
        recorder, put = Recorder(), store.putter()
        in_bin, bin_ns = 0, 0
        for keys, values in chunks(self._spec):
            times = time_puts(put, keys, values)
            recorder.add(times)
            in_bin += len(keys)
            bin_ns += sum(times)
            self._keep(keys, values)
            is_last = self._count >= self._spec.key_count or monotonic() > self._deadline
            if in_bin >= self._spec.bin_keys or (is_last and 2 * in_bin >= self._spec.bin_keys):
                self._report.bin_rates.append(round(in_bin / bin_ns * 1e9, 1))
                in_bin, bin_ns = 0, 0
            if is_last:
                break
        self._report.puts = recorder.latencies()
        self._report.key_count = self._count
        if self._count < self._spec.key_count:
            self._report.notes.append(f"out of time after {self._count:,} keys")

    def _keep(self, keys: list[bytes], values: list[bytes]) -> None:
        self._count += len(keys)
        wanted = np.flatnonzero(self._random.random(len(keys)) < self._share)
        self._sample += [(keys[index], values[index]) for index in wanted]

    def shuffled(self) -> list[tuple[bytes, bytes]]:
        """The sample in random order, at most as many as there are gets."""
        order = self._random.permutation(len(self._sample))[:GETS_MAX]
        return [self._sample[index] for index in order]


def run(spec: Specification) -> Report:
    """Measures one store, from its making to its close."""
    enter(spec.control_group)
    gc.disable()
    start = monotonic()
    report = Report(engine=spec.engine)
    store = make_store(spec.engine, spec.budget_bytes)
    path = Path(spec.directory) / "store"
    path.mkdir()
    written = io_bytes("write_bytes")
    store.open(path)
    report.version, report.settings = store.version(), store.settings()
    filler = Filler(spec, report, start + spec.seconds_max * FILL_SHARE)
    filler.fill(store)
    report.space_amplification = disk_bytes(path) / (report.key_count * RAW_BYTES)
    if spec.engine in OPENS_AGAIN:
        with nullcontext() if spec.control_group else resident(path):
            read_and_overwrite(store, report, filler.shuffled(), start + spec.seconds_max)
        note_waits(store, report)
    if spec.engine in PYKV and not spec.control_group:
        note_checkpoints(store, report, path)
    store.close()
    put_bytes = (report.key_count + report.overwrites.count) * RAW_BYTES
    report.write_amplification = (io_bytes("write_bytes") - written) / put_bytes
    report.space_amplification_closed = disk_bytes(path) / (report.key_count * RAW_BYTES)
    report.seconds = round(monotonic() - start, 1)
    return report


def read_and_overwrite(
    store: BenchStore, report: Report, sample: list[tuple[bytes, bytes]], deadline: float
) -> None:
    """Gets keys that are there, after some were checked, and puts the first of them again."""
    checked = sample[:CHECKED_KEYS]
    if store.lookup([key for key, _ in checked]) != [value for _, value in checked]:
        raise ValueError(f"{store.name}: a get gives something else than was put")
    recorder, get = Recorder(), store.getter()
    before = io_bytes("read_bytes")
    for rows in _until(deadline, sample, report):
        recorder.add(time_gets(get, [key for key, _ in rows]))
    report.gets = recorder.latencies()
    report.read_bytes_a_get = (io_bytes("read_bytes") - before) / max(report.gets.count, 1)
    recorder, put = Recorder(), store.putter()
    for rows in _until(deadline, sample[:OVERWRITES_MAX], report):
        recorder.add(time_puts(put, [key for key, _ in rows], [value[::-1] for _, value in rows]))
    report.overwrites = recorder.latencies()


def _until(
    deadline: float, sample: list[tuple[bytes, bytes]], report: Report
) -> Iterator[list[tuple[bytes, bytes]]]:
    """The sample by portions; at the deadline a note says how far it came."""
    for first in range(0, len(sample), CALLS_A_LOOK):
        if first and monotonic() > deadline:
            report.notes.append(
                f"out of time after {first:,} of {len(sample):,} gets or overwrites"
            )
            return
        yield sample[first : first + CALLS_A_LOOK]


def note_waits(store: BenchStore, report: Report) -> None:
    """What the store itself says of how long writers waited, where it says anything."""
    inner = getattr(store, "_store", None)
    if inner is not None:
        stats = inner.stats()
        report.delay_seconds = stats.get("delay_us", 0) / 1e6
        report.stall_seconds = stats.get("stall_us", 0) / 1e6


def note_checkpoints(store: BenchStore, report: Report, path: Path) -> None:
    """How long a checkpoint takes by now, and links to the same files with a sync."""
    inner = getattr(store, "_store", None)
    if inner is not None:
        report.checkpoint_ms, report.links_ms = checkpoint_ms(inner, path, path.parent)


def main() -> None:
    """Measures what the first argument asks for."""
    spec = Specification(**json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(asdict(run(spec))))


if __name__ == "__main__":
    main()
