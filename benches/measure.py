"""Runs the engines in interleaved rounds, each in a process of its own, and collects samples.

A run on a busy machine does fewer rounds rather than take longer than it may.

A round measures every engine once; the order turns with the round, so that no engine always
comes after the same one. The synced row has more and shorter rounds, in which the raw ways of
appending take their turn like an engine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from benches import engines, floors, machine
from benches.child import SYNCED_PUTS, Specification
from benches.goals import ROW_BY_NAME, Section
from benches.results import Results

SYNCED_ROUNDS_FACTOR = 3
STORES_SHARE = 0.75
FEATURES_SHARE = 0.85
"""Of the time that a run may take, until when rounds of stores and of features begin, where others
are to come."""
CHILD_SECONDS_MAX = 900
APPENDS = 400_000

_RAW = "raw"
_Item = TypeVar("_Item")

Progress = Callable[[str], None]


class ChildFailedError(Exception):
    """A measuring process failed; the message has its output."""


@dataclass(frozen=True)
class Plan:
    """What to measure. `directory` holds the stores while they are measured."""

    engine_names: tuple[str, ...]
    rows: tuple[str, ...]
    keys: int
    rounds: int
    directory: Path
    pykv_engine: str = "bitcask"
    seed: int = 1
    budget_bytes: int = 256 << 20
    seconds_max: float = 600.0
    clock: str = "wall"

    def sections(self) -> set[Section]:
        """The sections that the rows need."""
        return {ROW_BY_NAME[row].section for row in self.rows}


def run(plan: Plan, progress: Progress) -> Results:
    """Measures. `progress` is told what is about to be run. ChildFailedError if one fails."""
    plan.directory.mkdir(parents=True, exist_ok=True)
    clock = _Clock(plan.seconds_max)
    results = Results(
        pykv_engine=plan.pykv_engine,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        rounds=plan.rounds,
        seed=plan.seed,
        budget_bytes=plan.budget_bytes,
        clock=plan.clock,
        key_counts={name: engines.key_count(name, plan.keys) for name in plan.engine_names},
        machine=machine.describe(plan.directory),
    )
    _measure_stores(plan, results, progress, clock)
    _measure_features(plan, results, progress, clock)
    _measure_synced(plan, results, progress, clock)
    results.seconds = round(clock.elapsed(), 1)
    return results


def turned(items: Sequence[_Item], round_index: int) -> list[_Item]:
    """The items, beginning with another one in each round."""
    first = round_index % len(items)
    return [*items[first:], *items[:first]]


class _Clock:
    """Says whether there is time for another round as long as the longest one so far."""

    def __init__(self, seconds_max: float) -> None:
        self._start = monotonic()
        self._seconds_max = seconds_max

    def elapsed(self) -> float:
        return monotonic() - self._start

    def rounds(self, count: int, share: float, results: Results) -> Iterator[int]:
        """Round numbers below `count`, at least one, until the share of the time is used up."""
        longest = 0.0
        for round_index in range(count):
            start = self.elapsed()
            if round_index and start + longest > self._seconds_max * share:
                results.notes.append(f"stopped after {round_index} of {count} rounds: time is up")
                return
            yield round_index
            longest = max(longest, self.elapsed() - start)


def _measure_stores(plan: Plan, results: Results, progress: Progress, clock: _Clock) -> None:
    sections = [s for s in (Section.SINGLE, Section.BATCH) if s in plan.sections()]
    if not sections:
        return
    share = STORES_SHARE if {Section.SYNCED, Section.FEATURES} & plan.sections() else 1.0
    for round_index in clock.rounds(plan.rounds, share, results):
        for engine in turned(plan.engine_names, round_index):
            progress(f"round {round_index + 1} of {plan.rounds}: {engine}")
            _measure_engine(plan, results, engine, sections)
        results.rounds = round_index + 1


def _measure_features(plan: Plan, results: Results, progress: Progress, clock: _Clock) -> None:
    if Section.FEATURES not in plan.sections() or engines.SUBJECT not in plan.engine_names:
        return
    share = FEATURES_SHARE if Section.SYNCED in plan.sections() else 1.0
    for round_index in clock.rounds(plan.rounds, share, results):
        progress(f"features, round {round_index + 1} of {plan.rounds}: {engines.SUBJECT}")
        _measure_engine(plan, results, engines.SUBJECT, [Section.FEATURES])


def _measure_synced(plan: Plan, results: Results, progress: Progress, clock: _Clock) -> None:
    if Section.SYNCED not in plan.sections():
        return
    names = [name for name in plan.engine_names if engines.applies(name, "put_synced")] + [_RAW]
    rounds = plan.rounds * SYNCED_ROUNDS_FACTOR
    try:
        progress("floors of appends and of memory")
        results.append_floor_us = _in_directory(plan, lambda d: floors.raw_unsynced(d, APPENDS))
        results.memory_floor_ns = floors.memory()
    except floors.FloorUnavailableError as error:
        results.notes.append(f"floors not measured: {error}")
        names.remove(_RAW)
    for round_index in clock.rounds(rounds, 1.0, results):
        for name in turned(names, round_index):
            progress(f"synced round {round_index + 1} of {rounds}: {name}")
            if name == _RAW:
                _measure_raw(plan, results)
            else:
                _measure_engine(plan, results, name, [Section.SYNCED])


def _measure_raw(plan: Plan, results: Results) -> None:
    samples = _in_directory(plan, lambda d: floors.raw_synced(d, SYNCED_PUTS))
    for row in plan.rows:
        for way, figure in samples.get(row, {}).items():
            results.add(row, way, figure)


def _measure_engine(plan: Plan, results: Results, engine: str, sections: Sequence[Section]) -> None:
    report = _in_directory(plan, lambda d: _child(_specification(plan, engine, sections, d)))
    results.versions[engine] = report["version"]
    results.settings[engine] = report["settings"]
    for row, figure in report["samples"].items():
        results.add(row, engine, figure)
    for row, figures in report["beside"].items():
        for name, figure in figures.items():
            results.add(row, name, figure)


def _specification(
    plan: Plan, engine: str, sections: Sequence[Section], directory: Path
) -> Specification:
    return Specification(
        engine=engine,
        pykv_engine=plan.pykv_engine,
        sections=tuple(section.value for section in sections),
        rows=plan.rows,
        key_count=engines.key_count(engine, plan.keys),
        seed=plan.seed,
        budget_bytes=plan.budget_bytes,
        directory=str(directory),
        clock=plan.clock,
    )


def _in_directory(plan: Plan, call: Callable[[Path], _Item]) -> _Item:
    """Calls with a directory of its own; it is removed, and the device is quiet, afterwards."""
    with tempfile.TemporaryDirectory(dir=plan.directory) as directory:
        outcome = call(Path(directory))
    os.sync()
    return outcome


def _child(specification: Specification) -> dict[str, Any]:
    command = [sys.executable, "-m", "benches.child", specification.to_json()]
    try:
        done = subprocess.run(
            command,
            cwd=machine.REPOSITORY,
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailedError(
            f"{specification.engine} took more than {CHILD_SECONDS_MAX} seconds"
        ) from error
    if done.returncode != 0:
        raise ChildFailedError(
            f"{specification.engine} failed with {done.returncode}:\n{done.stderr.strip()}"
        )
    report: dict[str, Any] = json.loads(done.stdout)
    return report
