"""Checkpoints, and the raw way to the same: links to all files, and one sync."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any, Final

MANIFEST_BYTES: Final = 4_096
ROUNDS: Final = 5
REST_SECONDS_MAX: Final = 60.0
"""How long compactions may take to end: beside them both sides wait for the device."""


def link_all(source: Path, target: Path) -> None:
    """Gives every file of a directory a second name in a new one, and one sync."""
    target.mkdir()
    for file in source.iterdir():
        os.link(file, target / file.name)
    with (target / "manifest").open("wb", buffering=0) as written:
        written.write(bytes(MANIFEST_BYTES))
        os.fsync(written.fileno())


def checkpoint_ms(db: Any, source: Path, directory: Path) -> tuple[float, float]:
    """Milliseconds of a checkpoint of the store at source, and of links to its files; medians of
    rounds, in turns. directory: where the copies are made and removed again."""
    db.flush()
    _await_rest(db)
    copies = {"links": directory / "links", "checkpoint": directory / "checkpoint"}
    times: dict[str, list[float]] = {name: [] for name in copies}
    for _ in range(ROUNDS):
        db.sync()
        os.sync()
        times["links"].append(_time(link_all, source, copies["links"]))
        times["checkpoint"].append(_time(db.checkpoint, copies["checkpoint"]))
        for path in copies.values():
            shutil.rmtree(path)
    return 1e3 * median(times["checkpoint"]), 1e3 * median(times["links"])


def _await_rest(db: Any) -> None:
    until = monotonic() + REST_SECONDS_MAX
    while db.stats().get("pending_compaction_bytes", 0) > 0 and monotonic() < until:
        sleep(0.1)


def _time(call: Callable[..., object], *arguments: object) -> float:
    start = perf_counter()
    call(*arguments)
    return perf_counter() - start
