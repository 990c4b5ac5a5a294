"""The memory engine: what it does beyond the contract."""

import gc
import threading
from pathlib import Path

import pytest

import pykv
from pykv.engine.batch import Operation, Put
from pykv.engine.memory import Memory
from pykv.engine.ordered_map import OrderedMap
from pykv.errors import InvalidOptionError


def test_it_needs_no_path_and_makes_none(tmp_path: Path) -> None:
    with pykv.open(engine="memory") as unnamed, pykv.open(None, engine="memory") as other:
        assert unnamed.path is None
        assert repr(other) == "<pykv.Memory open>"
    with pykv.open(tmp_path / "name", engine="memory") as named:
        assert named.path == tmp_path / "name"
        assert named.stats()["path"] == str(tmp_path / "name")
    assert list(tmp_path.iterdir()) == []


def test_two_of_one_name_share_nothing() -> None:
    with pykv.open("name", engine="memory") as one, pykv.open("name", engine="memory") as other:
        one[b"k"] = b"v"
        assert b"k" not in other


def test_it_starts_empty_so_nothing_can_be_reopened() -> None:
    with pytest.raises(InvalidOptionError, match="starts empty"):
        pykv.open(engine="memory", read_only=True)
    with pytest.raises(InvalidOptionError, match="starts empty"):
        pykv.open(engine="memory", create=False)


def test_its_durability_in_force_is_none_whatever_was_asked() -> None:
    with pykv.open(engine="memory", durability="sync") as db:
        assert db.stats()["durability"] == "none"
        assert not pykv.supports(db, "persistence")


def test_get_many_sees_one_moment() -> None:
    with Memory() as db:
        db.update({b"a": b"1", b"b": b"1"})

        def keys() -> object:
            yield b"a"
            db.update({b"a": b"2", b"b": b"2"})
            yield b"b"

        assert db.get_many(keys()) == [b"1", b"1"]  # type: ignore[call-overload]
        assert db.get_many([b"a", b"b"]) == [b"2", b"2"]


def test_a_failed_write_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    plain_set = OrderedMap.set

    def failing(self: OrderedMap, key: bytes, value: bytes) -> OrderedMap:
        nonlocal calls
        calls += 1
        if calls == 500:
            raise MemoryError
        return plain_set(self, key, value)

    with Memory() as db:
        db[b"before"] = b"v"
        monkeypatch.setattr(OrderedMap, "set", failing)
        with pytest.raises(MemoryError):
            db.put_many([(b"%d" % number, b"v") for number in range(800)], atomic=True)
        assert dict(db.items()) == {b"before": b"v"}
        assert db.last_seq == 1
        db[b"after"] = b"v"
        assert len(db) == 2


def test_a_write_inside_a_write_of_the_same_thread_is_kept() -> None:
    # A finalizer that the garbage collector runs in the middle of a write may use the store.
    with Memory() as db:

        class Edit(list[Operation]):
            """Operations whose first walk is interrupted by another write."""

            interrupted = False

            def __iter__(self):  # type: ignore[no-untyped-def]
                if not self.interrupted:
                    self.interrupted = True
                    db[b"inner"] = b"1"
                return super().__iter__()

        db._write(Edit([Put(b"outer", b"2")]), None)
        assert dict(db.items()) == {b"inner": b"1", b"outer": b"2"}
        assert db.last_seq == 2


def test_close_waits_for_a_write_no_longer_than_asked() -> None:
    db = Memory()
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with db._lock:
            inside.set()
            leave.wait(timeout=30)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(timeout=30)
    with pytest.raises(TimeoutError, match=r"call close\(\) again"):
        db.close(timeout=0.01)
    assert not db.closed
    leave.set()
    thread.join()
    db.close()
    assert db.closed


def test_a_closed_store_holds_no_rows() -> None:
    db = Memory()
    db.put_many((b"%d" % number, b"v") for number in range(500))
    scan = db.scan()
    db.close()
    del scan
    gc.collect()
    assert not any(isinstance(each, OrderedMap) and len(each) for each in gc.get_objects())


def test_verify_finds_rows_out_of_order() -> None:
    with Memory() as db:
        db.update({b"a": b"1", b"b": b"2"})
        moment = db._moment
        assert moment is not None
        leaf = moment.rows.rows._root
        leaf.entries = leaf.entries[::-1]
        report = db.verify()
        assert not report.ok
        assert [str(damage) for damage in report.damages] == [
            "memory at byte 0: the keys of a leaf do not ascend"
        ]


def test_stats_name_engine_and_counts() -> None:
    with Memory() as db:
        db.update({b"a": b"1", b"b": b"2"})
        del db[b"a"]
        assert db.stats() == {
            "engine": "memory",
            "state": "open",
            "durability": "none",
            "key_count": 1,
            "last_seq": 3,
            "path": None,
        }
