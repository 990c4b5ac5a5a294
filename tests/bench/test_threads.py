"""The rows of threads: the work is done once by each side, on stores that hold what was put."""

import threading
from pathlib import Path

import pytest

from benches import threads
from benches.features import WrongCountError
from benches.goals import WITHOUT
from benches.stores import PykvStore
from benches.threads import in_threads, measure_threads
from tests.bench.sessions import session_of

ROWS = frozenset({"get_threads", "get_many_threads", "put_synced_threads"})


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_every_row_has_one_thread_beside_several(tmp_path: Path, engine: str) -> None:
    session = session_of(tmp_path, engine, ROWS)
    measure_threads(session)
    assert set(session.samples) == ROWS
    assert all(figure > 0 for figure in session.samples.values())
    assert {row: set(names) for row, names in session.beside.items()} == {
        row: {WITHOUT} for row in ROWS
    }


def test_only_the_rows_asked_for_are_measured(tmp_path: Path) -> None:
    session = session_of(tmp_path, "memory", frozenset({"get_threads"}))
    measure_threads(session)
    assert set(session.samples) == set(session.beside) == {"get_threads"}


def test_all_threads_work_at_once_and_each_key_is_worked_on_once() -> None:
    together, done = threading.Barrier(3, timeout=10), list[bytes]()

    def work(keys: list[bytes]) -> None:
        together.wait()
        done.extend(keys)

    keys = [b"%d" % number for number in range(10)]
    in_threads(work, keys, 3)
    assert sorted(done) == sorted(keys)


def test_what_a_thread_raises_is_raised(tmp_path: Path) -> None:
    with PykvStore(16 << 20, "memory").opened(tmp_path / "store") as db:
        with pytest.raises(WrongCountError, match="get_threads: b'gone'"):
            in_threads(threads._get_each(db), [b"gone"], 2)
        with pytest.raises(WrongCountError, match="get_many_threads"):
            in_threads(threads._get_many(db), [b"gone"], 2)
