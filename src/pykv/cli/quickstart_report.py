"""The short report at the end of the quickstart."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pykv
from pykv.cli.output import count_text, size_text


@dataclass
class Work:
    """Files that were worked on, their bytes, and the seconds that took."""

    file_count: int = 0
    byte_count: int = 0
    seconds: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Adds the time of a `with` block."""
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start

    def count(self, contents: bytes) -> None:
        """Counts one file."""
        self.file_count += 1
        self.byte_count += len(contents)

    def text(self) -> str:
        """One line, with rates where there are any."""
        done = f"{count_text(self.file_count, 'file'):>14} {size_text(self.byte_count):>12}"
        if self.seconds <= 0.0:
            return done
        rate = f"{size_text(self.byte_count / self.seconds)}/s"
        return (
            f"{done} {self.seconds:>9.3f} s {rate:>12} {self.file_count / self.seconds:>12,.0f}/s"
        )


class Part(Protocol):
    """A part of the quickstart that an engine may not have."""

    def text(self) -> str:
        """One line."""


def _told(part: Part | None) -> str:
    return "this engine has none" if part is None else part.text()


@dataclass
class QuickstartReport:
    """What the quickstart did and saw.

    stats: the store's own, after the merge.  kept, followed, dropped, checkpoint: a snapshot, the
    change feed, a namespace and a checkpoint, each None where the engine has none.
    """

    tree: str
    engine: str
    stored: Work = field(default_factory=Work)
    read: Work = field(default_factory=Work)
    overwritten: Work = field(default_factory=Work)
    left_out_count: int = 0
    deleted_count: int = 0
    acknowledged_count: int = 0
    reopen_killed_seconds: float = 0.0
    reopen_clean_seconds: float = 0.0
    disk_bytes_before: int | None = None
    merge_seconds: float = 0.0
    checked_record_count: int = 0
    ordered_key_count: int | None = None
    prefix_count: int = 0
    stats: Mapping[str, Any] = field(default_factory=dict)
    backups: list[pykv.BackupVersion] = field(default_factory=list)
    kept: Part | None = None
    followed: Part | None = None
    checkpoint: Part | None = None
    dropped: Part | None = None

    def lines(self) -> list[str]:
        """The report for people."""
        killed = (
            f"a writer with SIGKILL after {self.acknowledged_count:,} acknowledged writes: "
            "none is missing"
        )
        reopened = (
            f"in {self.reopen_killed_seconds * 1e3:,.1f} ms after the kill, "
            f"{self.reopen_clean_seconds * 1e3:,.1f} ms after a clean close"
        )
        rows = [
            ("stored", self.stored.text()),
            ("left out", self._left_out()),
            ("read back", self.read.text()),
            ("overwritten", self.overwritten.text()),
            ("deleted", f"{count_text(self.deleted_count, 'file'):>14}"),
            ("snapshot", _told(self.kept)),
            ("followed", _told(self.followed)),
            ("killed", killed),
            ("reopened", reopened),
            ("merged", self._merged()),
            ("verified", f"{count_text(self.checked_record_count, 'record')}, no damage"),
            ("scanned", self._scanned()),
            ("dropped", _told(self.dropped)),
            ("checkpoint", _told(self.checkpoint)),
            ("backed up", self._backed_up()),
            ("memory", self._memory()),
        ]
        title = f"pykv quickstart: {self.tree} in {self.engine}"
        return [title, "", *(f"  {name:<12}{text}" for name, text in rows if text)]

    def _left_out(self) -> str:
        if not self.left_out_count:
            return ""
        return f"{count_text(self.left_out_count, 'file'):>14}, unreadable or too large"

    def _merged(self) -> str:
        after, live = self.stats.get("disk_bytes"), self.stats.get("live_bytes")
        if self.disk_bytes_before is None or not after:
            return f"in {self.merge_seconds:.3f} s"
        share = f"{after / live:.2f} of the live bytes, " if live else ""
        return (
            f"{size_text(self.disk_bytes_before)} on disk to {size_text(after)}, "
            f"{share}in {self.merge_seconds:.3f} s"
        )

    def _scanned(self) -> str:
        if self.ordered_key_count is None:
            return ""
        return (
            f"{count_text(self.ordered_key_count, 'key')} in order, forwards and backwards, and "
            f"{count_text(self.prefix_count, 'prefix scan')}"
        )

    def _backed_up(self) -> str:
        if not self.backups:
            return ""
        copied = " and ".join(size_text(each.new_byte_count) for each in self.backups)
        versions = count_text(len(self.backups), "version")
        return f"{versions}, {copied} of them new, restored as they were"

    def _memory(self) -> str:
        directory, key_count = self.stats.get("keydir_bytes"), self.stats.get("key_count")
        if not directory or not key_count:
            return ""
        return (
            f"{directory / key_count:.1f} bytes of RAM a key, "
            f"{size_text(directory)} for {count_text(key_count, 'key')}"
        )
