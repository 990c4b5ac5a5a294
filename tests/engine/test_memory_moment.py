"""Moments of memory stores: what writes make of them."""

import pytest

from pykv.engine.batch import Delete, DeleteRange, Put
from pykv.engine.expiring_map import ExpiringMap
from pykv.engine.memory_moment import DEFAULT_SPACE, Moment, applied, with_name, without_name


def test_an_operation_gives_another_map_and_leaves_the_old_one() -> None:
    empty = ExpiringMap()
    one = applied(empty, Put(b"a", b"1"))
    assert (len(empty), len(one)) == (0, 1)
    assert len(applied(one, Delete(b"a"))) == 0
    assert len(applied(one, DeleteRange(b"", None))) == 0
    assert applied(one, Delete(b"b")) is one


def test_ids_of_names_are_never_given_again() -> None:
    first, count = with_name(Moment(ExpiringMap(), 0), "a")
    assert (first.names["a"], count) == (1, 1)
    assert with_name(first, "a") == (first, 0)
    gone, _ = without_name(first, "a")
    assert gone.of(1) is None
    again, _ = with_name(gone, "a")
    assert again.names["a"] == 2
    with pytest.raises(KeyError):
        without_name(gone, "a")


def test_the_first_deadline_is_that_of_all_namespaces() -> None:
    moment, _ = with_name(Moment(ExpiringMap(), 0), "a")
    assert moment.first_deadline_us() == 0
    moment = moment.with_rows(DEFAULT_SPACE, ExpiringMap().set(b"k", b"v", 7))
    moment = moment.with_rows(1, ExpiringMap().set(b"k", b"v", 5))
    assert moment.first_deadline_us() == 5
    left = moment.without_expired(6)
    assert len(left.rows) == 1
    rows = left.of(1)
    assert rows is not None
    assert len(rows) == 0
