"""Namespaces: keys of their own in one store, with its sequence, its log and its batches."""

from collections.abc import Callable
from typing import Any

import pytest

import pykv
from tests.contract.conftest import MakeStore

pytestmark = pytest.mark.needs("namespaces")


def test_each_namespace_has_keys_of_its_own(db: Any) -> None:
    users = db.namespace("users", create=True)
    items = db.namespace("items", create=True)
    db[b"a"], users[b"a"], users[b"b"] = b"1", b"2", b"3"
    items.put_many([(b"a", b"4"), (b"\xff", b"5")])
    assert (db[b"a"], users[b"a"], items[b"a"]) == (b"1", b"2", b"4")
    assert db.get_many([b"a", b"b"]) == [b"1", None]
    assert users.get_many([b"b", b"a", b"\xff"]) == [b"3", b"2", None]
    assert list(db.items()) == [(b"a", b"1")]
    assert sorted(users.scan()) == [(b"a", b"2"), (b"b", b"3")]
    assert (len(db), len(users), items.count()) == (1, 2, 2)
    del users[b"a"]
    assert (b"a" in db, b"a" in users, b"a" in items) == (True, False, True)


@pytest.mark.needs("order")
def test_each_namespace_has_an_order_of_its_own(db: Any) -> None:
    users = db.namespace("users", create=True)
    db.put_many([(b"a", b"1"), (b"c", b"1")])
    users.put_many([(b"a", b"4"), (b"\xff", b"5")])
    assert list(users.scan(reverse=True)) == [(b"\xff", b"5"), (b"a", b"4")]
    assert (users.count(start=b"b"), users.first(), db.last()) == (1, (b"a", b"4"), (b"c", b"1"))


def test_the_handle_is_a_store(db: Any) -> None:
    users: Any = db.namespace("users", create=True)
    snapshot: Any = users.snapshot()
    kinds = (isinstance(users, pykv.OrderedStore), isinstance(snapshot, pykv.OrderedSnapshot))
    assert kinds == ("order" in db.features,) * 2
    assert (bool(snapshot), snapshot.path) == (True, db.path)
    assert users.features == db.features - {"changes"}
    assert users.path == db.path
    assert users.name == "users"
    assert "users" in repr(users)
    assert bool(users)
    users.sync()
    users.flush()
    users.compact()
    assert users.verify().ok
    assert users.stats()["engine"] == db.stats()["engine"]
    assert users.state == "open"


def test_names_are_listed_in_the_order_of_their_bytes(db: Any) -> None:
    names = ["z", "a", "\u00e9", "users", "\U0001f600", "n" * 255, "a b", "\x01"]
    assert db.namespaces() == []
    for name in names:
        db.namespace(name, create=True)
        db.namespace(name, create=True)
    assert db.namespaces() == sorted(names, key=str.encode)
    assert db.namespace("a").namespaces() == db.namespaces()


def test_names_that_are_none_are_refused(db: Any) -> None:
    for name in ("", "n" * 256, "\u00e9" * 128, "\ud800"):
        with pytest.raises(ValueError, match=r"bytes of UTF-8|surrogates"):
            db.namespace(name, create=True)
    for wrong in (b"users", None, 3):
        with pytest.raises(TypeError):
            db.namespace(wrong, create=True)
        with pytest.raises(TypeError):
            db.drop_namespace(wrong)
    assert db.namespaces() == []


def test_a_namespace_that_is_not_there_is_a_key_error_that_says_how_to_make_it(db: Any) -> None:
    with pytest.raises(KeyError, match=r"create=True"):
        db.namespace("users")
    with pytest.raises(KeyError, match=r"namespaces\(\) lists those"):
        db.drop_namespace("users")
    assert db.namespaces() == []


def test_namespaces_share_the_sequence(db: Any) -> None:
    users = db.namespace("users", create=True)
    before = db.last_seq
    db[b"a"] = b"1"
    users[b"a"] = b"1"
    assert db.last_seq == users.last_seq == before + 2


def test_a_batch_goes_across_namespaces(db: Any) -> None:
    users = db.namespace("users", create=True)
    items = db.namespace("items", create=True)
    items[b"old"] = b"0"
    with db.batch() as batch:
        batch.put(b"a", b"1")
        batch.put(b"a", b"2", namespace=users)
        batch.delete(b"old", namespace=items)
        batch.put(b"a", b"3", namespace=items)
        batch.delete(b"a", namespace=items)
        batch.put(b"c", b"4", namespace=items)
    assert (db[b"a"], users[b"a"], list(items)) == (b"1", b"2", [b"c"])
    with users.batch() as batch:
        batch.put(b"b", b"5")
        batch.put(b"b", b"6", namespace=db)
    assert (users[b"b"], db[b"b"], b"b" in items) == (b"5", b"6", False)


