"""A store as a mapping: item access, pop, setdefault, update, views, truth, equality."""

from typing import Any

import pytest

from tests.contract.conftest import MakeStore


def test_a_value_put_is_the_value_read(db: Any) -> None:
    db[b"k"] = b"v"
    assert db[b"k"] == b"v"
    assert db.get(b"k") == b"v"
    assert b"k" in db
    db[b"k"] = b"w"
    assert db[b"k"] == b"w"
    assert len(db) == 1


def test_a_missing_key_is_none_a_default_or_a_key_error(db: Any) -> None:
    marker = object()
    assert db.get(b"k") is None
    assert db.get(b"k", b"d") == b"d"
    assert db.get(b"k", marker) is marker
    assert db.get(b"k", default=marker) is marker
    assert b"k" not in db
    with pytest.raises(KeyError) as caught:
        db[b"k"]
    assert caught.value.args == (b"k",)


def test_del_of_a_missing_key_is_a_key_error_and_delete_is_silent(db: Any) -> None:
    db[b"k"] = b"v"
    del db[b"k"]
    with pytest.raises(KeyError) as caught:
        del db[b"k"]
    assert caught.value.args == (b"k",)
    assert db.delete(b"k") is None


def test_pop_removes_and_returns(db: Any) -> None:
    db[b"k"] = b"v"
    assert db.pop(b"k") == b"v"
    assert b"k" not in db
    assert db.pop(b"k", b"d") == b"d"
    assert db.pop(b"k", None) is None
    with pytest.raises(KeyError) as caught:
        db.pop(b"k")
    assert caught.value.args == (b"k",)


def test_pop_of_a_present_key_ignores_the_default(db: Any) -> None:
    db[b"k"] = b""
    assert db.pop(b"k", b"d") == b""


def test_setdefault_sets_a_missing_key_only(db: Any) -> None:
    assert db.setdefault(b"k", bytearray(b"v")) == b"v"
    assert db.setdefault(b"k", b"w") == b"v"
    assert db[b"k"] == b"v"


def test_update_takes_a_mapping_a_store_or_pairs(db: Any, make_store: MakeStore) -> None:
    other = make_store()
    other[b"store"] = b"3"
    db.update({b"mapping": b"1"})
    db.update([(b"pairs", b"2")])
    db.update(iter([(b"iterator", b"4")]))
    db.update(other)
    assert dict(db.items()) == {
        b"mapping": b"1",
        b"pairs": b"2",
        b"store": b"3",
        b"iterator": b"4",
    }


def test_update_with_itself_changes_nothing(db: Any) -> None:
    rows = {b"%d" % number: b"v" for number in range(3_000)}
    db.update(rows)
    db.update(db)
    assert dict(db.items()) == rows


def test_clear_removes_every_key(db: Any) -> None:
    db.put_many((b"%d" % number, b"v") for number in range(2_500))
    assert db.clear() is None
    assert len(db) == 0
    assert list(db) == []
    assert db.get(b"7") is None
    db.clear()
    db[b"7"] = b"again"
    assert list(db.items()) == [(b"7", b"again")]


def test_len_is_exact(db: Any) -> None:
    assert len(db) == 0
    db.put_many([(b"a", b""), (b"b", b""), (b"a", b"")])
    assert len(db) == db.count() == 2
    db.delete(b"a")
    db.delete(b"absent")
    assert len(db) == db.count() == 1


def test_truth_means_open_also_when_empty(db: Any) -> None:
    assert bool(db)
    db.close()
    assert not db


def test_a_store_equals_only_itself_and_can_be_hashed(db: Any, make_store: MakeStore) -> None:
    other = make_store()
    assert db == db
    assert db != other
    assert db != {}
    assert len({db, other, db}) == 2


def test_iteration_gives_keys(db: Any) -> None:
    rows = {b"%d" % number: b"v%d" % number for number in range(1_500)}
    db.update(rows)
    assert sorted(db) == sorted(rows)
    assert set(iter(db)) == set(rows)
    assert dict(db) == rows
    assert {**{key.decode(): value for key, value in db.items()}}["7"] == b"v7"


def test_views_are_lazy_and_show_the_store_as_it_is(db: Any) -> None:
    keys, values, items = db.keys(), db.values(), db.items()
    assert (list(keys), list(values), list(items)) == ([], [], [])
    db[b"k"] = b"v"
    assert (list(keys), list(values), list(items)) == ([b"k"], [b"v"], [(b"k", b"v")])
    assert (len(keys), len(values), len(items)) == (1, 1, 1)
    assert b"k" in keys
    assert b"x" not in keys
    assert b"v" in values
    assert b"x" not in values
    assert (b"k", b"v") in items
    assert (b"k", b"x") not in items
    assert (b"x", b"v") not in items


def test_views_of_keys_and_items_are_sets(db: Any) -> None:
    db.update({b"a": b"1", b"b": b"2"})
    assert db.keys() & {b"a", b"x"} == {b"a"}
    assert db.keys() == {b"a", b"b"}
    assert db.items() - {(b"a", b"1")} == {(b"b", b"2")}
    assert db.keys().isdisjoint({b"x"})


def test_views_agree_about_the_order(db: Any) -> None:
    db.update({b"%d" % number: b"v%d" % number for number in range(500)})
    db.compact()  # a merge between two scans of a Bitcask changes the order of its rows
    rows = list(db.items())
    assert list(db.keys()) == [key for key, _ in rows]
    assert list(db.values()) == [value for _, value in rows]


def test_a_view_says_whose_it_is(db: Any) -> None:
    for view in (db.keys(), db.values(), db.items()):
        assert repr(db) in repr(view)


def test_a_store_is_not_reversible(db: Any) -> None:
    with pytest.raises(TypeError, match="not reversible"):
        reversed(db)
