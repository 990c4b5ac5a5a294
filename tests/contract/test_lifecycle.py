"""From open to close: states, use after close, with blocks, repr, pickling, forks, leaks."""

import copy
import gc
import math
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import ClosedError, ForkedError
from pykv.features import FEATURES
from pykv.store import Store
from tests.contract.conftest import MakeStore, Subject
from tests.crash.processes import in_child

CALLS: dict[str, Callable[[Any], object]] = {
    "getitem": lambda db: db[b"k"],
    "setitem": lambda db: db.__setitem__(b"k", b"v"),
    "delitem": lambda db: db.__delitem__(b"k"),
    "contains": lambda db: b"k" in db,
    "len": len,
    "iter": iter,
    "list": list,
    "get": lambda db: db.get(b"k"),
    "get_many": lambda db: db.get_many([b"k"]),
    "get_many of none": lambda db: db.get_many([]),
    "put": lambda db: db.put(b"k", b"v"),
    "put_many": lambda db: db.put_many([(b"k", b"v")]),
    "put_many of none": lambda db: db.put_many([]),
    "atomic put_many": lambda db: db.put_many([(b"k", b"v")], atomic=True),
    "delete": lambda db: db.delete(b"k"),
    "delete_many": lambda db: db.delete_many([b"k"]),
    "put_if_absent": lambda db: db.put_if_absent(b"k", b"v"),
    "compare_and_set": lambda db: db.compare_and_set(b"k", None, b"v"),
    "pop": lambda db: db.pop(b"k", None),
    "setdefault": lambda db: db.setdefault(b"k", b"v"),
    "update": lambda db: db.update({b"k": b"v"}),
    "clear": lambda db: db.clear(),
    "batch": lambda db: db.batch(),
    "scan": lambda db: db.scan(),
    "scan_keys": lambda db: db.scan_keys(),
    "scan_values": lambda db: db.scan_values(),
    "keys": lambda db: db.keys(),
    "values": lambda db: db.values(),
    "items": lambda db: db.items(),
    "count": lambda db: db.count(),
    "sync": lambda db: db.sync(),
    "flush": lambda db: db.flush(),
    "compact": lambda db: db.compact(),
    "stats": lambda db: db.stats(),
    "verify": lambda db: db.verify(),
    "last_seq": lambda db: db.last_seq,
    "enter": lambda db: db.__enter__(),
}

ORDERED_CALLS: dict[str, Callable[[Any], object]] = {
    "first": lambda db: db.first(),
    "last": lambda db: db.last(),
    "floor": lambda db: db.floor(b"k"),
    "ceiling": lambda db: db.ceiling(b"k"),
    "delete_range": lambda db: db.delete_range(b"a", b"b"),
    "prefix": lambda db: db.scan(prefix=b"k"),
}


def test_a_store_satisfies_the_protocol(db: Any) -> None:
    assert isinstance(db, Store)


def test_the_features_are_those_claimed(db: Any, subject: Subject) -> None:
    assert db.features == subject.features
    for feature in FEATURES:
        assert pykv.supports(db, feature) == (feature in subject.features)


def test_an_open_store_says_so(db: Any) -> None:
    assert not db.closed
    assert db.state == "open"
    assert db.path is None or isinstance(db.path, Path)


@pytest.mark.parametrize("call", CALLS)
def test_use_after_close_is_a_closed_error(db: Any, call: str) -> None:
    db[b"k"] = b"v"
    db.close()
    with pytest.raises(ClosedError, match="closed"):
        CALLS[call](db)


@pytest.mark.needs("order")
@pytest.mark.parametrize("call", ORDERED_CALLS)
def test_use_of_order_after_close_is_a_closed_error(db: Any, call: str) -> None:
    db.close()
    with pytest.raises(ClosedError):
        ORDERED_CALLS[call](db)


def test_a_view_outlives_its_store_as_a_closed_error(db: Any) -> None:
    db[b"k"] = b"v"
    keys, values, items = db.keys(), db.values(), db.items()
    db.close()
    for use in (len, list, lambda view: b"k" in view):
        for view in (keys, values):
            with pytest.raises(ClosedError):
                use(view)
    with pytest.raises(ClosedError):
        list(items)
    assert repr(keys)


