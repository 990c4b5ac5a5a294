"""Rows with a time to live."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import pykv
from pykv.errors import ClosedError, NotSupportedError
from pykv.features import supports

# Long enough for what comes before it on a busy machine.
SHORT = 0.3


def wait_until_gone(db: Any, key: bytes) -> None:
    """Waits until key, which has a ttl of SHORT, has expired."""
    end = time.monotonic() + 60
    while db.get(key) is not None:
        assert time.monotonic() < end, "the key does not expire"
        time.sleep(0.005)


@pytest.mark.needs("ttl")
def test_what_has_expired_is_absent_for_every_call(db: Any) -> None:
    db.put(b"stays", b"1")
    db.put(b"goes", b"2", ttl=SHORT)
    assert db.get(b"goes") == b"2"
    wait_until_gone(db, b"goes")
    assert b"goes" not in db
    assert db.get_many([b"goes", b"stays"]) == [None, b"1"]
    assert list(db.scan()) == [(b"stays", b"1")]
    assert list(db.scan_keys()) == [b"stays"]
    assert db.pop(b"goes", None) is None
    with pytest.raises(KeyError):
        db[b"goes"]
    with pytest.raises(KeyError):
        del db[b"goes"]
    with pytest.raises(KeyError):
        db.expires_at(b"goes")
    assert db.touch(b"goes", 60) is False
    assert db.compare_and_set(b"goes", b"2", b"3") is False
    assert db.put_if_absent(b"goes", b"new")
    assert db.expires_at(b"goes") is None
    assert db.setdefault(b"goes", b"other") == b"new"


@pytest.mark.needs("ttl")
@pytest.mark.needs("order")
def test_what_has_expired_is_not_counted_and_no_neighbour(db: Any) -> None:
    db.put_many([(b"a", b"1"), (b"c", b"3")])
    db.put_many([(b"b", b"2"), (b"z", b"26")], ttl=SHORT)
    assert db.count() == 4
    wait_until_gone(db, b"z")
    assert (db.count(), len(db), db.count(prefix=b"b")) == (2, 2, 0)
    assert (db.last(), db.floor(b"bb"), db.ceiling(b"b")) == (
        (b"c", b"3"),
        (b"a", b"1"),
        (b"c", b"3"),
    )


@pytest.mark.needs("ttl")
def test_a_flush_and_a_compaction_change_nothing_of_that(db: Any) -> None:
    db.put_many([(b"k%d" % number, b"old") for number in range(50)])
    db.flush()
    db.put_many([(b"k%d" % number, b"new") for number in range(0, 50, 2)], ttl=SHORT)
    db.put(b"long", b"1", ttl=3600)
    db.flush()
    wait_until_gone(db, b"k0")
    for _ in range(2):
        assert {key for key, _ in db.scan()} == {b"long"} | {
            b"k%d" % number for number in range(1, 50, 2)
        }
        assert db.get(b"k2") is None
        db.compact()
    assert db.expires_at(b"long") > time.time() + 3000


@pytest.mark.needs("ttl")
def test_an_overwrite_sets_the_deadline_again_or_none(db: Any) -> None:
    db.put(b"k", b"1", ttl=SHORT)
    db.put(b"k", b"2")
    assert db.expires_at(b"k") is None
    db.put(b"k", b"3", ttl=1000)
    assert db.expires_at(b"k") > time.time() + 900
    db.compare_and_set(b"k", b"3", b"4")
    assert db.expires_at(b"k") is None
    db.put(b"other", b"1", ttl=SHORT)
    wait_until_gone(db, b"other")
    assert db.get(b"k") == b"4"


@pytest.mark.needs("ttl")
@pytest.mark.parametrize(
    "ttl", [100, 100.0, timedelta(seconds=100), timedelta(minutes=1, seconds=40)]
)
def test_a_ttl_is_seconds_or_a_timedelta_on_every_put(db: Any, ttl: Any) -> None:
    before = time.time()
    db.put(b"put", b"1", ttl=ttl)
    db.put_many([(b"many", b"1")], ttl=ttl)
    db.put_many([(b"atomic", b"1")], ttl=ttl, atomic=True)
    with db.batch() as batch:
        batch.put(b"batch", b"1", ttl=ttl)
        batch.put(b"later", b"1", ttl=200)
        batch.put(b"plain", b"1")
        batch.delete(b"none")
    db.put(b"touched", b"1")
    assert db.touch(b"touched", ttl) is True
    after = time.time()
    for key in (b"put", b"many", b"atomic", b"batch", b"touched"):
        assert before + 99.9 <= db.expires_at(key) <= after + 100.1
    assert before + 199.9 <= db.expires_at(b"later") <= after + 200.1
    assert db.expires_at(b"plain") is None


@pytest.mark.needs("ttl")
def test_what_is_set_under_a_condition_may_have_a_ttl(db: Any) -> None:
    assert db.put_if_absent(b"lock", b"me", ttl=SHORT)
    assert not db.put_if_absent(b"lock", b"you", ttl=1000)
    assert db.expires_at(b"lock") <= time.time() + SHORT
    wait_until_gone(db, b"lock")
    assert db.put_if_absent(b"lock", b"you", ttl=1000)
    before = db.expires_at(b"lock")
    assert not db.compare_and_set(b"lock", b"me", b"more", ttl=5000)
    assert db.expires_at(b"lock") == before
    assert db.compare_and_set(b"lock", b"you", b"you", ttl=timedelta(seconds=5000))
    assert db.expires_at(b"lock") > before + 3000
    assert db.compare_and_set(b"lock", b"you", b"stays")
    assert db.expires_at(b"lock") is None
    assert db.setdefault(b"lock", b"other", ttl=10) == b"stays"
    assert db.expires_at(b"lock") is None
    assert db.setdefault(b"new", b"other", ttl=1000) == b"other"
    assert db.expires_at(b"new") == pytest.approx(time.time() + 1000, abs=60)


@pytest.mark.needs("ttl")
def test_a_delete_under_a_condition_takes_no_ttl(db: Any) -> None:
    db.put(b"k", b"v")
    with pytest.raises(ValueError, match="value=None removes the key"):
        db.compare_and_set(b"k", b"v", None, ttl=10)
    assert db[b"k"] == b"v"


@pytest.mark.needs("ttl")
def test_touch_keeps_the_value_and_may_take_the_deadline_away(db: Any) -> None:
    db.put(b"k", b"value", ttl=SHORT)
    assert db.touch(b"k", timedelta(hours=1))
    assert db.expires_at(b"k") > time.time() + 3000
    assert db.touch(b"k", None, sync=True)
    assert db.expires_at(b"k") is None
    assert db[b"k"] == b"value"
    assert db.touch(b"absent", 5) is False
    assert b"absent" not in db


@pytest.mark.needs("ttl")
def test_a_scan_keeps_the_clock_of_its_beginning(db: Any) -> None:
    db.put_many([(b"k%03d" % number, b"v" * 2000) for number in range(200)], ttl=SHORT * 2)
    scan = db.scan()
    rows = [next(scan)]
    wait_until_gone(db, b"k199")
    rows += scan
    assert len(rows) == 200
    assert list(db.scan()) == []


@pytest.mark.needs("ttl")
@pytest.mark.needs("snapshot")
def test_a_snapshot_keeps_its_clock_whatever_is_compacted(db: Any) -> None:
    db.put_many([(b"a", b"1"), (b"b", b"2")], ttl=SHORT)
    with db.snapshot() as snapshot:
        wait_until_gone(db, b"b")
        db.put(b"c", b"3")
        db.compact()
        assert snapshot.get(b"a") == b"1"
        assert snapshot.get_many([b"a", b"c"]) == [b"1", None]
        assert list(snapshot.scan()) == [(b"a", b"1"), (b"b", b"2")]
    assert list(db.scan()) == [(b"c", b"3")]


# The LSM store told the deadlines of rows that a range delete hid, as clear() of a namespace does.
@pytest.mark.needs("ttl")
@pytest.mark.parametrize("flushes", [(), ("put",), ("put", "gone"), ("gone",)])
@pytest.mark.parametrize("ttl", [1000, None])
@pytest.mark.parametrize("how", ["delete_range", "clear"])
def test_what_a_range_delete_or_clear_took_has_no_deadline(
    db: Any, how: str, ttl: float | None, flushes: tuple[str, ...]
) -> None:
    if how == "delete_range" and "order" not in db.features:
        pytest.skip("ranges need an order")
    db.put_many([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], ttl=ttl)
    if "put" in flushes:
        db.flush()
    _ = db.delete_range(b"b", b"c") if how == "delete_range" else db.clear()
    if "gone" in flushes:
        db.flush()
    assert b"b" not in db
    with pytest.raises(KeyError):
        db.expires_at(b"b")
    assert db.touch(b"b", 60) is False
    left = [b"a", b"c"] if how == "delete_range" else []
    assert [row.key for row in pykv.export_rows(db)] == left
    db.put(b"b", b"new", ttl=500)
    assert time.time() + 400 < db.expires_at(b"b") < time.time() + 600


@pytest.mark.needs("ttl")
@pytest.mark.parametrize("make", [dict, list, lambda pairs: iter(list(pairs))])
def test_an_update_sets_the_deadline_of_each_row(db: Any, make: Any) -> None:
    db.update({b"a": b"0", b"b": b"0"})
    db.update(make([(b"b", b"1"), (b"c", b"2")]), ttl=500)
    assert db.expires_at(b"a") is None
    for key in (b"b", b"c"):
        assert time.time() + 400 < db.expires_at(key) < time.time() + 600
    db.update({b"b": b"3"})
    assert (db[b"b"], db.expires_at(b"b")) == (b"3", None)
    with pytest.raises(TypeError):
        db.update({b"b": b"4"}, 500)


@pytest.mark.needs("ttl")
@pytest.mark.needs("persistence")
def test_deadlines_outlive_the_process(make_store: Callable[..., Any], subject: Any) -> None:
    db = make_store()
    db.put(b"short", b"1", ttl=SHORT)
    db.put(b"long", b"2", ttl=500)
    expires = db.expires_at(b"long")
    db.close()
    again = subject.open(db.path)
    try:
        assert again.expires_at(b"long") == expires
        wait_until_gone(again, b"short")
        assert list(again.scan_keys()) == [b"long"]
    finally:
        again.close()


@pytest.mark.needs("ttl")
@pytest.mark.parametrize(
    "wrong", [0, -1, 0.0, -0.5, float("nan"), float("inf"), 10**12, timedelta(0)]
)
def test_a_ttl_out_of_range_is_a_value_error(db: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="ttl"):
        db.put(b"k", b"v", ttl=wrong)
    with pytest.raises(ValueError, match="ttl"):
        db.put_many([(b"k", b"v")], ttl=wrong)
    with pytest.raises(ValueError, match="ttl"):
        db.update({b"k": b"v"}, ttl=wrong)
    with db.batch() as batch, pytest.raises(ValueError, match="ttl"):
        batch.put(b"k", b"v", ttl=wrong)
    with pytest.raises(ValueError, match="ttl"):
        db.touch(b"k", wrong)
    assert b"k" not in db
    db[b"k"] = b"v"
    for call in (db.setdefault, db.put_if_absent):
        with pytest.raises(ValueError, match="ttl"):
            call(b"k", b"other", ttl=wrong)  # which sets nothing: it told one of them only


@pytest.mark.needs("ttl")
@pytest.mark.parametrize("wrong", ["1", b"1", True, [1], object()])
def test_a_ttl_of_another_type_is_a_type_error(db: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match="ttl"):
        db.put(b"k", b"v", ttl=wrong)
    with pytest.raises(TypeError, match="ttl"):
        db.put_many([(b"k", b"v")], ttl=wrong)
    with pytest.raises(TypeError, match="ttl"):
        db.update({b"k": b"v"}, ttl=wrong)
    assert b"k" not in db


@pytest.mark.needs("ttl")
def test_the_smallest_ttl_passes_at_once_and_the_longest_is_a_thousand_years(db: Any) -> None:
    db.put(b"k", b"v", ttl=1e-9)
    wait_until_gone(db, b"k")
    db.put(b"k", b"v", ttl=timedelta(days=366 * 1000))
    assert db.expires_at(b"k") > time.time() + 999 * 365 * 86400


@pytest.mark.needs("ttl")
def test_a_closed_store_refuses_what_is_about_ttl(db: Any) -> None:
    db.close()
    calls: list[Callable[[], object]] = [
        lambda: db.put(b"k", b"v", ttl=1),
        lambda: db.put_many([], ttl=1),
        lambda: db.update([], ttl=1),
        lambda: db.touch(b"k", 1),
        lambda: db.expires_at(b"k"),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()


@pytest.mark.lacks("ttl")
def test_a_store_without_ttl_refuses_it(db: Any) -> None:
    assert not supports(db, "ttl")
    db.put(b"k", b"v", ttl=None)
    calls: list[Callable[[], object]] = [
        lambda: db.put(b"k", b"v", ttl=1),
        lambda: db.put_many([(b"k", b"v")], ttl=1),
        lambda: db.update({b"k": b"v"}, ttl=1),
        lambda: db.setdefault(b"k", b"v", ttl=1),
        lambda: db.put_if_absent(b"k", b"v", ttl=1),
        lambda: db.touch(b"k", 1),
    ]
    for call in calls:
        with pytest.raises(NotSupportedError):
            call()
