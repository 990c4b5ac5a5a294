"""Times to live: what every store does alike over a clock and two primitives of its engine.

An engine with the feature "ttl" of `pykv.features.FEATURES` overrides the first three methods and
puts until `Put.deadline_us`; for the others every ttl is a NotSupportedError.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from pykv.arguments import BytesLike, as_bytes, ttl_us_of
from pykv.engine.batch import Operation, Put
from pykv.errors import NotSupportedError


class DeadlineReader(ABC):
    """The part of a store or a snapshot that tells deadlines."""

    __slots__ = ()

    @abstractmethod
    def _expires_us(self, key: bytes) -> int | None:
        """The deadline of key, 0 for none; None if the key is absent."""

    def expires_at(self, key: BytesLike) -> float | None:
        """When key expires, in seconds since 1970; None: never. KeyError if it is absent."""
        deadline_us = self._expires_us(as_bytes(key, "key"))
        if deadline_us is None:
            raise KeyError(key)
        return deadline_us / 1_000_000 if deadline_us else None


class ExpiryBase(DeadlineReader):
    """The part of a store that is about deadlines: times of the store's clock in microseconds."""

    __slots__ = ()

    @property
    @abstractmethod
    def path(self) -> Path | None:
        """Where the store lives; None for one without a place."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raises ClosedError or ForkedError unless the store takes calls."""

    # ---- primitives ----

    def _now_us(self) -> int:
        """The clock that deadlines are compared with."""
        raise self._without_ttl()

    def _expires_us(self, key: bytes) -> int | None:
        """The deadline of key, 0 for none; None if the key is absent."""
        raise self._without_ttl()

    def _touch(self, key: bytes, deadline_us: int, sync: bool | None) -> bool:
        """Sets the deadline of key (0: none); False if it is absent."""
        raise self._without_ttl()

    # ---- over them ----

    def touch(
        self, key: BytesLike, ttl: float | timedelta | None, *, sync: bool | None = None
    ) -> bool:
        """Lets key expire ttl from now on, None: never; tells whether it was there. Atomic."""
        exact = as_bytes(key, "key")
        return self._touch(exact, self._deadline_of(ttl), sync)

    def _deadline_of(self, ttl: float | timedelta | None) -> int:
        """The deadline of what is put with ttl now, 0 for none. NotSupportedError."""
        return 0 if ttl is None else ttl_us_of(ttl) + self._now_us()

    def _dated(
        self, operations: list[Operation], ttl: float | timedelta | None
    ) -> Sequence[Operation]:
        """The puts among operations with the deadline that ttl gives now."""
        if ttl is None:
            return operations
        deadline_us = self._deadline_of(ttl)
        return [Put(each.key, each.value, deadline_us) for each in operations if type(each) is Put]

    def _without_ttl(self) -> NotSupportedError:
        self._check_open()
        return NotSupportedError(
            f"{type(self).__name__} keeps rows for ever: keep those that expire in a store with "
            'the feature "ttl"',
            path=self.path,
        )
