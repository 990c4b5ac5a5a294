"""refresh(): what a read-only store shows of what another one has written meanwhile."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pykv.errors import ClosedError
from tests.contract.conftest import MakeStore, Subject


def test_a_store_that_writes_only_tells_its_last_sequence(make_store: MakeStore) -> None:
    db = make_store()
    before = db.refresh()
    assert before == db.last_seq
    db[b"k"] = b"v"
    assert db.refresh() == db.last_seq > before
    assert db[b"k"] == b"v"
    db.close()
    with pytest.raises(ClosedError):
        db.refresh()


@pytest.mark.needs("persistence")
@pytest.mark.needs("readers")
def test_a_reader_moves_to_what_was_written(subject: Subject, tmp_path: Path) -> None:
    subject.open(tmp_path / "db").close()
    with (
        subject.open(tmp_path / "db") as writer,
        subject.open(tmp_path / "db", read_only=True) as reader,
    ):
        for number in range(4):
            writer.put_many(((b"%d" % each, b"%d" % number) for each in range(9)), atomic=True)
            writer.delete(b"%d" % number)
            writer.sync()
            assert reader.refresh() == reader.last_seq
            assert dict(reader.items()) == dict(writer.items())
            assert len(reader) == 8
        writer.clear()
        writer[b"k"] = b"v"
        writer.sync()
        reader.refresh()
        assert dict(reader.items()) == {b"k": b"v"}


@pytest.mark.needs("persistence")
@pytest.mark.needs("readers")
def test_a_reader_goes_on_without_a_writer_and_with_the_next_one(
    subject: Subject, tmp_path: Path
) -> None:
    for number in range(3):
        with subject.open(tmp_path / "db") as writer:
            writer[b"%d" % number] = b"v"
            if number == 0:
                writer.sync()
                reader = subject.open(tmp_path / "db", read_only=True)
        reader.refresh()
        assert sorted(reader) == [b"%d" % each for each in range(number + 1)]
        before = reader.refresh()
        assert reader.refresh() == before
    reader.close()


@pytest.mark.needs("persistence")
@pytest.mark.needs("readers")
def test_what_is_compacted_under_a_reader_can_be_read_before_and_after(
    subject: Subject, tmp_path: Path
) -> None:
    with subject.open(tmp_path / "db") as writer:
        writer.put_many((b"%04d" % each, b"0" * 100) for each in range(1_000))
        writer.flush()
        with subject.open(tmp_path / "db", read_only=True) as reader:
            for number in range(1, 4):
                writer.put_many((b"%04d" % each, b"%d" % number * 100) for each in range(1_000))
                writer.flush()
                writer.compact()
                assert {row[1][:1] for row in reader.items()} == {b"%d" % (number - 1)}
                reader.refresh()
                assert {row[1][:1] for row in reader.items()} == {b"%d" % number}
                assert len(reader) == 1_000


@pytest.mark.needs("persistence")
@pytest.mark.needs("readers")
def test_a_scan_stays_at_its_moment(subject: Subject, tmp_path: Path) -> None:
    with subject.open(tmp_path / "db") as writer:
        writer.put_many((b"%04d" % each, b"old") for each in range(500))
        writer.sync()
        with subject.open(tmp_path / "db", read_only=True) as reader:
            rows = reader.scan()
            first = next(rows)
            writer.put_many((b"%04d" % each, b"new") for each in range(700))
            writer.compact()
            writer.sync()
            reader.refresh()
            assert {value for _, value in [first, *rows]} == {b"old"}
            assert reader[b"0000"] == b"new"
            assert len(reader) == 700


@pytest.mark.needs("persistence")
@pytest.mark.needs("readers")
@pytest.mark.needs("snapshot")
def test_snapshots_and_views_stay_at_their_moments(subject: Subject, tmp_path: Path) -> None:
    with subject.open(tmp_path / "db") as writer:
        writer.put_many((b"%04d" % each, b"0" * 50) for each in range(300))
        writer.sync()
        with subject.open(tmp_path / "db", read_only=True) as reader:
            kept: list[tuple[int, Any, Any]] = []
            for number in range(1, 5):
                kept.append((number - 1, reader.snapshot(), reader.get_view(b"0007")))
                writer.put_many((b"%04d" % each, b"%d" % number * 50) for each in range(300))
                writer.delete(b"%04d" % number)
                writer.compact()
                writer.sync()
                reader.refresh()
            for number, snapshot, view in kept:
                assert bytes(view) == b"%d" % number * 50
                assert snapshot[b"0007"] == b"%d" % number * 50
                assert snapshot.count() == 300 - (1 if number else 0)
                snapshot.close()
                view.release()
            assert reader[b"0007"] == b"4" * 50


@pytest.mark.needs("persistence")
@pytest.mark.needs("readers")
def test_batches_show_whole_to_threads_that_read_beside_it(
    subject: Subject, tmp_path: Path
) -> None:
    def write(db: Any, number: int) -> None:
        db.put_many(((b"a%d" % each, b"%d" % number) for each in range(20)), atomic=True)

    wrong: list[object] = []
    done = threading.Event()
    with subject.open(tmp_path / "db") as writer:
        write(writer, 0)
        writer.sync()
        with subject.open(tmp_path / "db", read_only=True) as reader:

            def look() -> None:
                last = 0
                while not done.is_set():
                    seen = {int(value) for _, value in reader.items()}
                    if len(seen) != 1 or min(seen) < last:
                        wrong.append((last, seen))
                    last = min(seen)

            threads = [threading.Thread(target=look) for _ in range(2)]
            for thread in threads:
                thread.start()
            for number in range(1, 20):
                write(writer, number)
                writer.sync()
                if number % 10 == 0:
                    writer.compact()
                reader.refresh()
            done.set()
            for thread in threads:
                thread.join()
            assert wrong == []
            assert reader[b"a0"] == b"19"