@pytest.mark.needs("order")
def test_a_range_delete_of_a_batch_is_of_one_namespace(db: Any) -> None:
    users = db.namespace("users", create=True)
    db[b"a"] = users[b"a"] = users[b"b"] = b"1"
    with db.batch() as batch:
        batch.delete_range(b"a", b"b", namespace=users)
    assert (list(db), list(users)) == ([b"a"], [b"b"])


def test_a_batch_that_raises_writes_to_no_namespace(db: Any) -> None:
    users = db.namespace("users", create=True)
    batch = db.batch()
    batch.__enter__()
    batch.put(b"a", b"1")
    batch.put(b"a", b"1", namespace=users)
    batch.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert (len(db), len(users)) == (0, 0)


def test_a_batch_refuses_what_is_not_of_its_store(make_store: MakeStore) -> None:
    db, other = make_store(), make_store()
    with db.batch() as batch:
        for stranger in (other, other.namespace("users", create=True)):
            with pytest.raises(ValueError, match="of the store"):
                batch.put(b"a", b"1", namespace=stranger)
        for wrong in ("users", 1):
            with pytest.raises(TypeError):
                batch.delete(b"a", namespace=wrong)
    assert len(db) == 0


def test_a_dropped_namespace_ends_its_handles_and_scans(db: Any) -> None:
    users = db.namespace("users", create=True)
    again = db.namespace("users")
    users.put_many((b"%d" % i, b"v") for i in range(100))
    scan, kept = users.scan(), users.snapshot()
    next(scan)
    db.drop_namespace("users")
    assert db.namespaces() == []
    uses: list[Callable[[], object]] = [
        lambda: users.get(b"1"),
        lambda: users.put(b"1", b"v"),
        lambda: again.put_many([(b"1", b"v")]),
        lambda: users.delete(b"1"),
        lambda: again.count(),
        lambda: users.compare_and_set(b"1", b"v", None),
        lambda: users.clear(),
        lambda: users.snapshot(),
        lambda: next(scan),
        lambda: kept.get(b"1"),
        lambda: users.namespaces(),
    ]
    for use in uses:
        with pytest.raises(pykv.ClosedError, match="the namespace 'users' was dropped"):
            use()
    assert (users.closed, users.state, again.closed) == (True, "closed", True)
    users.close()
    with pytest.raises(KeyError):
        db.namespace("users")
    assert not db.closed


@pytest.mark.needs("order")
def test_a_dropped_namespace_ends_its_cursors(db: Any) -> None:
    users = db.namespace("users", create=True)
    users[b"a"] = b"1"
    cursor = users.cursor()
    db.drop_namespace("users")
    for use in (cursor.first, users.first, lambda: users.delete_range(None, None)):
        with pytest.raises(pykv.ClosedError):
            use()


def test_a_batch_to_a_dropped_namespace_writes_nothing(db: Any) -> None:
    users = db.namespace("users", create=True)
    batch = db.batch()
    batch.__enter__()
    batch.put(b"a", b"1")
    batch.put(b"a", b"1", namespace=users)
    db.drop_namespace("users")
    with pytest.raises(pykv.ClosedError):
        batch.__exit__(None, None, None)
    assert len(db) == 0


def test_a_name_that_comes_back_is_another_namespace(db: Any) -> None:
    old = db.namespace("users", create=True)
    old[b"a"] = b"1"
    db.drop_namespace("users")
    new = db.namespace("users", create=True)
    assert len(new) == 0
    new[b"b"] = b"2"
    assert list(new) == [b"b"]
    with pytest.raises(pykv.ClosedError):
        old.get(b"b")


def test_closing_a_handle_ends_only_the_handle(db: Any) -> None:
    with db.namespace("users", create=True) as users:
        users[b"a"] = b"1"
    assert users.closed
    with pytest.raises(pykv.ClosedError, match="handle to the namespace 'users' was closed"):
        users.get(b"a")
    again = db.namespace("users")
    assert again[b"a"] == b"1"
    db.close()
    assert again.closed
    with pytest.raises(pykv.ClosedError):
        again.get(b"a")


def test_a_clear_is_of_one_namespace(db: Any) -> None:
    users = db.namespace("users", create=True)
    db[b"a"] = users[b"a"] = b"1"
    db.clear()
    assert (len(db), len(users)) == (0, 1)
    db[b"a"] = b"1"
    users.clear()
    assert (len(db), len(users), db.namespaces()) == (1, 0, ["users"])


@pytest.mark.parametrize("first", [b"", b"\x00", b"\xfe", b"\xff", b"\xff\0", b"\xff\1\0\0"])
def test_every_key_has_a_place_in_every_namespace(db: Any, first: bytes) -> None:
    users = db.namespace("users", create=True)
    longest = first + b"k" * (65_535 - len(first))
    for store in (db, users):
        for key in (first, longest):
            store.put(key, b"v")
            assert store[key] == b"v"
            assert store.expires_at(key) is None
        store.flush()
        assert sorted(store) == sorted({first, longest})
        with pytest.raises(pykv.KeyTooLargeError):
            store.put(longest + b"k", b"v")
        if "order" in db.features:
            assert store.ceiling(longest) == store.floor(longest) == (longest, b"v")
            assert (store.first(), store.last()) == ((first, b"v"), (longest, b"v"))
            store.delete_range(first, longest)
        else:
            del store[first]
        assert list(store) == [longest]
        assert store.pop(longest) == b"v"
    assert users.approximate_size() >= 0


