"""Snapshots: reads at one moment, for as long as they and their store are open."""

import copy
import os
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

import pykv
from pykv.errors import ClosedError, ForkedError, NotSupportedError
from tests.crash.processes import in_child

keeps = pytest.mark.needs("snapshot")
lacks = pytest.mark.lacks("snapshot")

KEYS = [b"", b"a", b"ab", b"a\xff", b"b", b"\xff\xff"]


@pytest.fixture
def filled(db: Any) -> Any:
    db.put_many((key, b"<" + key + b">") for key in KEYS)
    return db


def change_all(db: Any) -> None:
    """Other values, other keys, and none of the old keys' rows as they were."""
    db.clear()
    db.put_many((b"new" + key, b"x") for key in KEYS)
    db[b"a"] = b"other"
    db.flush()
    db.compact()


@keeps
def test_every_read_sees_the_moment_it_was_made(filled: Any) -> None:
    before = list(filled.scan())
    with filled.snapshot() as kept:
        change_all(filled)
        assert list(kept.scan()) == before
        assert list(kept.scan_keys()) == list(kept) == list(kept.keys()) == KEYS
        assert list(kept.scan_values()) == list(kept.values()) == [row[1] for row in before]
        assert list(kept.items()) == before
        assert kept[b"a"] == kept.get(b"a") == b"<a>"
        assert kept.get_many([b"ab", b"newa", b""]) == [b"<ab>", None, b"<>"]
        assert kept.get_many([b"newa"], b"?") == [b"?"]
        assert b"b" in kept
        assert b"newb" not in kept
        assert kept.get(b"newb", 7) == 7
        assert len(kept) == kept.count() == len(KEYS)
        assert filled[b"a"] == b"other"


@keeps
@pytest.mark.needs("order")
def test_ranges_and_neighbours_are_those_of_its_moment(filled: Any) -> None:
    with filled.snapshot() as kept:
        change_all(filled)
        assert list(kept.scan_keys(b"a", b"b")) == [b"a", b"ab", b"a\xff"]
        assert list(kept.scan_keys(prefix=b"a", reverse=True, limit=2)) == [b"a\xff", b"ab"]
        assert kept.count(b"a", b"b") == kept.count(prefix=b"a") == 3
        assert kept.first() == (b"", b"<>")
        assert kept.last() == (b"\xff\xff", b"<\xff\xff>")
        assert kept.floor(b"aa") == (b"a", b"<a>")
        assert kept.ceiling(b"aa") == (b"ab", b"<ab>")
        assert kept.key_order == "bytes"


@keeps
def test_it_tells_the_sequence_of_its_moment(filled: Any) -> None:
    with filled.snapshot() as kept:
        last = filled.last_seq
        change_all(filled)
        assert kept.last_seq == last < filled.last_seq
    with pytest.raises(ClosedError):
        kept.last_seq  # noqa: B018  # the access raises


@keeps
@pytest.mark.needs("changes")
def test_a_feed_goes_on_from_its_moment(filled: Any) -> None:
    with filled.snapshot() as kept:
        position = filled.stats()["epoch"], kept.last_seq
        filled.pin_history("copy", position)
        change_all(filled)
        filled.sync()
        rows = dict(kept.scan())
        changes = list(filled.changes(position))
    assert changes[0].seq == position[1] + 1
    for change in changes:
        if change.kind == "clear":
            rows.clear()
        else:
            rows[change.key] = change.value
    assert rows == dict(filled.scan())


@keeps
@pytest.mark.needs("ttl")
def test_deadlines_are_those_of_its_moment(db: Any) -> None:
    db.put(b"dated", b"1", ttl=1000)
    db.put(b"stays", b"2")
    deadline = db.expires_at(b"dated")
    with db.snapshot() as kept:
        db.touch(b"dated", 2000)
        db.touch(b"stays", 10)
        db.put(b"new", b"3", ttl=5)
        db.flush()
        assert kept.expires_at(b"dated") == deadline < db.expires_at(b"dated")
        assert kept.expires_at(bytearray(b"stays")) is None
        del db[b"dated"]
        assert kept.expires_at(b"dated") == deadline
        with pytest.raises(KeyError):
            kept.expires_at(b"new")
        with pytest.raises(TypeError):
            kept.expires_at("dated")
    with pytest.raises(ClosedError):
        kept.expires_at(b"dated")


@keeps
@pytest.mark.lacks("ttl")
def test_a_snapshot_of_a_store_without_deadlines_has_none(filled: Any) -> None:
    with filled.snapshot() as kept, pytest.raises(NotSupportedError):
        kept.expires_at(b"a")


@keeps
def test_a_missing_key_is_a_key_error(filled: Any) -> None:
    with filled.snapshot() as kept, pytest.raises(KeyError):
        kept[b"missing"]


