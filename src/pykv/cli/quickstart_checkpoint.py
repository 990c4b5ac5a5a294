"""The checkpoint of the quickstart: a second database, opened and compared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pykv
from pykv.cli.output import count_text, size_text
from pykv.cli.quickstart_contents import Expected, check_all
from pykv.cli.quickstart_report import Work


@dataclass(frozen=True)
class Checkpoint:
    """Bytes of a checkpoint, the seconds that making it took, and keys that were compared."""

    byte_count: int
    seconds: float
    key_count: int

    def text(self) -> str:
        """One line for the report."""
        made = f"{size_text(self.byte_count)} in {self.seconds * 1e3:,.1f} ms"
        return f"{made}, opened: {count_text(self.key_count, 'key')} compared equal"


def make(db: pykv.DiskStore, path: Path, expected: Expected) -> Checkpoint:
    """Makes a checkpoint of db at path, opens it, and compares all of it. DifferenceError."""
    start = time.perf_counter()
    db.checkpoint(path)
    seconds = time.perf_counter() - start
    byte_count = sum(file.stat().st_size for file in path.iterdir())
    with pykv.open(path, create=False) as copy:
        check_all(copy, expected, Work())
        return Checkpoint(byte_count, seconds, len(copy))
