"""get_view: read-only memoryviews that show what was there, whatever becomes of the store."""

import gc
import os
import threading
from typing import Any

import pytest

from pykv.errors import ClosedError, KeyTooLargeError
from tests.contract.conftest import MakeStore

LARGE = bytes(range(256)) * 40


def change_all(db: Any) -> None:
    """Other values in other files."""
    for each in range(3):
        db.put_many((b"other%d" % number, LARGE) for number in range(50))
        db[b"k"] = b"other %d" % each
        db.flush()
    db.clear()
    db.compact()


@pytest.mark.parametrize("value", [b"", b"v", LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("flushed", [False, True], ids=["fresh", "flushed"])
def test_a_view_shows_the_value_that_was_there(db: Any, value: bytes, flushed: bool) -> None:
    db[b"k"] = value
    if flushed:
        db.flush()
    view = db.get_view(b"k")
    assert isinstance(view, memoryview)
    assert view.readonly
    assert (view.format, view.ndim, view.itemsize) == ("B", 1, 1)
    assert view.nbytes == len(value)
    assert view == value
    assert bytes(view) == value
    change_all(db)
    assert view == value
    with pytest.raises(TypeError):
        view[0:0] = b""


def test_a_missing_key_has_no_view(db: Any) -> None:
    assert db.get_view(b"k") is None
    db[b"k"] = b"v"
    del db[b"k"]
    assert db.get_view(key=b"k") is None


def test_keys_are_refused_as_everywhere(db: Any) -> None:
    with pytest.raises(TypeError, match="encode"):
        db.get_view("k")
    with pytest.raises(KeyTooLargeError):
        db.get_view(b"k" * 65536)
    with pytest.raises(TypeError):
        db.get_view()
    with pytest.raises(TypeError):
        db.get_view(b"k", b"default")
    db[b"k"] = b"v"
    assert db.get_view(bytearray(b"k")) == b"v"


def test_slices_and_casts_keep_what_they_show(db: Any) -> None:
    db[b"k"] = LARGE
    db.flush()
    part = db.get_view(b"k")[256:512]
    words = db.get_view(b"k").cast("I")
    change_all(db)
    gc.collect()
    assert part == bytes(range(256))
    assert words[0] == int.from_bytes(LARGE[:4], "little")


def test_a_view_outlives_close_and_a_closed_store_gives_none(make_store: MakeStore) -> None:
    db = make_store()
    db[b"k"] = LARGE
    fresh = db.get_view(b"k")
    db.flush()
    flushed = db.get_view(b"k")
    db.close()
    assert fresh == flushed == LARGE
    with pytest.raises(ClosedError):
        db.get_view(b"k")
    del db
    gc.collect()
    assert fresh == flushed == LARGE


@pytest.mark.parametrize("first", [0, 1])
def test_each_view_of_one_value_keeps_it(db: Any, first: int) -> None:
    """Views of one place once counted as one over cffi, which freed all but the first at once."""
    db[b"k"] = LARGE
    db.flush()
    views = [db.get_view(b"k"), db.get_view(b"k")]
    change_all(db)
    del views[first]
    gc.collect()
    change_all(db)
    assert views[0] == LARGE


@pytest.mark.needs("snapshot")
def test_a_view_of_a_snapshot_shows_its_moment_and_outlives_it(db: Any) -> None:
    db[b"k"] = LARGE
    with db.snapshot() as kept:
        change_all(db)
        view = kept.get_view(b"k")
        assert kept.get_view(b"no") is None
        assert view == LARGE
    with pytest.raises(ClosedError):
        kept.get_view(b"k")
    change_all(db)
    assert view == LARGE


@pytest.mark.needs("ttl")
def test_a_view_stays_when_its_key_expires(db: Any) -> None:
    db.put(b"k", LARGE, ttl=0.05)
    view = db.get_view(b"k")
    while b"k" in db:
        pass
    assert db.get_view(b"k") is None
    assert view == LARGE


def test_views_in_a_cycle_are_there_for_its_finalizers(db: Any) -> None:
    """What a cycle holds is shown until the last finalizer has run."""
    seen: list[bytes] = []

    class Holder:
        def __init__(self, view: memoryview) -> None:
            self.view = view
            self.me = self

        def __del__(self) -> None:
            seen.append(bytes(self.view))

    db[b"k"] = LARGE
    db.flush()
    Holder(db.get_view(b"k"))
    db[b"k"] = b"other"
    db.flush()
    db.compact()
    gc.collect()
    assert seen == [LARGE]


def test_threads_view_what_others_overwrite(db: Any) -> None:
    failures: list[object] = []
    ended = threading.Event()
    db[b"k"] = b"\0" * 5000

    def look() -> None:
        kept: list[memoryview] = []
        while not ended.is_set():
            view = db.get_view(b"k")
            kept = [*kept[-3:], view]
            failures.extend(each for each in kept if len(set(each)) != 1 or len(each) != 5000)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100):
        db[b"k"] = bytes([number]) * 5000
        if number % 25 == 0:
            db.flush()
            db.compact()
    ended.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_forked_child_reads_a_view(db: Any) -> None:
    db[b"k"] = LARGE
    db.flush()
    view = db.get_view(b"k")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            same = view == LARGE
            del view
            gc.collect()
            code = 0 if same else 1
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    change_all(db)
    assert view == LARGE
