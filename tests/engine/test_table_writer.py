"""Tables that are written outside of a store, and ingested by one."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import pykv
from tests.crash.processes import fork, wait_for


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.table"


def rows(start: int, stop: int, value: bytes = b"value") -> list[tuple[bytes, bytes]]:
    return [(b"%06d" % number, value) for number in range(start, stop)]


def write(path: Path, start: int, stop: int, value: bytes = b"value") -> Path:
    with pykv.TableWriter(path) as writer:
        writer.add_many(rows(start, stop, value))
    return path


def open_lsm(path: Path) -> pykv.Lsm:
    return pykv.open(path, engine="lsm")


@pytest.mark.parametrize("compression", ["none", "zstd", None])
def test_rows_come_as_they_were_written(
    tmp_path: Path, file: Path, compression: str | None
) -> None:
    with pykv.TableWriter(file, compression=compression, block_bytes=1024) as writer:
        writer.add(b"", b"")
        writer.add(b"a", bytes(100_000), ttl=1_000)
        writer.add_many([(b"b%06d" % i, b"x" * (i % 70)) for i in range(2_000)])
        assert len(writer) == 2_002
        assert writer.path == file
    with open_lsm(tmp_path / "db") as db:
        db.ingest([file])
        assert len(db) == 2_002
        assert db[b""] == b""
        assert db[b"b001999"] == b"x" * (1_999 % 70)
        expires_at = db.expires_at(b"a")
        assert expires_at is not None
        assert db.expires_at(b"b000000") is None
        assert db.verify().ok


@pytest.mark.parametrize("count", [1, 512, 700])
def test_a_ttl_of_many_rows_is_that_of_each(tmp_path: Path, file: Path, count: int) -> None:
    with pykv.TableWriter(file) as writer:
        writer.add_many(rows(0, count), ttl=timedelta(seconds=500))
        writer.add_many(rows(count, count + 1))
        writer.add_many(rows(count + 1, count + 2), ttl=1e-6)
        for wrong, kind in ((0, ValueError), ("1", TypeError)):
            with pytest.raises(kind, match="ttl"):
                writer.add_many(rows(count + 2, count + 3), ttl=wrong)  # type: ignore[arg-type]
        assert len(writer) == count + 2
    with open_lsm(tmp_path / "db") as db:
        db.ingest([file])
        assert dict(db.items()) == dict(rows(0, count + 1))
        for key, _ in (rows(0, 1)[0], rows(count - 1, count)[0]):
            expires_at = db.expires_at(key)
            assert expires_at is not None
            assert time.time() + 400 < expires_at < time.time() + 600
        assert db.expires_at(b"%06d" % count) is None


def test_order_and_types_are_checked_and_the_file_goes_with_a_failure(file: Path) -> None:
    with pytest.raises(ValueError, match="sorted"), pykv.TableWriter(file) as writer:
        writer.add_many([(b"b", b""), (b"a", b"")])
    assert not file.exists()
    with pykv.TableWriter(file) as writer:
        writer.add(b"b", b"")
        with pytest.raises(ValueError, match="sorted"):
            writer.add(b"b", b"")
        with pytest.raises(TypeError):
            writer.add("c", b"")  # type: ignore[arg-type]
        with pytest.raises(pykv.KeyTooLargeError):
            writer.add(b"c" * 65_536, b"")
        writer.add(b"c", b"")
    assert file.exists()
    with pytest.raises(pykv.ClosedError):
        writer.add(b"d", b"")
    with pytest.raises(FileExistsError):
        pykv.TableWriter(file)
    writer.abandon()
    assert file.exists()


def interrupted(pairs: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    yield from pairs
    raise InterruptedError


@pytest.mark.parametrize("count", [0, 3, 512, 700])
@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (lambda before: [*before, (b"z", 5), (b"zz", b"")], TypeError),
        (lambda before: [*before, b"no pair", (b"zz", b"")], TypeError),
        (lambda before: [*before, (b"z" * 70_000, b""), (b"zz", b"")], pykv.KeyTooLargeError),
        (interrupted, InterruptedError),
    ],
    ids=["value", "pair", "size", "source"],
)
def test_what_is_before_a_refused_row_is_in(
    tmp_path: Path, file: Path, refused: Any, kind: type[Exception], count: int
) -> None:
    """Up to 511 good rows before one that Python refuses were lost, and nothing told of it."""
    with pykv.TableWriter(file) as writer:
        with pytest.raises(kind):
            writer.add_many(refused(rows(0, count)))
        assert len(writer) == count
        writer.add(b"last", b"")
    with open_lsm(tmp_path / "db") as db:
        db.ingest([file])
        assert dict(db.items()) == dict(rows(0, count)) | {b"last": b""}


def test_a_row_of_no_order_is_told_before_a_later_one_of_no_type(file: Path) -> None:
    writer = pykv.TableWriter(file)
    with pytest.raises(ValueError, match="row 2 of"):
        writer.add_many([(b"b", b""), (b"a", b""), (b"c", 5)])  # type: ignore[list-item]
    assert len(writer) == 1
    writer.abandon()


def test_a_table_needs_a_row_and_known_options(file: Path) -> None:
    with pytest.raises(ValueError, match="no row"), pykv.TableWriter(file):
        pass
    assert not file.exists()
    with pytest.raises(TypeError, match="memtable_bytes"):
        pykv.TableWriter(file, memtable_bytes=1 << 20)
    with pytest.raises(pykv.InvalidOptionError):
        pykv.TableWriter(file, block_bytes=1)
    with pytest.raises(FileNotFoundError):
        pykv.TableWriter(file / "none")


def test_files_come_all_or_none(tmp_path: Path, file: Path) -> None:
    one, two = write(tmp_path / "one", 0, 10), write(tmp_path / "two", 9, 20)
    with open_lsm(tmp_path / "db") as db:
        with pytest.raises(ValueError, match=r"one.*two"):
            db.ingest([two, one])
        with pytest.raises(FileNotFoundError):
            db.ingest([one, file])
        assert len(db) == 0
        db.ingest([one])
        db.ingest([two], move=True)
        assert len(db) == 20
        db.ingest([])
    assert one.exists()
    assert not two.exists()


@pytest.mark.parametrize("move", [False, True])
def test_a_file_behind_a_symbolic_link_comes_itself(tmp_path: Path, move: bool) -> None:
    """The link came: no checkpoint could be opened, and the rows went with the file's directory."""
    (tmp_path / "files").mkdir()
    (tmp_path / "links").mkdir()
    write(tmp_path / "files" / "one", 0, 10)
    write(tmp_path / "files" / "two", 10, 20)
    links = [tmp_path / "links" / "one", tmp_path / "links" / "two"]
    links[0].symlink_to(Path("..", "files", "one"))
    links[1].symlink_to(tmp_path / "files" / "two")
    with open_lsm(tmp_path / "db") as db:
        db.ingest(links, move=move)
        db.checkpoint(tmp_path / "some" / "deeper" / "checkpoint")
        db.backup(tmp_path / "backups")
    assert not any(each.is_symlink() for each in (tmp_path / "db").iterdir())
    assert [each.is_symlink() for each in links] == [not move, not move]
    assert (tmp_path / "files" / "one").exists()
    shutil.rmtree(tmp_path / "files")
    pykv.restore(tmp_path / "backups", tmp_path / "restored")
    for name in ("db", "some/deeper/checkpoint", "restored"):
        with open_lsm(tmp_path / name) as db:
            assert dict(db.items()) == dict(rows(0, 20))
            assert db.verify().ok


