"""The floors under pykv, measured by small C programs: the raw device and the memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benches.machine import REPOSITORY

SOURCES = REPOSITORY / "benches" / "c"
PRODUCTS = REPOSITORY / "build" / "bench"
C_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra")
RAW_PREFIX = "raw "
RUN_SECONDS_MAX = 300
BUILD_SECONDS_MAX = 120


class FloorUnavailableError(Exception):
    """The floor cannot be measured here; the message says why."""


def compiler() -> str | None:
    """The C compiler: `$CC`, else `cc`; None if there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def build(name: str) -> Path:
    """Compiles benches/c/`name`.c if it is newer than its program, and gives the program."""
    source, program = SOURCES / f"{name}.c", PRODUCTS / name
    if program.exists() and program.stat().st_mtime_ns >= source.stat().st_mtime_ns:
        return program
    cc = compiler()
    if cc is None:
        raise FloorUnavailableError("no C compiler found (set CC, or install gcc)")
    PRODUCTS.mkdir(parents=True, exist_ok=True)
    _run([cc, *C_FLAGS, str(source), "-o", str(program)], BUILD_SECONDS_MAX)
    return program


def raw_synced(directory: Path, commits: int) -> dict[str, dict[str, float]]:
    """One round of synced 136-byte appends: row name to way to figure.

    The rows are "put_synced" (microseconds) and "device" (KiB a commit, where it is known).
    """
    report = _report("raw_log", "synced", str(directory), str(commits), "1")
    samples: dict[str, dict[str, float]] = {"put_synced": {}, "device": {}}
    for way, figures in report.items():
        samples["put_synced"][RAW_PREFIX + way] = figures["us"][0]
        if figures["device_kib"] is not None:
            samples["device"][RAW_PREFIX + way] = figures["device_kib"][0]
    return samples


def raw_unsynced(directory: Path, appends: int) -> dict[str, float]:
    """Microseconds a 136-byte append without a sync, by way."""
    report = _report("raw_log", "unsynced", str(directory), str(appends))
    return {way: figures["us"][0] for way, figures in report.items()}


def memory() -> dict[str, float]:
    """Nanoseconds an operation, by what is done."""
    return {name: float(figure) for name, figure in _report("memory_floor").items()}


def _report(name: str, *arguments: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(_run([str(build(name)), *arguments], RUN_SECONDS_MAX))
    return report


def _run(command: list[str], seconds_max: int) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=seconds_max
        )
    except subprocess.CalledProcessError as error:
        raise FloorUnavailableError(f"{Path(command[0]).name}: {error.stderr.strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FloorUnavailableError(f"{Path(command[0]).name}: {error}") from error
    return done.stdout