@keeps
def test_snapshots_do_not_know_of_each_other(db: Any) -> None:
    kept = []
    for number in range(5):
        db[b"k"] = b"%d" % number
        kept.append(db.snapshot())
    kept[2].close()
    assert [each[b"k"] for each in kept if not each.closed] == [b"0", b"1", b"3", b"4"]


@keeps
def test_closing_it_ends_its_reads_and_may_be_repeated(filled: Any) -> None:
    kept = filled.snapshot()
    assert kept
    assert not kept.closed
    assert "open" in repr(kept)
    kept.close()
    kept.close()
    assert kept.closed
    assert not kept
    assert "closed" in repr(kept)
    calls: list[Callable[[], object]] = [
        lambda: kept.get(b"a"),
        lambda: kept[b"a"],
        lambda: b"a" in kept,
        lambda: kept.get_many([b"a"]),
        lambda: kept.scan(),
        lambda: kept.keys(),
        lambda: kept.count(),
        lambda: len(kept),
        lambda: kept.__enter__(),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()
    assert filled[b"a"] == b"<a>"


@keeps
def test_scans_that_were_opened_go_on_when_it_is_closed(filled: Any) -> None:
    """Those of a memory store ended, and scans of arrays where rows are made into chunks."""
    rows = list(filled.scan())
    kept = filled.snapshot()
    begun, fresh = kept.scan(), kept.scan_keys()
    arrays = kept.scan_arrays(chunk_rows=2)
    first = [next(begun)]
    count = len(next(arrays))
    kept.close()
    change_all(filled)
    assert first + list(begun) == rows
    assert list(fresh) == KEYS
    assert count + sum(map(len, arrays)) == len(rows)


@keeps
def test_scans_of_it_end_with_its_store(make_store: Any) -> None:
    db = make_store()
    db.put_many((b"%04d" % number, bytes(1000)) for number in range(500))
    kept = db.snapshot()
    rows, arrays = kept.scan(), kept.scan_arrays(chunk_rows=2)
    next(rows)
    next(arrays)
    kept.close()
    db.close()
    for scan in (rows, arrays):
        with pytest.raises(ClosedError):
            list(scan)


@keeps
def test_it_outlives_its_store_and_refuses(make_store: Any) -> None:
    db = make_store()
    db[b"a"] = b"1"
    kept = db.snapshot()
    view = kept.items()
    db.close()
    assert kept.closed
    with pytest.raises(ClosedError):
        kept.get(b"a")
    with pytest.raises(ClosedError):
        list(view)
    with pytest.raises(ClosedError):
        db.snapshot()
    kept.close()


@keeps
def test_it_is_not_pickled_or_copied(filled: Any) -> None:
    with filled.snapshot() as kept:
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled or copied"):
                attempt(kept)


@keeps
def test_it_has_the_path_of_its_store_and_is_a_snapshot(filled: Any) -> None:
    with filled.snapshot() as kept:
        assert kept.path == filled.path
        assert isinstance(kept, pykv.OrderedSnapshot) == ("order" in filled.features)
        assert isinstance(kept, pykv.Snapshot)
        assert not isinstance(kept, pykv.Store)
        assert isinstance(filled, pykv.Reader)


def read_until_closed(kept: Any, wrong: list[object]) -> None:
    """Reads kept, whose 500 rows are equal, and notes what is not as it should be."""
    try:
        while True:
            found = [kept[b"0123"], *kept.get_many([b"0499", b"x"]), kept.count()]
            if found != [b"v" * 100, b"v" * 100, None, 500]:
                wrong.append(found)
    except ClosedError:
        pass
    except BaseException as error:
        wrong.append(error)


@keeps
def test_threads_read_it_while_others_write_and_one_closes_it(db: Any) -> None:
    db.put_many((b"%04d" % i, b"v" * 100) for i in range(500))
    kept = db.snapshot()
    wrong: list[object] = []
    threads = [threading.Thread(target=read_until_closed, args=(kept, wrong)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        db.put_many((b"%04d" % i, b"w" * 100) for i in range(0, 500, 7))
        db.delete_many(b"%04d" % i for i in range(0, 500, 3))
    kept.close()
    for thread in threads:
        thread.join()
    assert not wrong


@keeps
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_in_a_forked_child_it_refuses_and_closing_is_silent(filled: Any) -> None:
    kept = filled.snapshot()

    def work() -> None:
        with pytest.raises((ForkedError, ClosedError)):
            kept.get(b"a")
        kept.close()

    assert in_child(work) == 0
    assert kept[b"a"] == b"<a>"
    kept.close()


@lacks
def test_a_store_without_snapshots_says_so(db: Any) -> None:
    with pytest.raises(NotSupportedError, match="snapshot"):
        db.snapshot()