def test_what_is_no_finished_table_is_refused_by_name(tmp_path: Path, file: Path) -> None:
    def die() -> None:
        writer = pykv.TableWriter(file)
        writer.add_many(rows(0, 100_000))
        os.kill(os.getpid(), signal.SIGKILL)

    assert wait_for(fork(die)) == -signal.SIGKILL
    assert file.exists()
    torn = write(tmp_path / "torn", 0, 1_000)
    data = torn.read_bytes()
    with open_lsm(tmp_path / "db") as db:
        db[b"mine"] = b"0"
        db[b"mine"] = b"1"
        with pytest.raises(pykv.FormatError, match=r"rows\.table: .* was not finished"):
            db.ingest([file])
        (tmp_path / "cut").write_bytes(data[:-1])
        (tmp_path / "flip").write_bytes(data[:500] + bytes([data[500] ^ 1]) + data[501:])
        (tmp_path / "newer").write_bytes(data[:8] + b"\xff" + data[9:])
        (tmp_path / "text").write_text("no table at all\n" * 20, encoding="ascii")
        (tmp_path / "empty").touch()
        for name in ("flip", "newer"):
            with pytest.raises((pykv.CorruptionError, pykv.FormatError), match=name):
                db.ingest([torn, tmp_path / name])
        for name in ("cut", "text", "empty"):
            with pytest.raises(pykv.FormatError, match=f"{name}: the file is no table, or one"):
                db.ingest([torn, tmp_path / name])
        with pytest.raises(TypeError, match=r"say ingest\(\[file\]\)"):
            db.ingest(str(torn))
        db.flush()
        (table,) = (tmp_path / "db").glob("*.tbl")
        with pytest.raises(pykv.FormatError, match="TableWriter"):
            db.ingest([table])
        assert dict(db.items()) == {b"mine": b"1"}


