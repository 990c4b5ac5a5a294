"""Sequence numbers, statistics, verify, and the calls that tidy up."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import ClosedError, NotSupportedError
from pykv.store import Report


def test_sequence_numbers_rise_with_each_write(db: Any) -> None:
    seen = [db.last_seq]
    assert seen == [0]
    writes: list[Callable[[], object]] = [
        lambda: db.put(b"a", b"1"),
        lambda: db.put(b"a", b"1"),
        lambda: db.delete(b"a"),
        lambda: db.put_many([(b"b", b"1"), (b"c", b"1")]),
        lambda: db.compare_and_set(b"b", b"1", b"2"),
        lambda: db.put_if_absent(b"d", b"1"),
        lambda: db.pop(b"d"),
        lambda: db.clear(),
    ]
    for write in writes:
        write()
        assert db.last_seq > seen[-1]
        seen.append(db.last_seq)


def test_every_operation_of_a_batch_has_its_own_sequence_number(db: Any) -> None:
    with db.batch() as batch:
        for number in range(10):
            batch.put(b"%d" % number, b"v")
    assert db.last_seq >= 10


def test_reads_and_refusals_leave_the_sequence_number(db: Any) -> None:
    db[b"k"] = b"v"
    before = db.last_seq
    db.get(b"k")
    list(db.items())
    with pytest.raises(KeyError):
        del db[b"absent"]
    db.pop(b"absent", None)
    db.put_if_absent(b"k", b"w")
    db.compare_and_set(b"k", b"w", b"x")
    db.setdefault(b"k", b"w")
    db.sync()
    assert db.last_seq == before


def test_stats_have_what_every_engine_tells(db: Any) -> None:
    db.update({b"a": b"1", b"b": b"2"})
    stats = db.stats()
    assert isinstance(stats, dict)
    assert all(type(name) is str for name in stats)
    assert stats["key_count"] == 2
    assert stats["last_seq"] == db.last_seq
    assert stats["state"] == "open"
    assert isinstance(stats["engine"], str)
    assert isinstance(stats["durability"], str)


def test_stats_are_a_copy(db: Any) -> None:
    db.stats()["key_count"] = 99
    assert db.stats()["key_count"] == 0


def test_verify_reports_a_sound_store(db: Any) -> None:
    db.put_many((b"%04d" % number, bytes(100)) for number in range(2_000))
    db.flush()
    calls: list[tuple[int, int]] = []
    report = db.verify(progress=lambda done, total: calls.append((done, total)))
    assert isinstance(report, Report)
    assert report.ok
    assert report.damages == ()
    assert report.damage_count == 0
    assert report.record_count >= 2_000
    assert report.byte_count >= 2_000
    assert all(0 <= done <= total for done, total in calls)
    assert calls == sorted(calls)


def test_verify_of_an_empty_store_is_fine(db: Any) -> None:
    assert db.verify().ok


def test_tidying_up_changes_no_row(db: Any) -> None:
    rows = {b"%04d" % number: b"v" for number in range(500)}
    db.update(rows)
    db.delete_many(list(rows)[::2])
    for tidy in (db.sync, db.flush, db.compact, db.sync):
        assert tidy() is None
        assert dict(db.items()) == dict(list(rows.items())[1::2])
    db.compact(progress=lambda done, total: None)


@pytest.mark.needs("estimates")
def test_the_size_of_a_range_is_guessed(db: Any) -> None:
    assert db.approximate_size() == 0
    db.put_many((b"%05d" % i, b"v" * 100) for i in range(1_000))
    whole = db.approximate_size()
    assert 80_000 < whole < 200_000
    if "order" in db.features:
        assert db.approximate_size(b"00250", b"00750") == pytest.approx(whole / 2, rel=0.2)
        assert db.approximate_size(b"1") == db.approximate_size(b"2", b"1") == 0
        assert db.approximate_size(None, b"00500") == pytest.approx(whole / 2, rel=0.2)
        db.flush()
        db.compact()
        assert db.approximate_size() < 200_000
    else:
        with pytest.raises(NotSupportedError):
            db.approximate_size(b"a")


@pytest.mark.needs("estimates")
def test_the_number_of_keys_is_guessed(db: Any) -> None:
    assert db.approximate_len() == 0
    db.put_many((b"%05d" % i, b"v") for i in range(1_000))
    assert 900 < db.approximate_len() < 1_100


@pytest.mark.needs("checkpoint")
def test_a_checkpoint_and_a_backup_have_the_rows(db: Any, tmp_path: Path) -> None:
    db.update({b"a": b"1", b"b": b"2"})
    db.checkpoint(tmp_path / "copy")
    version = db.backup(tmp_path / "backups").version
    del db[b"a"]
    pykv.restore(tmp_path / "backups", tmp_path / "restored", version)
    for name in ("copy", "restored"):
        with pykv.open(tmp_path / name, create=False) as other:
            assert dict(other.items()) == {b"a": b"1", b"b": b"2"}


@pytest.mark.needs("ingest")
def test_tables_are_taken(db: Any, tmp_path: Path) -> None:
    with pykv.TableWriter(tmp_path / "rows.table") as writer:
        writer.add_many([(b"a", b"1"), (b"b", b"2")])
    db.ingest([tmp_path / "rows.table"])
    assert dict(db.items()) == {b"a": b"1", b"b": b"2"}


REFUSED: list[tuple[str, str, Callable[[Any, Path], object]]] = [
    ("checkpoint", "pykv.convert", lambda db, path: db.checkpoint(path)),
    ("checkpoint", "pykv.convert", lambda db, path: db.backup(path)),
    ("ingest", "put_many", lambda db, path: db.ingest([path])),
    ("estimates", "len()", lambda db, path: db.approximate_len()),
    ("estimates", "stats()", lambda db, path: db.approximate_size()),
]


@pytest.mark.parametrize(("feature", "hint", "call"), REFUSED)
def test_what_a_store_does_not_do_names_what_does(
    db: Any, tmp_path: Path, feature: str, hint: str, call: Callable[[Any, Path], object]
) -> None:
    """These were an AttributeError, and their features a ValueError of `supports`."""
    if pykv.supports(db, feature):
        pytest.skip(f"it has {feature!r}")
    with pytest.raises(NotSupportedError, match=re.escape(hint)) as caught:
        call(db, tmp_path / "new")
    assert caught.value.path == db.path
    assert not (tmp_path / "new").exists()
    db.close()
    with pytest.raises(ClosedError):
        call(db, tmp_path / "new")


def test_a_store_that_is_well_has_nothing_to_resume(db: Any) -> None:
    assert db.resume() is None
    assert db.state == "open"
    db.close()
    with pytest.raises(ClosedError):
        db.resume()
