"""Converting: copying the rows in steps that can be gone on from, and comparing both sides."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pykv.arguments import StrPath, as_path
from pykv.engine import open_store
from pykv.engine.backup.durable import told_as_ours
from pykv.engine.batch import Operation, Put, chunks, operation_bytes
from pykv.engine.convert.check import Digest, Side, digests_of
from pykv.engine.convert.mark import Mark, Place, resolved
from pykv.engine.dated_rows import batch_bytes_of, rows_of, write_rows
from pykv.engine.given_options import make_options
from pykv.engine.registry import find_engine
from pykv.errors import CorruptionError, InvalidOptionError, NotSupportedError, UnfinishedError
from pykv.store import Progress, Store

# So often it is made durable how far the copy is.
MARK_BYTES: Final = 64 << 20
MARK_SECONDS: Final = 10.0

_STORE_ID: Final = struct.Struct("<16xQ")
_NATIVE: Final = frozenset({"bitcask", "lsm"})
# Each row is copied, and read again on both sides.
_PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion came to.

    row_count, byte_count: rows of both sides, and bytes of their keys and values, but for rows
    that expired meanwhile or were about to.  digest: of these rows, the same on both sides.
    resumed_row_count: rows that an earlier call had copied.
    """

    row_count: int
    byte_count: int
    digest: str
    resumed_row_count: int


class _Progress:
    """Counts what is done."""

    def __init__(self, progress: Progress | None, row_count: int) -> None:
        self._progress = progress
        self._total = max(_PASSES * row_count, 1)
        self._done = 0

    def add(self, count: int = 1) -> None:
        before, self._done = self._done, self._done + count
        if self._progress is not None and before // 1_000 != self._done // 1_000:
            self._progress(min(self._done, self._total), self._total)


def convert(
    source: StrPath | Store,
    target: StrPath,
    *,
    engine: str,
    namespace: str | None = None,
    progress: Progress | None = None,
    **options: object,
) -> Conversion:
    """Makes a database of engine at target, where nothing may be, with the rows of source.

    source: a path, which is opened read-only, or an open store, to which nobody may write
    meanwhile.  namespace: the only one whose rows are taken, which become those of the new database
    itself; "" is the default one alone, None all of them.  options: of the new database.
    progress(done, total) is told rows; each counts three times, because it is copied and then read
    on both sides, which must come to the same counts and the same digest. Deadlines go with their
    rows, and namespaces with all of theirs.

    A call that failed or died on the way leaves a directory that cannot be opened
    (UnfinishedError); the same call goes on from there, if source is on disk and has not changed.

    Raises FileExistsError where a database or anything else is at target, UnfinishedError where the
    conversion there is of something else or source was written to, CorruptionError where the sides
    differ, NotSupportedError where rows have deadlines or source has namespaces and engine has none
    of these, KeyError where there is no namespace of that name, and what opening, reading and
    writing raise.
    """
    path = as_path(target)
    with ExitStack() as opened, told_as_ours():
        if isinstance(source, Store):
            store, name = source, "a store in memory" if source.path is None else str(source.path)
        else:
            store = open_store(as_path(source), read_only=True, create=False)
            opened.callback(store.close)
            name = resolved(as_path(source))
        if namespace is not None:
            name = f"namespace {namespace!r} of {name}"
        side = Side(store.namespace(namespace) if namespace else store, namespace is not None)
        wanted = Mark(engine=engine, source=name, identity=_identity_of(side))
        return _convert(side, Place(path), wanted, progress, options)


def _identity_of(source: Side) -> dict[str, Any]:
    """What tells a store at a moment from all others; nothing for one that is not on disk."""
    store = source.store
    stats = store.stats()
    if store.path is None or "persistence" not in store.features:
        return {}
    # A relative path leads elsewhere once the process has changed its directory.
    path: Path = getattr(store, "_home", store.path)
    names = ("engine", "last_seq", "epoch")
    identity: dict[str, Any] = {name: stats[name] for name in names if name in stats}
    if stats["engine"] in _NATIVE:
        with (path / "MANIFEST").open("rb") as file:
            (identity["store_id"],) = _STORE_ID.unpack(file.read(_STORE_ID.size))
    else:
        identity["path"] = resolved(path)
    name = getattr(store, "name", "" if source.alone else None)
    if name is not None:
        identity["namespace"] = name
    return identity


def _convert(
    source: Side, place: Place, wanted: Mark, progress: Progress | None, options: dict[str, Any]
) -> Conversion:
    engine = find_engine(wanted.engine)
    if engine.needs_path is False:
        raise InvalidOptionError(f"the rows of engine {wanted.engine!r} would end with the process")
    make_options(engine.options, engine.name, options)
    mark = place.read()
    is_new = mark is None
    if mark is None:
        place.make(wanted)
        mark = wanted
    else:
        _check_same(mark, wanted, place.path)
    if not mark.is_moving:
        try:
            found = _fill(source, place, mark, progress, options)
        except BaseException as error:
            # It cannot be gone on with; what an earlier call copied can, once the package is here.
            if not wanted.identity or (is_new and isinstance(error, NotSupportedError)):
                place.take_back()
            raise
        place.finish(mark)
    else:
        place.finish(mark)
        with open_store(place.path, read_only=True) as made:
            found = digests_of(source, Side(made), lambda: None)[1]
    return Conversion(found.row_count, found.byte_count, str(found), mark.row_count)