def test_writers_go_on_beside_and_later_writes_win(tmp_path: Path) -> None:
    files = [write(tmp_path / f"file{i}", i * 100, i * 100 + 100, b"file") for i in range(8)]
    stop = threading.Event()
    with open_lsm(tmp_path / "db") as db:

        def keep_writing() -> None:
            number = 0
            while not stop.is_set():
                db.put(b"own%06d" % number, b"own")
                number += 1

        writer = threading.Thread(target=keep_writing)
        writer.start()
        for each in files:
            db.ingest([each])
            seen = db.count(b"0", b"9")
            assert seen % 100 == 0
        stop.set()
        writer.join()
        db[b"000005"] = b"later"
        assert db.count(b"0", b"9") == 800
    with open_lsm(tmp_path / "db") as db:
        assert db[b"000005"] == b"later"
        assert db[b"000799"] == b"file"
        assert db.verify().ok


def test_an_ingest_is_in_the_feed_when_it_can_be_read(tmp_path: Path, file: Path) -> None:
    write(file, 3, 8)
    with open_lsm(tmp_path / "db") as db:
        db[b"a"] = b"1"
        db.sync()
        since = db.last_seq
        seen = []

        def follow() -> None:
            for change in db.changes(since, follow=True, timeout=10):
                seen.append((change.kind, change.key, change.value, change.last, len(db)))
                return

        reader = threading.Thread(target=follow)
        reader.start()
        db.ingest([file])
        reader.join()
        assert seen == [("ingest", b"000003", b"000007", True, 6)]
        assert db.last_seq == since + 1


def test_copies_have_what_was_ingested(tmp_path: Path, file: Path) -> None:
    write(file, 0, 50)
    with open_lsm(tmp_path / "db") as db:
        db.ingest([file])
        db[b"000001"] = b"later"
        db.ingest([write(tmp_path / "more", 40, 60, b"more")])
        db.checkpoint(tmp_path / "checkpoint")
        db.backup(tmp_path / "backups")
        expected = dict(db.items())
    pykv.restore(tmp_path / "backups", tmp_path / "restored")
    assert pykv.repair(tmp_path / "db").lost_record_count == 0
    for name in ("checkpoint", "restored", "db"):
        with open_lsm(tmp_path / name) as db:
            assert dict(db.items()) == expected
            assert db.verify().ok


def test_a_store_that_is_read_only_takes_nothing(tmp_path: Path, file: Path) -> None:
    open_lsm(tmp_path / "db").close()
    write(file, 0, 5)
    with (
        pykv.open(tmp_path / "db", engine="lsm", read_only=True) as db,
        pytest.raises(pykv.ReadOnlyError),
    ):
        db.ingest([file])


def test_one_file_comes_into_namespaces_and_into_the_default_one(
    tmp_path: Path, file: Path
) -> None:
    rows = {b"": b"empty", b"a": bytes(100_000), b"\xff": b"1", b"\xff\x01\0\0\0\x01": b"2"}
    rows |= {b"b%06d" % i: b"x" * (i % 70) for i in range(2_000)}
    with pykv.TableWriter(file) as writer:
        writer.add_many(sorted(rows.items()))
    with pykv.open(tmp_path / "db", engine="lsm", history_bytes=1 << 30) as db:
        users = db.namespace("users", create=True)
        users[b"a"] = b"older"
        users.ingest([file])
        db.ingest([file])
        db.namespace("items", create=True).ingest([file], move=True)
        users[b"b000007"] = b"newer"
        since = [(c.kind, c.namespace, c.key, c.value) for c in db.changes(0) if c.kind == "ingest"]
        assert since == [("ingest", each, b"", max(rows)) for each in (1, None, 2)]
    assert not file.exists()
    with open_lsm(tmp_path / "db") as db:
        assert dict(db.items()) == rows
        assert dict(db.namespace("items").items()) == rows
        assert dict(db.namespace("users").items()) == rows | {b"b000007": b"newer"}
        assert db.verify().ok


def test_a_namespace_that_was_dropped_takes_no_table(tmp_path: Path, file: Path) -> None:
    write(file, 0, 10)
    with open_lsm(tmp_path / "db") as db:
        users = db.namespace("users", create=True)
        db.drop_namespace("users")
        with pytest.raises(pykv.ClosedError):
            users.ingest([file], move=True)
        assert file.exists()
        assert len(db.namespace("users", create=True)) == 0
