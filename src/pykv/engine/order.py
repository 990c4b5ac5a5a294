"""The two kinds of store: those that scan in byte order, and those that have no order."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NoReturn

from pykv.arguments import BytesLike, as_bytes, key_range
from pykv.engine.batch import DeleteRange
from pykv.engine.mapping import StoreBase
from pykv.engine.reading import ReaderBase
from pykv.errors import NotSupportedError
from pykv.reader import Cursor, Row


class OrderedReaderBase(ReaderBase):
    """What an ordered store or snapshot does in terms of scan."""

    __slots__ = ()

    @property
    def key_order(self) -> Literal["bytes"]:
        """The order of the keys: that of their unsigned bytes."""
        return "bytes"

    @abstractmethod
    def cursor(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> Cursor:
        """A cursor over a range at the moment of this call, before its first row."""

    def first(self) -> Row | None:
        """The row with the lowest key, None in an empty store."""
        return next(self.scan(limit=1), None)

    def last(self) -> Row | None:
        """The row with the highest key, None in an empty store."""
        return next(self.scan(reverse=True, limit=1), None)

    def floor(self, key: BytesLike) -> Row | None:
        """The row with the highest key <= key, None if there is none."""
        after = as_bytes(key, "key") + b"\0"
        return next(self.scan(stop=after, reverse=True, limit=1), None)

    def ceiling(self, key: BytesLike) -> Row | None:
        """The row with the lowest key >= key, None if there is none."""
        return next(self.scan(start=as_bytes(key, "key"), limit=1), None)


class OrderedStoreBase(OrderedReaderBase, StoreBase):
    """What an ordered store does in terms of scan and _write."""

    __slots__ = ()

    def delete_range(
        self, start: BytesLike | None, stop: BytesLike | None, *, sync: bool | None = None
    ) -> None:
        """Removes [start, stop) in one step; nothing where start >= stop."""
        self._write((DeleteRange(*key_range(start, stop)),), sync)


class UnorderedReaderBase(ReaderBase):
    """What a store or snapshot without order refuses, each with NotSupportedError."""

    __slots__ = ()

    def cursor(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> NoReturn:
        """Not supported."""
        self._refuse("cursor")

    def first(self) -> NoReturn:
        """Not supported."""
        self._refuse("first")

    def last(self) -> NoReturn:
        """Not supported."""
        self._refuse("last")

    def floor(self, key: BytesLike) -> NoReturn:
        """Not supported."""
        self._refuse("floor")

    def ceiling(self, key: BytesLike) -> NoReturn:
        """Not supported."""
        self._refuse("ceiling")

    def _refuse_range(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        prefix: BytesLike | None = None,
        reverse: bool = False,
    ) -> None:
        """Raises NotSupportedError for the first argument that asks for an order."""
        given = {"start": start, "stop": stop, "prefix": prefix, "reverse": reverse or None}
        for name, value in given.items():
            if value is not None:
                self._refuse(name)

    def _refuse(self, what: str) -> NoReturn:
        self._check_open()
        raise NotSupportedError(
            f"{what} needs an ordered store and {type(self).__name__} has no order: "
            "scan all of it, or keep these rows in an ordered engine",
            path=self.path,
        )


class UnorderedStoreBase(UnorderedReaderBase, StoreBase):
    """What a store without order refuses besides."""

    __slots__ = ()

    def delete_range(
        self, start: BytesLike | None, stop: BytesLike | None, *, sync: bool | None = None
    ) -> NoReturn:
        """Not supported; clear() removes every key."""
        self._refuse("delete_range")