def test_namespaces_outlive_the_process(make_store: MakeStore) -> None:
    db: Any = make_store()
    if "persistence" not in db.features:
        return
    users = db.namespace("users", create=True)
    users[b"a"] = b"1"
    db.namespace("gone", create=True)
    db.drop_namespace("gone")
    db.close()
    with pykv.open(db.path) as again:
        assert again.namespaces() == ["users"]
        found = again.namespace("users")
        assert found[b"a"] == b"1"
        found[b"b"] = b"2"
        assert len(found) == 2
    with pykv.open(db.path, read_only=True) as reader:
        assert reader.namespace("users")[b"a"] == b"1"
        with pytest.raises(pykv.ReadOnlyError):
            reader.drop_namespace("users")
        with pytest.raises((pykv.ReadOnlyError, KeyError)):
            reader.namespace("other", create=True)


def test_every_opening_finds_the_namespaces_as_the_last_one_left_them(
    make_store: MakeStore,
) -> None:
    """After creates, puts, deletes, clears and drops, of some and of all. A Bitcask that ever had a
    namespace opened by its hints for good."""
    db: Any = make_store()
    if "persistence" not in db.features:
        return
    rows: dict[str, dict[bytes, bytes]] = {}
    for turn in range(6):
        name = f"n{turn}"
        rows[name] = {b"%d" % key: b"%d" % (turn * key) for key in range(40 * turn)}
        db.namespace(name, create=True).update(rows[name])
        for other in sorted(rows):
            rows[other][b"turn"] = db.namespace(other)[b"turn"] = b"%d" % turn
        db[b"turn"] = b"%d" % turn
        if turn == 2:
            db.namespace("n0").clear()
            rows["n0"] = {}
        for gone in ["n1"] if turn == 3 else sorted(rows) if turn == 4 else []:
            db.drop_namespace(gone)
            del rows[gone]
        for read_only in (True, False):
            db.close()
            db = pykv.open(db.path, read_only=read_only)
            assert db.stats().get("recovered_from_image", True)
            assert {each: dict(db.namespace(each).items()) for each in db.namespaces()} == rows
            assert dict(db.items()) == {b"turn": b"%d" % turn}
            assert db.verify().ok
    db.close()


def test_deadlines_are_of_one_namespace(db: Any) -> None:
    users = db.namespace("users", create=True)
    db.put(b"a", b"1")
    users.put(b"a", b"1", ttl=1000)
    assert db.expires_at(b"a") is None
    assert users.expires_at(b"a") is not None
    assert users.touch(b"a", None)
    assert users.expires_at(b"a") is None


def test_changes_tell_the_namespace(db: Any) -> None:
    if "changes" not in db.features:
        return
    users = db.namespace("users", create=True)
    db[b"\xffa"] = b"1"
    users.put(b"a", b"2")
    users.delete(b"a")
    db.drop_namespace("users")
    db.sync()
    number = users.id
    told = [(each.kind, each.key, each.value, each.namespace) for each in db.changes()]
    assert told == [
        ("namespace", b"users", None, number),
        ("put", b"\xffa", b"1", None),
        ("put", b"a", b"2", number),
        ("delete", b"a", None, number),
        ("drop_namespace", b"users", None, number),
        ("delete_range" if "order" in db.features else "clear", b"", None, number),
    ]
    with pytest.raises(pykv.NotSupportedError, match="ask the store"):
        db.namespace("users", create=True).changes()


@pytest.mark.needs("order")
def test_range_deletes_tell_the_namespace(db: Any) -> None:
    if "changes" not in db.features:
        return
    users = db.namespace("users", create=True)
    users.delete_range(b"a", None)
    users.delete_range(b"a", b"b")
    db.delete_range(b"a", None)
    db.sync()
    told = [(each.kind, each.key, each.value, each.namespace) for each in db.changes()][1:]
    assert told == [
        ("delete_range", b"a", None, users.id),
        ("delete_range", b"a", b"b", users.id),
        ("delete_range", b"a", None, None),
    ]


def test_counts_are_those_of_one_namespace(db: Any) -> None:
    users, empty = (db.namespace(name, create=True) for name in ("users", "empty"))
    db.update({b"%d" % i: b"v" for i in range(10)})
    users.update({b"%d" % i: b"v" * 100 for i in range(300)})
    for _ in range(2):
        for store, count in ((db, 10), (users, 300), (empty, 0)):
            assert (len(store), store.approximate_len()) == (count, count)
            assert store.stats()["key_count"] == count
        if "live_bytes" in db.stats():
            assert users.stats()["live_bytes"] > db.stats()["live_bytes"] > 0
            assert empty.stats()["live_bytes"] == 0
        db.compact()
