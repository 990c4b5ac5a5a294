"""Change feeds of read-only stores, beside a store that writes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import ClosedError, HistoryGoneError, ReadOnlyError, ReplacedError
from tests.contract.conftest import Subject
from tests.contract.test_changes import replayed, seqs

pytestmark = [pytest.mark.needs("changes"), pytest.mark.needs("readers")]

# Writes row after row until it is killed; each sync tells of what is behind it.
WRITER = """
import itertools, sys, pykv
with pykv.open(sys.argv[1]) as db:
    for number in itertools.count(db.last_seq):
        db.put(b"%d" % (number % 500), b"%d" % number * 20)
        if number % 100 == 0:
            db.sync()
            print(db.last_seq, flush=True)
"""


@contextmanager
def both(subject: Subject, path: Path, **options: object) -> Iterator[tuple[Any, Any]]:
    """A writer and a reader of one database."""
    with (
        subject.open(path, **options) as writer,
        subject.open(path, read_only=True) as reader,
    ):
        yield writer, reader


def put_durably(db: Any, *keys: bytes) -> None:
    """Writes, and lets the log say that this is on the device."""
    for key in keys:
        db.put(key, b"v")
    db.sync()
    db.put(b"mark", b"v")


def test_it_ends_with_what_the_reader_shows_and_knows_to_be_durable(
    subject: Subject, tmp_path: Path
) -> None:
    with both(subject, tmp_path / "db") as (writer, reader):
        put_durably(writer, b"a", b"b")
        assert seqs(reader.changes()) == []
        assert reader.refresh() == 3
        assert seqs(reader.changes()) == [1, 2]
        assert reader.stats()["synced_seq"] == 2
        assert seqs(reader.changes(unsynced=True)) == [1, 2, 3]
        assert seqs(reader.changes(2, unsynced=True)) == [3]
        with pytest.raises(HistoryGoneError, match="nothing at sequence 4"):
            reader.changes(4)
        writer.put(b"c", b"v")
        assert seqs(reader.changes(unsynced=True)) == [1, 2, 3]
        with pytest.raises(HistoryGoneError, match="nothing at sequence 4"):
            reader.changes(4, unsynced=True)


def test_it_leads_to_the_rows_that_the_reader_shows(subject: Subject, tmp_path: Path) -> None:
    with both(subject, tmp_path / "db", history_bytes=10**9) as (writer, reader):
        for number in range(1, 6):
            writer.put_many((b"%d" % each, b"%d" % number) for each in range(number, 200, 3))
            with writer.batch() as batch:
                batch.delete(b"%d" % number)
                batch.put(b"a", b"%d" % number)
            if number == 3:
                writer.clear()
            writer.flush()
            if number % 2:
                writer.compact()
            reader.refresh()
            assert replayed(reader.changes(unsynced=True)) == dict(reader.items())
        told = list(reader.changes(unsynced=True))
        assert told == list(writer.changes(unsynced=True))
    with subject.open(tmp_path / "db", read_only=True) as reader:
        assert list(reader.changes()) == told


def test_what_was_closed_is_durable(subject: Subject, tmp_path: Path) -> None:
    with subject.open(tmp_path / "db", history_bytes=10**9) as writer:
        writer.put(b"a", b"1")
        writer.put(b"b", b"2")
    with subject.open(tmp_path / "db", read_only=True) as reader:
        assert seqs(reader.changes()) == [1, 2]


def test_a_reader_that_follows_moves_on_by_itself(subject: Subject, tmp_path: Path) -> None:
    with both(subject, tmp_path / "db") as (writer, reader):
        feed = reader.changes(follow=True, unsynced=True)
        for number in range(1, 4):
            writer.put(b"%d" % number, b"v")
            assert next(feed).seq == number
            assert reader.last_seq == number
            assert reader[b"%d" % number] == b"v"
        assert seqs(reader.changes(follow=True, unsynced=True, timeout=0.01)) == [1, 2, 3]


def test_a_reader_that_follows_gives_what_is_durable(subject: Subject, tmp_path: Path) -> None:
    with both(subject, tmp_path / "db") as (writer, reader):
        put_durably(writer, b"a")
        feed = reader.changes(follow=True)
        assert next(feed).key == b"a"
        put_durably(writer, b"b")
        assert [next(feed).key, next(feed).key] == [b"mark", b"b"]
        assert seqs(reader.changes(4, follow=True, unsynced=True, timeout=0)) == []


def test_close_ends_the_feed_of_a_reader_that_waits(subject: Subject, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def wait(feed: Iterator[pykv.Change]) -> None:
        try:
            next(feed)
        except BaseException as error:
            failures.append(error)

    with both(subject, tmp_path / "db") as (_, reader):
        thread = threading.Thread(target=wait, args=[reader.changes(follow=True)])
        thread.start()
        reader.close()
        thread.join(30)
    assert [type(failure) for failure in failures] == [ClosedError]


def test_history_that_the_writer_let_go_is_gone(subject: Subject, tmp_path: Path) -> None:
    with both(subject, tmp_path / "db") as (writer, reader):
        writer.put_many((b"%d" % each, b"v" * 100) for each in range(100))
        put_durably(writer, b"a")
        reader.refresh()
        feed = reader.changes()
        for _ in range(3):
            writer.put_many((b"%d" % each, b"w" * 100) for each in range(100))
            writer.flush()
            writer.compact()
        with pytest.raises(HistoryGoneError, match="not kept any more"):
            list(feed)
        reader.refresh()
        floor = reader.stats()["history_floor"]
        assert floor == writer.stats()["history_floor"] > 1
        with pytest.raises(HistoryGoneError, match=f"the first one is {floor}"):
            reader.changes(1)


def test_a_reader_sets_no_pins(subject: Subject, tmp_path: Path) -> None:
    with both(subject, tmp_path / "db") as (writer, reader):
        writer.pin_history("copy", 0)
        reader.refresh()
        (pin,) = reader.history_pins()
        assert (pin.name, pin.since, pin.gone) == ("copy", 0, False)
        with pytest.raises(ReadOnlyError, match="only the process that writes"):
            reader.pin_history("mine", 0)
        with pytest.raises(ReadOnlyError, match="only the process that writes"):
            reader.unpin_history("copy")
        for _ in range(3):
            writer.put_many((b"%d" % each, b"v" * 100) for each in range(100))
            writer.compact()
        writer.sync()
        reader.refresh()
        assert seqs(reader.changes(unsynced=True)) == list(range(1, 301))


def test_namespaces_are_told_as_the_writer_tells_them(subject: Subject, tmp_path: Path) -> None:
    with both(subject, tmp_path / "db") as (writer, reader):
        users = writer.namespace("users", create=True)
        users.put(b"a", b"1", ttl=1000)
        writer.namespace("gone", create=True)[b"b"] = b"2"
        writer.drop_namespace("gone")
        put_durably(writer, b"c")
        feed = reader.changes(follow=True)
        told = [next(feed) for _ in range(writer.stats()["synced_seq"] - 2)]
        assert told == list(writer.changes())
        kinds = [change.kind for change in told]
        assert kinds[0] == "namespace"
        assert "drop_namespace" in kinds
        assert reader.namespace("users")[b"a"] == b"1"
        with pytest.raises(pykv.NotSupportedError, match="ask"):
            reader.namespace("users").changes()


def test_another_database_ends_what_follows(subject: Subject, tmp_path: Path) -> None:
    with subject.open(tmp_path / "db") as writer:
        put_durably(writer, b"a")
        reader: Any = subject.open(tmp_path / "db", read_only=True)
    feed = reader.changes(follow=True)
    pykv.destroy(tmp_path / "db")
    with pytest.raises((ReplacedError, HistoryGoneError)):
        list(feed)
    with pytest.raises((ReplacedError, HistoryGoneError)):
        next(feed)
    reader.close()


def test_it_goes_on_over_the_death_of_writers(subject: Subject, tmp_path: Path) -> None:
    """A follower in this process has all that writers in others had synced when they died."""
    path = tmp_path / "db"
    with subject.open(path) as writer:
        writer.pin_history("follower", 0)
    seen: list[pykv.Change] = []
    with subject.open(path, read_only=True) as reader:
        for _ in range(3):
            command = [sys.executable, "-c", WRITER, str(path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as child:
                assert child.stdout is not None
                feed = reader.changes(seen[-1].seq if seen else 0, follow=True, timeout=30)
                for _ in range(5):
                    synced = int(child.stdout.readline())
                    while not seen or seen[-1].seq < synced - 101:
                        seen.append(next(feed))
                child.send_signal(signal.SIGKILL)
            assert seen[-1].seq >= synced - 101
        seen.extend(reader.changes(seen[-1].seq, follow=True, timeout=0, unsynced=True))
        assert seqs(iter(seen)) == list(range(1, reader.last_seq + 1))
        assert [change.epoch for change in seen] == sorted(change.epoch for change in seen)
        assert replayed(iter(seen)) == dict(reader.items())
