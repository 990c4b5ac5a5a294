"""Digests tell whether two stores hold the same rows, whatever their order."""

import time

import pykv
from pykv.engine.convert.check import Side, digest_of, digests_of
from pykv.engine.dated_rows import DatedRow

ROWS = [DatedRow(b"a", b"1"), DatedRow(b"b", b"2", 1 << 60), DatedRow(b"", b"")]


def digest(*rows: DatedRow, horizon_us: int = 0) -> object:
    return digest_of(rows, horizon_us, lambda: None)


def test_order_does_not_count() -> None:
    assert digest(*ROWS) == digest(*reversed(ROWS))


def test_everything_else_counts() -> None:
    variants = [
        [DatedRow(b"a", b"2"), *ROWS[1:]],
        [DatedRow(b"a1", b""), *ROWS[1:]],
        [DatedRow(b"", b"a1"), *ROWS[1:]],
        [DatedRow(b"a", b"1", 1 << 60), *ROWS[1:]],
        ROWS[1:],
        [*ROWS, ROWS[0]],
        [*ROWS, ROWS[2]],
    ]
    assert len({digest(*rows) for rows in [ROWS, *variants]}) == len(variants) + 1


def test_rows_that_expire_before_the_horizon_are_left_out() -> None:
    assert digest(*ROWS, horizon_us=1 << 60) == digest(ROWS[0], ROWS[2])


def test_stores_are_read_again_where_reading_took_longer_than_the_horizon() -> None:
    with pykv.open(engine="memory") as one, pykv.open(engine="memory") as two:
        one.put(b"a", b"1", ttl=0.02)
        two.update({b"b": b"2"})
        one.update({b"b": b"2"})
        told = []

        def slowly() -> None:
            told.append(0)
            time.sleep(0.03)

        found, copied = digests_of(Side(one), Side(two), slowly, horizon_us=1)
        assert found == copied
        assert found.row_count == 1
        assert len(told) > 2
