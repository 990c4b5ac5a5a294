"""The map of the memory engine: rows, deadlines, and what has expired."""

import random

from pykv.engine.expiring_map import ExpiringMap


def keys(rows: ExpiringMap) -> list[bytes]:
    return [key for run in rows.rows.slices(0, len(rows)) for key, _ in run]


def test_a_row_leaves_when_its_deadline_has_come() -> None:
    rows = ExpiringMap().set(b"a", b"1", 10).set(b"b", b"2", 20).set(b"c", b"3")
    assert rows.first_deadline_us() == 10
    assert keys(rows.without_expired(9)) == [b"a", b"b", b"c"]
    assert rows.without_expired(9) is rows
    assert keys(rows.without_expired(10)) == [b"b", b"c"]
    left = rows.without_expired(100)
    assert keys(left) == [b"c"]
    assert left.first_deadline_us() == 0


def test_setting_a_key_again_sets_its_deadline_again() -> None:
    rows = ExpiringMap().set(b"a", b"1", 10).set(b"a", b"2", 30)
    assert (rows.deadline_us(b"a"), rows.first_deadline_us()) == (30, 30)
    assert rows.set(b"a", b"3").first_deadline_us() == 0
    assert rows.set(b"a", b"3").deadline_us(b"a") == 0


def test_a_change_leaves_the_old_map_as_it_was() -> None:
    before = ExpiringMap().set(b"a", b"1", 10)
    before.remove(b"a")
    before.set(b"a", b"2")
    before.without_expired(99)
    assert before.rows.get(b"a") == b"1"
    assert before.deadline_us(b"a") == 10
    assert before.remove(b"b") is before
    assert before.remove_range(b"b", None) is before


def test_it_agrees_with_two_dicts() -> None:
    chance = random.Random(7)
    rows = ExpiringMap()
    model: dict[bytes, tuple[bytes, int]] = {}
    now = 0
    for step in range(3_000):
        key = b"%02d" % chance.randrange(60)
        match chance.randrange(8):
            case 0:
                rows = rows.remove(key)
                model.pop(key, None)
            case 1:
                stop = b"%02d" % chance.randrange(60)
                rows = rows.remove_range(key, stop)
                model = {each: row for each, row in model.items() if not key <= each < stop}
            case 2:
                now += chance.randrange(20)
                rows = rows.without_expired(now)
                model = {each: row for each, row in model.items() if not 0 < row[1] <= now}
            case _:
                deadline = chance.choice([0, now + 1 + chance.randrange(100)])
                rows = rows.set(key, b"%d" % step, deadline)
                model[key] = (b"%d" % step, deadline)
        assert keys(rows) == sorted(model)
        assert all(rows.deadline_us(each) == row[1] for each, row in model.items())
    assert list(rows.faults()) == []


def test_faults_are_found() -> None:
    rows = ExpiringMap().set(b"a", b"1", 10).set(b"b", b"1", 20)
    other = ExpiringMap().set(b"a", b"1", 11)
    assert list(ExpiringMap(rows.rows, rows._deadlines, other._by_deadline).faults())
