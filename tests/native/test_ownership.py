"""Owners end after everything that holds them, whatever the collector does, and once."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from pykv._native import ffi, lib, ownership
from pykv._native.ownership import own, sweep


class Maker:
    """Stands for the core: makes a number, and keeps in mind what was freed."""

    def __init__(self, status: int = lib.PYKV_OK) -> None:
        self.status = status
        self.freed: list[int] = []

    def make(self, owner: Any) -> int:
        """As pykv_x_open."""
        owner[0] = ffi.cast("pykv_scan *", 7)
        return self.status

    def free(self, target: Any) -> None:
        """As pykv_x_close, which ignores NULL."""
        if target != ffi.NULL:
            self.freed.append(int(ffi.cast("uintptr_t", target)))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = set(ownership._lives)
    yield
    # What other tests left behind may end meanwhile.
    assert not ownership._lives - before


def test_what_is_owned_is_freed_when_the_last_holder_lets_go() -> None:
    maker = Maker()
    owner = ffi.new("pykv_scan **")
    own(owner, maker.free, maker.make)
    other = owner
    del owner
    assert maker.freed == []
    del other
    assert maker.freed == [7]


def test_an_early_end_is_the_only_one() -> None:
    maker = Maker()
    owner = ffi.new("pykv_scan **")
    life = own(owner, maker.free, maker.make)
    life.end()
    life.end()
    assert maker.freed == [7]
    del owner
    assert maker.freed == [7]


def test_what_failed_to_be_made_is_freed_at_once() -> None:
    maker = Maker(lib.PYKV_CLOSED)
    owner = ffi.new("pykv_scan **")
    with pytest.raises(ValueError, match=r"."):
        own(owner, maker.free, maker.make)
    assert maker.freed == [7]
    del owner
    assert maker.freed == [7]


def test_a_kept_owner_ends_later() -> None:
    order: list[str] = []
    outer, inner = ffi.new("pykv_store **"), ffi.new("pykv_scan **")
    own(outer, lambda _target: order.append("outer"), lambda _owner: lib.PYKV_OK)
    own(inner, lambda _target: order.append("inner"), lambda _owner: lib.PYKV_OK, kept=outer)
    del outer
    assert order == []
    del inner
    assert order == ["inner", "outer"]


def test_the_collector_frees_after_every_finalizer_of_a_cycle() -> None:
    """The finalizers of a cycle run in any order, and may use everything that is in it."""
    maker = Maker()
    seen: list[bool] = []

    class Holder:
        def __init__(self, owner: Any) -> None:
            self.owner = owner
            self.others: list[Holder] = []

        def __del__(self) -> None:
            seen.append(maker.freed == [] and all(each.owner[0] for each in self.others))

    for _ in range(10):
        maker.freed.clear()
        owner = ffi.new("pykv_scan **")
        own(owner, maker.free, maker.make)
        holders = [Holder(owner) for _ in range(5)]
        for holder in holders:
            holder.others = holders
        del owner, holder, holders
        gc.collect()
        assert maker.freed == [7]
    assert seen == [True] * 50


def test_what_an_interrupt_left_is_swept_up() -> None:
    """Python drops an interrupt that strikes in the callback of a weak reference: here there is
    none from the beginning."""
    maker = Maker()
    owner = ffi.new("pykv_scan **")
    maker.make(owner)
    life = ownership.Life(owner, None)
    life.target, life.free, life.kept = owner[0], maker.free, None
    ownership._lives.add(life)
    sweep()
    assert maker.freed == []
    del owner
    assert maker.freed == []
    sweep()
    sweep()
    assert maker.freed == [7]