def _check_same(mark: Mark, wanted: Mark, path: Path) -> None:
    """Whether the conversion that was begun at path is the one that is wanted."""
    if mark.identity == wanted.identity and mark.engine == wanted.engine and wanted.identity:
        return
    what = "that has changed since" if mark.source == wanted.source else "of something else"
    if mark.engine != wanted.engine:
        what = f"to engine {mark.engine!r}"
    raise UnfinishedError(
        f"{path} holds a conversion of {mark.source} {what}, which cannot go on with this call",
        path=path,
    )


def _fill(
    source: Side, place: Place, mark: Mark, progress: Progress | None, options: dict[str, Any]
) -> Digest:
    """Copies what is not yet copied, and compares; the database is closed then."""
    row_count = sum(space.stats()["key_count"] for _, space in source.spaces())
    told = _Progress(progress, row_count)
    with open_store(place.data, engine=mark.engine, **options) as target:
        _check_namespaces(source, target, mark)
        written_before = source.store.last_seq
        _Copying(source, target, mark, told).run(place)
        found, copied = digests_of(source, Side(target), told.add)
        if source.store.last_seq != written_before or _identity_of(source) != mark.identity:
            raise UnfinishedError(
                f"{mark.source} was written to while it was converted to {place.path}",
                path=place.path,
            )
        if found != copied:
            raise CorruptionError(
                f"{place.path} has {copied.row_count} rows with digest {copied}, "
                f"{mark.source} has {found.row_count} with {found}",
                path=place.path,
            )
    return copied


class _Copying:
    """How far the copying is. count: rows that are in the target, or were when the mark was made.

    Those of a source with order come behind the last key of the mark, in its namespace and in those
    behind it. Without order all are looked at, and those that the target has are passed over.
    """

    def __init__(self, source: Side, target: Store, mark: Mark, told: _Progress) -> None:
        self._source = source
        self._target = target
        self._mark = mark
        self._told = told
        self._is_ordered = "order" in source.store.features
        self._copied_bytes, self._since = 0, time.monotonic()
        self.count = 0

    def run(self, place: Place) -> None:
        """Copies what is left, and makes durable how far that is from time to time."""
        for name, space in self._source.spaces():
            into = self._target if name is None else self._target.namespace(name, create=True)
            if not self._is_done(name):
                self._copy(place, name, space, into)
        self._target.sync()

    def _is_done(self, name: str | None) -> bool:
        """Whether the mark is behind a namespace."""
        mark = self._mark
        return mark.last_key is not None and _position_of(name) < _position_of(mark.namespace)

    def _copy(self, place: Place, name: str | None, space: Store, into: Store) -> None:
        for chunk in chunks(self._left(name, space, into), batch_bytes_of(into)):
            write_rows(into, chunk, False)
            self._add(len(chunk))
            self._copied_bytes += sum(map(operation_bytes, chunk))
            if self._copied_bytes >= MARK_BYTES or time.monotonic() - self._since >= MARK_SECONDS:
                self._target.sync()
                place.write(self._moved_on(name, chunk))
                self._copied_bytes, self._since = 0, time.monotonic()

    def _add(self, count: int) -> None:
        self.count += count
        self._told.add(count)

    def _moved_on(self, name: str | None, chunk: list[Operation]) -> Mark:
        last = chunk[-1] if chunk else None
        if not self._is_ordered or not isinstance(last, Put):
            return replace(self._mark, row_count=self.count)
        return replace(self._mark, row_count=self.count, last_key=last.key, namespace=name)

    def _left(self, name: str | None, space: Store, into: Store) -> Iterator[Put]:
        last = self._mark.last_key
        start = None if last is None or name != self._mark.namespace else last + b"\0"
        if start is not None:
            self._add(self._mark.row_count)
        may_be_there = last is None and self._mark.row_count > 0
        for key, value, deadline_us, _ in rows_of(name, space, start):
            if may_be_there and key in into:
                self._add(1)
            else:
                yield Put(key, value, deadline_us)


def _position_of(name: str | None) -> bytes:
    """Sorts names as each_namespace gives them."""
    return b"" if name is None else name.encode()


def _check_namespaces(source: Side, target: Store, mark: Mark) -> None:
    names = [name for name, _ in source.spaces() if name is not None]
    if names and "namespaces" not in target.features:
        raise NotSupportedError(
            f"{mark.source} has namespaces ({', '.join(names[:5])}), which engine {mark.engine!r} "
            "has not: convert each to a place of its own, by naming the one namespace that is to "
            "be taken, '' for the default one",
            path=source.store.path,
        )
