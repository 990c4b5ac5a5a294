"""What threads of one process make of gets and synced puts: rows of Section.FEATURES.

One thread does all of the work, and the same work is done by several at once; the figures are the
time that all of it took, an operation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benches.features import Turns, WrongCountError, cut, fill, get_by, store_of
from benches.goals import WITHOUT

if TYPE_CHECKING:
    from benches.child import Session

GETS: Final = 200_000
MANY: Final = 64
SYNCED_PUTS: Final = 400
GET_THREADS: Final = 2
PUT_THREADS: Final = 8
ROUNDS: Final = 4

Work = Callable[[list[bytes]], None]


def measure_threads(session: Session) -> None:
    """Measures the rows that are wanted."""
    if any(map(session.wants, ("get_threads", "get_many_threads"))):
        _gets(session)
    if session.wants("put_synced_threads"):
        _synced_puts(session)


def in_threads(work: Work, keys: list[bytes], count: int) -> None:
    """Does the work on all keys, each of the threads on its share; what one raises is raised."""
    failures: list[BaseException] = []

    def share(part: list[bytes]) -> None:
        try:
            work(part)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=share, args=(keys[i::count],)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _turns(session: Session, row: str, work: Work, pieces: list[list[bytes]], count: int) -> None:
    """The work on each of the pieces by one thread and by several, in turns."""
    turns, sides = Turns(session, row), [(WITHOUT, 1), ("", count)]
    for keys in pieces:
        for side, threads in sides:
            turns.take(side, len(keys), in_threads, work, keys, threads)
        sides.reverse()
    turns.keep()


def _gets(session: Session) -> None:
    keys, values = session.workload.keys(), session.workload.values()
    wanted = session.workload.keys_at(session.workload.sample_indices(min(len(keys), GETS)))
    with store_of(session).opened(session.fresh_path()) as db:
        fill(db, keys, values)
        for row, work in (("get_threads", _get_each(db)), ("get_many_threads", _get_many(db))):
            if session.wants(row):
                _turns(session, row, work, cut(wanted, ROUNDS), GET_THREADS)


def _get_each(db: Any) -> Work:
    def get_each(keys: list[bytes]) -> None:
        get = db.get
        for key in keys:
            if get(key) is None:
                raise WrongCountError(f"get_threads: {key!r} is not there")

    return get_each


def _get_many(db: Any) -> Work:
    return partial(get_by, MANY, "get_many_threads", db)


def _synced_puts(session: Session) -> None:
    keys = session.workload.keys()[:SYNCED_PUTS]
    with store_of(session).opened(session.fresh_path(), durability="sync") as db:

        def put_each(some: list[bytes]) -> None:
            for key in some:
                db.put(key, b"value")

        put_each(keys)
        _turns(session, "put_synced_threads", put_each, cut(keys, ROUNDS), PUT_THREADS)
        if len(db) != len(keys):
            raise WrongCountError(f"put_synced_threads: {len(db):,} keys instead of {len(keys):,}")
