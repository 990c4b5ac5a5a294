"""When the writes of a store over a database of others are made durable."""

from __future__ import annotations

import time

from pykv.options import CommonOptions, Interval, Os, Sync


class Durability:
    """What options ask for. One thread at a time changes it."""

    def __init__(self, options: CommonOptions) -> None:
        self._options = options
        self._synced = time.monotonic()

    @property
    def is_sync(self) -> bool:
        """Whether every write is to be durable."""
        return isinstance(self._options.durability, Sync)

    def is_due(self, sync: bool | None) -> bool:
        """Whether a write with that argument is to be durable, now."""
        durability = self._options.durability
        if sync is not None or isinstance(durability, Os):
            return bool(sync)
        if isinstance(durability, Interval):
            return time.monotonic() - self._synced >= durability.interval_us / 1_000_000
        return True

    def note_sync(self) -> None:
        """Everything is durable now."""
        self._synced = time.monotonic()

    def guarantee(self) -> str:
        """What a write that returned survives, in words."""
        if self._options.read_only:
            return "none: the store was opened read-only"
        match self._options.durability:
            case Sync():
                return "sync: a write is on the device before it returns"
            case Interval(interval_us):
                ms = interval_us / 1_000
                return f"interval: the first write after {ms:g} ms syncs all before it"
            case _:
                return "os: the operating system has a write before it returns"