def test_a_closed_error_is_a_value_error_that_says_what_to_do(db: Any) -> None:
    db.close()
    with pytest.raises(ValueError, match=r"pykv\.open"):
        db.get(b"k")


def test_closing_twice_is_silent(db: Any) -> None:
    db.close()
    db.close()
    db.close(timeout=1)
    assert db.closed
    assert db.state == "closed"


@pytest.mark.parametrize("timeout", [0.5, 1e10])
def test_close_takes_a_timeout_in_seconds(db: Any, timeout: float) -> None:
    db.close(timeout)
    assert db.closed


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (-1, ValueError),
        (math.nan, ValueError),
        (1e300, ValueError),
        (True, TypeError),
        ("x", TypeError),
    ],
)
def test_close_refuses_what_is_no_timeout_and_leaves_the_store_open(
    db: Any, timeout: Any, error: type[Exception]
) -> None:
    """The memory store waited for ever with -1, and took True for a second."""
    with pytest.raises(error, match="timeout must"):
        db.close(timeout)
    db[b"k"] = b"v"
    assert db[b"k"] == b"v"


def test_a_with_block_gives_the_store_and_closes_it(make_store: MakeStore) -> None:
    store = make_store()
    with store as db:
        assert db is store
        db[b"k"] = b"v"
    assert store.closed


def test_an_error_in_a_with_block_closes_the_store_and_goes_on(make_store: MakeStore) -> None:
    store = make_store()
    with pytest.raises(ZeroDivisionError), store:
        1 / 0  # noqa: B018  (the error is the point)
    assert store.closed


def test_a_store_may_be_closed_inside_its_with_block(make_store: MakeStore) -> None:
    with make_store() as db:
        db.close()
    assert db.closed


def test_repr_names_class_path_and_state(db: Any) -> None:
    for state in ("open", "closed"):
        text = repr(db)
        assert text == str(db)
        assert type(db).__name__ in text
        assert state in text
        if db.path is not None:
            assert str(db.path) in text
        db.close()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_a_type_error_with_a_hint(db: Any, protocol: int) -> None:
    with pytest.raises(TypeError, match="open it there"):
        pickle.dumps(db, protocol)


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_copying_is_a_type_error_with_a_hint(db: Any, copier: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"copy its items\(\)"):
        copier(db)


def test_a_store_left_open_warns(subject: Subject, tmp_path: Path) -> None:
    stores = [subject.open(tmp_path / "left")]
    text = repr(stores[0])
    with pytest.warns(ResourceWarning, match="left open") as caught:
        stores.clear()
    assert text in str(caught[0].message)


def test_a_closed_store_does_not_warn(subject: Subject, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        subject.open(tmp_path / "closed").close()
        gc.collect()


def test_an_unknown_option_names_the_near_miss(make_store: MakeStore) -> None:
    with pytest.raises(TypeError, match="did you mean 'durability'"):
        make_store(durabilty="os")


def test_an_option_outside_its_range_is_named(make_store: MakeStore) -> None:
    with pytest.raises(ValueError, match="batch_bytes_max"):
        make_store(batch_bytes_max=1)
    with pytest.raises(ValueError, match="durability"):
        make_store(durability="never")


@pytest.mark.parametrize("durability", ["os", "sync", "interval:100ms", pykv.Sync()])
def test_every_durability_is_taken(make_store: MakeStore, durability: object) -> None:
    db = make_store(durability=durability)
    db.put(b"k", b"v")
    db.put(b"j", b"v", sync=False)
    assert len(db) == 2
    assert isinstance(db.stats()["durability"], str)


def test_a_forked_child_gets_a_forked_error_and_may_close(db: Any) -> None:
    db[b"k"] = b"v"
    scan = db.scan()

    def work() -> None:
        for name, call in CALLS.items():
            with pytest.raises(ForkedError):
                call(db)
            assert name
        with pytest.raises(ForkedError):
            next(scan)
        db.close()
        db.close()

    assert in_child(work) == 0
    assert db[b"k"] == b"v"
    assert list(scan) == [(b"k", b"v")]
