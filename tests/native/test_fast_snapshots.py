"""Snapshots over the fast type beside those over its plain twin."""

import gc
import inspect
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pykv.errors import ClosedError
from tests.native.fast_stores import PATHS, needs_fast, open_over, outcome, snapshot_base_of

pytestmark = needs_fast

ROWS = {b"%03d" % i: b"v" * i for i in range(200)} | {b"large": b"L" * 100_000, b"": b""}


@pytest.fixture
def both(tmp_path: Path) -> Iterator[list[Any]]:
    """A store over the fast path and one over the plain one, with the same rows."""
    stores = [open_over(path, tmp_path / path, "lsm") for path in PATHS]
    for store in stores:
        store.update(ROWS)
    yield stores
    for store in stores:
        store.close()


def test_reads_give_the_same_and_so_do_refusals(both: list[Any]) -> None:
    kept = [store.snapshot() for store in both]
    for store in both:
        store.clear()
    many = [*ROWS, b"missing"]
    reads: list[Any] = [
        lambda each: {key: each[key] for key in ROWS},
        lambda each: each.get_many(many) + each.get_many(many[:5], 7),
        lambda each: [key in each for key in many],
        lambda each: list(each.scan()) + list(each.scan_keys(b"1", b"2", reverse=True)),
        lambda each: each[b"missing"],
        lambda each: each.get("text"),
        lambda each: each.get(b"k" * 65_536),
        lambda each: each.get_many(7),
        lambda each: each._scan(0),
        lambda each: each._scan(0, -1, "text", None, False),
    ]
    for read in reads:
        fast, plain = (outcome(read, each) for each in kept)
        if read in reads[-2:]:
            assert fast[0] == plain[0] == "TypeError"
        else:
            assert fast == plain
    for each in kept:
        each.close()
    assert outcome(reads[1], kept[0])[0] == outcome(reads[1], kept[1])[0] == "ClosedError"


@pytest.mark.parametrize("name", ["get", "get_many"])
def test_a_method_takes_what_its_twin_takes(name: str) -> None:
    mine, its = (
        [(each.name, each.kind, each.default) for each in parameters.values()][1:]
        for path in PATHS
        for parameters in [inspect.signature(getattr(snapshot_base_of(path), name)).parameters]
    )
    assert mine == its


def test_it_is_bound_once_and_refuses_before() -> None:
    empty = snapshot_base_of("fast")()
    for call in (lambda: empty.get(b"k"), lambda: b"k" in empty, lambda: empty._scan(0, -1)):
        with pytest.raises(AttributeError, match="no store"):
            call()
    with pytest.raises(ValueError, match="bound once"):
        empty._bind(0, 0, None)
    with pytest.raises(TypeError):
        empty._bind(1, 2)


def test_one_that_is_dropped_lets_go_after_its_scans(both: list[Any]) -> None:
    for store in both:
        kept = store.snapshot()
        rows = kept.scan()
        next(rows)
        del kept
        gc.collect()
        assert sum(1 for _ in rows) == len(ROWS) - 1
        del rows
        gc.collect()
        assert store.stats()["open_snapshot_count"] == 0
        assert store.stats()["open_scan_count"] == 0


def test_a_close_of_the_store_comes_between_reads_of_threads(both: list[Any]) -> None:
    for store in both:
        kept = store.snapshot()
        ended: list[str] = []

        def read(kept: Any = kept, ended: list[str] = ended) -> None:
            try:
                while True:
                    kept[b"large"]
                    kept.get_many(ROWS)
            except ClosedError as error:
                ended.append(type(error).__name__)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        store.close()
        for thread in threads:
            thread.join()
        assert ended == ["ClosedError"] * 3
