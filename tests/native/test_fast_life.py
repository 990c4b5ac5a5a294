"""Who keeps what in memory: stores, scans, keys and values, subclasses, cycles."""

import contextlib
import gc
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pykv._native import SCAN_KEYS, SCAN_ROWS, SCAN_VALUES, Handle
from pykv.errors import ClosedError, LockedError
from tests.native.fast_stores import base_of, bound, needs_fast, open_over, run_python

pytestmark = needs_fast

STATM = Path("/proc/self/statm")


def is_free(directory: Path) -> bool:
    """Whether nobody in this process has the store open."""
    try:
        Handle(directory, {}).close()
    except LockedError:
        return False
    return True


def test_an_object_keeps_the_store_open_until_it_goes(tmp_path: Path) -> None:
    store = bound(tmp_path)
    store.put(b"k", b"v")
    assert store.get_many([b"k"] * 100) == [b"v"] * 100
    assert not is_free(tmp_path)
    del store
    assert is_free(tmp_path)


def test_a_scan_keeps_the_store_open_until_it_goes(tmp_path: Path) -> None:
    store = bound(tmp_path)
    store.put_many((b"%d" % number, bytes(100)) for number in range(2_000))
    scan = store._scan(SCAN_ROWS, -1)
    next(scan)
    del store
    assert not is_free(tmp_path)
    assert len(list(scan)) == 1_999
    assert not is_free(tmp_path)
    del scan
    assert is_free(tmp_path)


@pytest.mark.parametrize("taken", [0, 1, 2_000])
def test_a_scan_that_outlives_its_store_is_a_closed_error(tmp_path: Path, taken: int) -> None:
    db = open_over("fast", tmp_path)
    db.put_many((b"%d" % number, bytes(100)) for number in range(2_000))
    scans = [db._scan(kind, -1) for kind in (SCAN_ROWS, SCAN_KEYS, SCAN_VALUES)]
    for scan in scans:
        assert len([next(scan) for _ in range(taken)]) == taken
    db.close()
    for scan in scans:
        with pytest.raises(ClosedError):
            next(scan)
    del db
    gc.collect()
    for scan in scans:
        with pytest.raises(ClosedError):
            list(scan)


@pytest.mark.skipif(not STATM.exists(), reason="only Linux tells the memory in use")
def test_what_is_kept_for_the_next_lookup_goes_with_the_object(tmp_path: Path) -> None:
    """Of each of these objects that is about 100 KB, outside the memory that Python counts."""
    code = f"""
from pathlib import Path
from pykv._native import Handle, StoreBase
handle = Handle(Path({str(tmp_path)!r}), {{}})
keys = [b"%d" % number for number in range(4_096)]
def look_up_by_new_objects(count):
    for _ in range(count):
        store = StoreBase()
        store._bind(handle.address, handle.pointer, 1 << 20)
        assert store.get_many(keys) == [None] * len(keys)
    return int(Path({str(STATM)!r}).read_text().split()[1])
before = look_up_by_new_objects(10)
print(look_up_by_new_objects(500) / before)
handle.close()
"""
    assert float(run_python(code)) < 1.2


def test_a_scan_is_an_iterator_that_nobody_makes_by_hand(tmp_path: Path) -> None:
    store = bound(tmp_path)
    scan = store._scan(SCAN_ROWS, -1)
    assert iter(scan) is scan
    with pytest.raises(TypeError):
        type(scan)()
    with pytest.raises(TypeError):
        store._scan(SCAN_ROWS, "all")


def test_subclasses_may_have_slots_attributes_and_weak_references(tmp_path: Path) -> None:
    class WithSlots(base_of("fast")):  # type: ignore[misc]
        __slots__ = ("__weakref__", "name")

    class WithDict(WithSlots):
        def get(self, key: Any, default: Any = None) -> Any:
            return ("got", super().get(key, default))

    for number, cls in enumerate((WithSlots, WithDict)):
        store = bound(tmp_path / str(number), cls)
        store.name = "named"
        store[b"k"] = b"v"
        assert store[b"k"] == b"v"
        assert b"k" in store
        seen = weakref.ref(store)
        del store[b"k"], store
        assert seen() is None
        assert is_free(tmp_path / str(number))
    with pytest.raises(AttributeError):
        base_of("fast")().name = "no"


