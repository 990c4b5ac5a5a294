"""Scans: what they show, and that they show one moment."""

from contextlib import closing
from typing import Any

import pytest

from pykv.errors import ClosedError


def fill(db: Any, count: int = 3_000) -> dict[bytes, bytes]:
    rows = {b"%06d" % number: b"v%d" % number for number in range(count)}
    db.put_many(rows.items())
    return rows


def test_a_scan_shows_every_row_once(db: Any) -> None:
    rows = fill(db)
    shown = list(db.scan())
    assert len(shown) == len(rows)
    assert dict(shown) == rows
    assert all(type(key) is bytes and type(value) is bytes for key, value in shown)


def test_rows_that_nobody_keeps_have_hashes_of_their_own(db: Any) -> None:
    """The tuple of a row was filled again; from CPython 3.14 on it kept the hash of the first."""
    rows = set(fill(db, 500).items())
    assert rows.issuperset(db.scan())
    assert rows.intersection(db.scan()) == rows
    assert len(set(map(hash, db.scan()))) == len(set(map(hash, rows)))


def test_keys_and_values_are_those_of_the_rows(db: Any) -> None:
    fill(db)
    db.compact()  # a merge between two scans of a Bitcask changes the order of its rows
    rows = list(db.scan())
    assert list(db.scan_keys()) == [key for key, _ in rows]
    assert list(db.scan_values()) == [value for _, value in rows]
    assert list(db.scan_keys(limit=7)) == [key for key, _ in rows[:7]]
    assert list(db.scan_values(limit=7)) == [value for _, value in rows[:7]]


@pytest.mark.parametrize("limit", [0, 1, 2, 999, 1_000, 1_001, 10**12])
def test_a_limit_cuts_the_rows(db: Any, limit: int) -> None:
    fill(db, 1_000)
    assert list(db.scan(limit=limit)) == list(db.scan())[:limit]


@pytest.mark.parametrize("bad", [1.0, "1", b"1", True])
def test_a_limit_of_another_type_is_a_type_error(db: Any, bad: object) -> None:
    with pytest.raises(TypeError, match="limit"):
        db.scan(limit=bad)


def test_a_negative_limit_is_a_value_error(db: Any) -> None:
    with pytest.raises(ValueError, match="limit"):
        db.scan(limit=-1)


def test_options_of_a_scan_are_keywords(db: Any) -> None:
    with pytest.raises(TypeError):
        db.scan(None, None, b"prefix")


def test_an_iterator_is_its_own_iterator(db: Any) -> None:
    fill(db, 10)
    rows = db.scan()
    assert iter(rows) is rows
    assert len(list(rows)) == 10
    assert list(rows) == []
    with pytest.raises(StopIteration):
        next(rows)


@pytest.mark.parametrize("taken", [0, 1, 1_500])
@pytest.mark.parametrize("kind", ["scan", "scan_keys", "scan_values", "__iter__"])
def test_a_scan_that_is_closed_has_no_more_rows(db: Any, kind: str, taken: int) -> None:
    fill(db, 3_000)
    before = db.stats().get("open_scan_count")
    with closing(getattr(db, kind)()) as scan:
        assert len([next(scan) for _ in range(taken)]) == taken
    assert list(scan) == []
    assert db.stats().get("open_scan_count") == before
    scan.close()


def test_a_scan_may_be_closed_when_its_store_is(db: Any) -> None:
    fill(db, 10)
    begun, fresh = db.scan(), db.scan_keys()
    next(begun)
    db.close()
    begun.close()
    fresh.close()


@pytest.mark.needs("consistent_scan")
@pytest.mark.parametrize("taken", [0, 1, 500, 1_999])
def test_a_scan_shows_the_moment_of_its_call(db: Any, taken: int) -> None:
    rows = fill(db, 2_000)
    scans = [db.scan(), iter(db.items())]
    keys, values = iter(db), db.scan_values()
    seen = [[next(scan) for _ in range(taken)] for scan in scans]
    for number in range(0, 2_000, 3):
        db[b"%06d" % number] = b"changed"
    db.delete_many([b"%06d" % number for number in range(1, 2_000, 3)])
    db.put_many((b"new%d" % number, b"new") for number in range(2_000))
    db.flush()
    db.compact()
    for before, scan in zip(seen, scans, strict=True):
        assert dict([*before, *scan]) == rows
    assert set(keys) == set(rows)
    assert sorted(values) == sorted(rows.values())
    db.clear()
    assert list(db.scan()) == []


@pytest.mark.needs("consistent_scan")
def test_a_scan_survives_a_clear(db: Any) -> None:
    rows = fill(db, 500)
    scan = db.scan()
    db.clear()
    assert dict(scan) == rows


@pytest.mark.needs("consistent_scan")
def test_a_row_put_back_after_a_delete_is_not_in_an_older_scan(db: Any) -> None:
    db[b"k"] = b"1"
    first = db.scan()
    del db[b"k"]
    second = db.scan()
    db[b"k"] = b"2"
    third = db.scan()
    assert (list(first), list(second), list(third)) == ([(b"k", b"1")], [], [(b"k", b"2")])


def test_rows_may_be_deleted_while_they_are_scanned(db: Any) -> None:
    rows = fill(db, 2_500)
    shown = {}
    for key, value in db.items():
        shown[key] = value
        del db[key]
    assert shown == rows
    assert len(db) == 0


def test_rows_may_be_added_while_keys_are_scanned(db: Any) -> None:
    fill(db, 1_500)
    for key in db:
        db[b"copy of " + key] = b""
    assert len(db) == 3_000


def test_many_scans_may_be_open_and_dropped(db: Any) -> None:
    rows = fill(db, 1_200)
    scans = [db.scan() for _ in range(50)]
    for scan in scans[::2]:
        next(scan)
    db.clear()
    kept = scans[1::2]
    del scans, scan
    for scan in kept:
        assert dict(scan) == rows


def test_a_scan_ends_when_its_store_closes(db: Any) -> None:
    fill(db, 1_200)
    fresh, begun = db.scan(), db.scan()
    keys, values = iter(db), db.scan_values()
    next(begun)
    db.close()
    for iterator in (fresh, begun, keys, values):
        with pytest.raises(ClosedError):
            next(iterator)


def test_list_and_sorted_and_truth_scan_at_most_once(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(db, 100)
    calls = []
    cls = type(db)
    scan = cls.scan

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(options)
        return scan(*arguments, **options)

    monkeypatch.setattr(cls, "scan", counted)
    assert bool(db)
    assert len(db) == 100
    assert calls == []
    for consume in (list, sorted, set, tuple):
        calls.clear()
        assert len(consume(db)) == 100
        assert len(calls) <= 1
