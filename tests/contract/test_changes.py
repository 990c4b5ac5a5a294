"""Change feeds: every write in its order, none of it half, and waits that end."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import pykv
from pykv.errors import ClosedError, HistoryGoneError, NotSupportedError

feeds = pytest.mark.needs("changes")


def replayed(changes: Iterator[pykv.Change]) -> dict[bytes, bytes]:
    """The rows that changes lead to, without those that expire."""
    rows: dict[bytes, bytes] = {}
    for change in changes:
        match change.kind:
            case "put":
                assert change.value is not None
                rows[change.key] = change.value
            case "delete":
                rows.pop(change.key, None)
            case "clear":
                rows.clear()
            case "delete_range":
                stop = change.value
                gone = [key for key in rows if key >= change.key and (stop is None or key < stop)]
                for key in gone:
                    del rows[key]
    return rows


def seqs(changes: Iterator[pykv.Change]) -> list[int]:
    return [change.seq for change in changes]


@feeds
def test_every_kind_of_write_is_told_with_its_sequence(db: Any) -> None:
    db[b"a"] = b"1"
    db.delete(b"a")
    db.clear()
    db.put(b"", b"")
    db.sync()
    told = [change[1:] for change in db.changes()]
    assert told == [
        (1, "put", b"a", b"1", None, True, None),
        (2, "delete", b"a", None, None, True, None),
        (3, "clear", b"", None, None, True, None),
        (4, "put", b"", b"", None, True, None),
    ]


@feeds
@pytest.mark.needs("order")
def test_range_deletes_are_told_with_their_bounds(db: Any) -> None:
    db.delete_range(b"c", b"d")
    db.delete_range(b"e", None)
    db.sync()
    told = [change[1:] for change in db.changes()]
    assert told == [
        (1, "delete_range", b"c", b"d", None, True, None),
        (2, "delete_range", b"e", None, None, True, None),
    ]


@feeds
def test_a_change_is_a_named_tuple_with_the_epoch_of_the_store(db: Any) -> None:
    db.put(b"a", b"1", sync=True)
    (change,) = db.changes()
    assert type(change) is pykv.Change
    assert change._asdict() == {
        "epoch": db.stats()["epoch"],
        "seq": 1,
        "kind": "put",
        "key": b"a",
        "value": b"1",
        "namespace": None,
        "last": True,
        "expires_at": None,
    }


@feeds
def test_a_deadline_is_told_as_expires_at_tells_it(db: Any) -> None:
    db.put(b"a", b"1", ttl=1000)
    db.touch(b"a", 2000)
    db.sync()
    first, second = db.changes()
    assert first.expires_at < second.expires_at == db.expires_at(b"a")
    assert second.value == b"1"


@feeds
def test_the_last_change_of_a_batch_says_so(db: Any) -> None:
    with db.batch(sync=True) as batch:
        batch.put(b"a", b"1")
        batch.delete(b"b")
        batch.put(b"c", b"3")
    db.put(b"d", b"4", sync=True)
    assert [change.last for change in db.changes()] == [False, False, True, True]


@feeds
def test_since_is_exclusive(db: Any) -> None:
    db.put_many([(b"%d" % i, b"") for i in range(10)], sync=True)
    assert seqs(db.changes(since=0)) == list(range(1, 11))
    assert seqs(db.changes(since=4)) == list(range(5, 11))
    assert seqs(db.changes(10)) == []


@feeds
def test_a_position_is_the_epoch_and_the_sequence_of_a_change(db: Any) -> None:
    db.put_many([(b"%d" % i, b"") for i in range(10)], sync=True)
    fourth = list(db.changes())[3]
    assert fourth.position == (fourth.epoch, 4)
    assert seqs(db.changes(fourth.position)) == list(range(5, 11))
    assert seqs(db.changes((fourth.epoch, 0))) == list(range(1, 11))
    db.pin_history("follower", fourth.position)
    assert [pin.since for pin in db.history_pins()] == [4]


@feeds
def test_a_position_of_another_epoch_is_gone(db: Any) -> None:
    db.put_many([(b"%d" % i, b"") for i in range(10)], sync=True)
    epoch = db.stats()["epoch"] + 1
    with pytest.raises(HistoryGoneError, match="another history"):
        db.changes((epoch, 4))
    with pytest.raises(HistoryGoneError, match="another history"):
        db.pin_history("follower", (epoch, 4))
    assert db.history_pins() == ()
    assert seqs(db.changes(4)) == list(range(5, 11))


@feeds
@pytest.mark.parametrize("wrong", [(1,), (0, 1, 2), ("0", 1), (0, None), (True, 1), [0, 1]])
def test_a_position_is_two_numbers(db: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        db.changes(wrong)
    with pytest.raises(TypeError):
        db.pin_history("follower", wrong)


@feeds
@pytest.mark.parametrize("wrong", [(-1, 1), (1 << 64, 1), (0, -1)])
def test_the_numbers_of_a_position_have_bounds(db: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="since"):
        db.changes(wrong)


@feeds
@pytest.mark.parametrize("wrong", ["1", 1.0, None, True])
def test_since_is_a_number(db: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        db.changes(wrong)


@feeds
def test_since_is_no_number_that_was_never_given(db: Any) -> None:
    with pytest.raises(ValueError, match="since"):
        db.changes(-1)
    with pytest.raises(HistoryGoneError, match="nothing at sequence 7"):
        db.changes(7)


@feeds
def test_values_of_any_size_come_whole(db: Any) -> None:
    rows = {b"%d" % size: bytes([size % 251]) * size for size in (0, 1, 70_000, 300_000, 2_000_000)}
    for key, value in rows.items():
        db[key] = value
    with db.batch(sync=True) as batch:
        for key, value in rows.items():
            batch.put(b"again" + key, value)
    found = replayed(db.changes())
    assert found == rows | {b"again" + key: value for key, value in rows.items()}


@feeds
def test_many_changes_lead_to_the_rows_of_the_store(db: Any) -> None:
    for number in range(20):
        db.put_many((b"%d" % (i * 7 % 1000), b"%d-%d" % (number, i)) for i in range(500))
        db.delete_many(b"%d" % i for i in range(number * 10, number * 10 + 50))
    db.sync()
    assert replayed(db.changes()) == dict(db.items())


@feeds
def test_what_is_not_synced_is_told_only_to_who_asks(db: Any) -> None:
    db.put(b"a", b"1", sync=True)
    db.put(b"b", b"2", sync=False)
    assert seqs(db.changes()) == [1]
    assert seqs(db.changes(unsynced=True)) == [1, 2]
    db.sync()
    assert seqs(db.changes()) == [1, 2]


@feeds
def test_a_feed_without_follow_ends_at_its_moment(db: Any) -> None:
    db.put(b"a", b"1", sync=True)
    changes = db.changes()
    db.put(b"b", b"2", sync=True)
    assert seqs(changes) == [1]
    assert next(changes, None) is None


@feeds
def test_a_feed_that_follows_gives_what_comes_and_ends_when_nothing_does(db: Any) -> None:
    db.put(b"a", b"1", sync=True)
    changes = db.changes(follow=True, timeout=0.01)
    assert next(changes).seq == 1
    db.put(b"b", b"2", sync=True)
    assert next(changes).seq == 2
    assert next(changes, None) is None
    assert next(changes, None) is None


@feeds
@pytest.mark.parametrize("unsynced", [False, True])
def test_a_feed_that_waits_wakes_for_a_write(db: Any, unsynced: bool) -> None:
    seen: list[Any] = []
    changes = db.changes(follow=True, unsynced=unsynced)
    reader = threading.Thread(target=lambda: seen.extend((next(changes), next(changes))))
    reader.start()
    time.sleep(0.02)
    db.put(b"a", b"1", sync=not unsynced)
    db.put(b"b", b"2", sync=not unsynced)
    reader.join(30)
    assert [change.key for change in seen] == [b"a", b"b"]


@feeds
def test_close_ends_a_feed_that_waits(make_store: Any) -> None:
    db = make_store()
    changes = db.changes(follow=True)
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            next(changes)
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=wait)
    reader.start()
    time.sleep(0.02)
    db.close()
    reader.join(30)
    assert [type(failure) for failure in failures] == [ClosedError]
    with pytest.raises(ClosedError):
        next(changes)
    with pytest.raises(ClosedError):
        db.changes()


@feeds
@pytest.mark.parametrize("taken", [0, 1])
def test_a_feed_that_is_closed_has_no_more_changes(db: Any, taken: int) -> None:
    db.put_many([(b"a", b"1"), (b"b", b"2")], sync=True)
    with closing(db.changes(follow=True)) as changes:
        assert len([next(changes) for _ in range(taken)]) == taken
    assert list(changes) == []
    changes.close()


@feeds
def test_another_thread_may_close_a_feed_that_waits(db: Any) -> None:
    db.put(b"a", b"1", sync=True)
    changes = db.changes(follow=True)
    seen: list[Any] = []
    reader = threading.Thread(target=lambda: seen.extend(changes))
    reader.start()
    time.sleep(0.02)
    changes.close()
    reader.join(30)
    assert not reader.is_alive()
    assert [change.key for change in seen] == [b"a"]
    assert seqs(db.changes()) == [1]


@feeds
def test_a_feed_that_is_dropped_lets_the_store_close(make_store: Any) -> None:
    db = make_store()
    db.put(b"a", b"1", sync=True)
    changes = db.changes(follow=True)
    assert next(changes).seq == 1
    del changes
    db.close()
    assert db.closed


@pytest.mark.lacks("changes")
def test_a_store_without_a_history_says_so(db: Any) -> None:
    assert not pykv.supports(db, "changes")
    with pytest.raises(NotSupportedError, match="change feed"):
        db.changes()
    with pytest.raises(NotSupportedError, match="change feed"):
        db.pin_history("a", 0)
    with pytest.raises(NotSupportedError, match="change feed"):
        db.unpin_history("a")
    with pytest.raises(NotSupportedError, match="change feed"):
        db.history_pins()