def test_the_collector_does_not_see_what_keeps_the_store(tmp_path: Path) -> None:
    """It ran the finalizer of the store first and took the scan in the same cycle apart later: the
    scan was closed in a store that had been freed."""
    handle = Handle(tmp_path, {})
    before = sys.getrefcount(handle.pointer)
    store = base_of("fast")()
    store._bind(handle.address, handle.pointer, 1 << 20)
    scan = store._scan(SCAN_ROWS, -1)
    holders = sys.getrefcount(handle.pointer) - before
    assert holders == 2
    assert gc.is_tracked(scan)
    assert gc.get_referents(store, scan) == [type(store), type(scan)]


def test_a_cycle_through_a_subclass_is_collected(tmp_path: Path) -> None:
    class Chained(base_of("fast")):  # type: ignore[misc]
        pass

    store = bound(tmp_path, Chained)
    store.put_many([(b"a", b"1"), (b"b", b"2")])
    store.me = store
    store.scan = store._scan(SCAN_ROWS, -1)
    next(store.scan)
    seen = weakref.ref(store)
    del store
    assert seen() is not None
    gc.collect()
    assert seen() is None
    assert is_free(tmp_path)


KEY, VALUE = b"a key of its own", b"a value of its own"
WRONG = bytes(70_000)

CALLS: dict[str, Callable[[Any], object]] = {
    "get": lambda db: db.get(KEY),
    "get missing": lambda db: db.get(VALUE, KEY),
    "getitem": lambda db: db[KEY],
    "getitem missing": lambda db: db[VALUE],
    "contains": lambda db: KEY in db,
    "get of a bytearray": lambda db: db.get(bytearray(KEY)),
    "get of a long key": lambda db: db.get(WRONG),
    "get of str": lambda db: db.get("text"),
    "get by name": lambda db: db.get(key=KEY, default=VALUE),
    "get by a wrong name": lambda db: db.get(key=KEY, value=VALUE),
    "get_many": lambda db: db.get_many([KEY, VALUE]),
    "get_many of many": lambda db: db.get_many([KEY, VALUE] * 100),
    "get_many of bytearrays": lambda db: db.get_many([bytearray(KEY)] * 10),
    "get_many of wrong ones": lambda db: db.get_many([KEY, bytearray(KEY), WRONG]),
    "put": lambda db: db.put(KEY, VALUE),
    "put of bytearrays": lambda db: db.put(bytearray(KEY), bytearray(VALUE)),
    "put of a wrong value": lambda db: db.put(bytearray(KEY), 5),
    "setitem": lambda db: db.__setitem__(KEY, VALUE),
    "put_many": lambda db: db.put_many([(KEY, VALUE)] * 100),
    "put_many of lists": lambda db: db.put_many([[KEY, VALUE], (bytearray(KEY), VALUE)]),
    "put_many of wrong ones": lambda db: db.put_many([(KEY, VALUE), (KEY,)]),
    "put_many of a wrong value": lambda db: db.put_many([(KEY, VALUE), (bytearray(KEY), 5)]),
    "put_many of three": lambda db: db.put_many([[KEY, VALUE, KEY]]),
    "put_many too large": lambda db: db.put_many([(KEY, WRONG)] * 2, atomic=True),
    "put_many of nothing": lambda db: db.put_many(None),
    "delete": lambda db: db.delete(KEY),
    "delitem missing": lambda db: db.__delitem__(VALUE),
    "delete_many": lambda db: db.delete_many([KEY, VALUE, bytearray(KEY)]),
    "delete_many of wrong ones": lambda db: db.delete_many([KEY, "text"]),
    "scan": lambda db: list(db.scan()),
    "scan of keys": lambda db: list(db.scan_keys()),
    "scan dropped": lambda db: next(db.scan_values()),
    "scan of wrong limit": lambda db: db._scan(SCAN_ROWS, "all"),
}


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_keeps_nothing(tmp_path: Path, call: str, mapped: bool) -> None:
    options: dict[str, Any] = {
        "mapped_reads": mapped,
        "batch_bytes_max": 64 * 1024,
        "background_threads": 0,
    }

    def blocks_kept(count: int) -> int:
        before = sys.getallocatedblocks()
        for _ in range(count):
            with contextlib.suppress(LookupError, TypeError, ValueError):
                CALLS[call](db)
        gc.collect()
        return sys.getallocatedblocks() - before

    with open_over("fast", tmp_path, **options) as db:
        db.put(KEY, VALUE)
        blocks_kept(10)
        counts = [sys.getrefcount(each) for each in (KEY, VALUE, WRONG)]
        # The first rounds also fill caches of the interpreter.
        assert any(blocks_kept(100) < 50 for _ in range(5))
        assert [sys.getrefcount(each) for each in (KEY, VALUE, WRONG)] == counts
