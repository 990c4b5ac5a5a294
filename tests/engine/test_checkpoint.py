"""Checkpoints: second databases with the rows of one moment, made beside writers."""

import os
import tempfile
import threading
from pathlib import Path

import pytest

import pykv
from tests.engine.native_kinds import KINDS, Kind
from tests.engine.store_files import rows


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


def test_a_checkpoint_is_a_database_of_its_own(kind: Kind, tmp_path: Path) -> None:
    wanted = rows(2000)
    with kind.open(tmp_path / "db", **kind.small) as db:
        db.update(wanted)
        db.checkpoint(tmp_path / "copies" / "one")
        db.clear()
        with pykv.open(tmp_path / "copies" / "one") as copy:
            assert dict(copy.items()) == wanted
            copy.put(b"own", b"1")
            copy.compact()
            assert copy.verify().ok
        assert len(db) == 0
        assert db.verify().ok
    with pykv.open(os.fsencode(tmp_path / "copies" / "one")) as copy:
        assert dict(copy.items()) == wanted | {b"own": b"1"}


def test_rows_are_linked_and_not_copied(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db", **kind.lazy) as db:
        # Bytes that no codec makes fewer.
        db.update({key: os.urandom(1000) for key in rows(2000)})
        db.checkpoint(tmp_path / "copy")
        large = [each for each in (tmp_path / "copy").iterdir() if each.stat().st_size > 100_000]
        assert large
        assert all(each.stat().st_nlink == 2 for each in large)
        assert {each.stat().st_ino for each in large} <= {
            each.stat().st_ino for each in (tmp_path / "db").iterdir()
        }


def test_there_must_be_nothing_at_the_path(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with kind.open(tmp_path / "db") as db:
        for name in ("empty", "file", "db"):
            with pytest.raises(FileExistsError):
                db.checkpoint(tmp_path / name)
    assert not any((tmp_path / "empty").iterdir())


def test_a_failed_checkpoint_leaves_nothing(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db") as db:
        db.put(b"key", b"value")
        with pytest.raises(OSError, match="File name too long"):
            db.checkpoint(tmp_path / ("x" * 300))
    with kind.open(tmp_path / "db", read_only=True) as db, pytest.raises(pykv.ReadOnlyError):
        db.checkpoint(tmp_path / "copy")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["db"]
    with pytest.raises(pykv.ClosedError):
        db.checkpoint(tmp_path / "copy")


def test_an_unfinished_checkpoint_is_refused_and_destroyed(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db") as db:
        db.put(b"key", b"value")
        db.checkpoint(tmp_path / "copy")
    (tmp_path / "copy" / "MANIFEST").unlink()
    (tmp_path / "copy" / "CHECKPOINT.tmp").touch()
    with pytest.raises(pykv.FormatError, match="not finished"):
        pykv.open(tmp_path / "copy")
    with pytest.raises(pykv.FormatError, match="not finished"):
        pykv.repair(tmp_path / "copy")
    pykv.destroy(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_what_writers_write_meanwhile_is_there_up_to_one_moment(kind: Kind, tmp_path: Path) -> None:
    """Writer k writes 0, 1, 2, ... under its key and in pairs; a copy holds a moment of each."""
    stop = threading.Event()

    def write(number: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            with db.batch() as batch:
                batch.put(b"left %d" % number, b"%d" % count)
                batch.put(b"right %d" % number, b"%d" % count)
                batch.put(b"row %d %06d" % (number, count), b"x" * 200)

    with kind.open(tmp_path / "db", **kind.small) as db:
        writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
        for writer in writers:
            writer.start()
        try:
            for index in range(3):
                before = {each: db.get(each, b"0") for each in (b"left 0", b"left 1")}
                db.checkpoint(tmp_path / f"copy {index}")
                with pykv.open(tmp_path / f"copy {index}", read_only=True) as copy:
                    found = dict(copy.items())
                for number in range(2):
                    count = int(found.get(b"left %d" % number, b"0"))
                    assert count >= int(before[b"left %d" % number])
                    assert found.get(b"right %d" % number, b"0") == b"%d" % count
                    mine = [each for each in found if each.startswith(b"row %d " % number)]
                    assert len(mine) == count
        finally:
            stop.set()
            for writer in writers:
                writer.join()


def test_a_checkpoint_on_another_device_is_copied(kind: Kind, tmp_path: Path) -> None:
    """Of real file systems, of which none has a link to a file of the other."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second device")
    wanted = rows(2000) | {b"large": os.urandom(300_000)}
    with tempfile.TemporaryDirectory(prefix="pykv-checkpoint-", dir=memory) as folder:
        path = Path(folder) / "copy"
        with kind.open(tmp_path / "db", **kind.small) as db:
            db.update(wanted)
            db.namespace("users", create=True)[b"k"] = b"v"
            db.flush()
            db[b"in the log"] = b"v"
            db.checkpoint(path)
            db.clear()
        assert all(each.stat().st_nlink == 1 for each in path.iterdir() if each.is_file())
        with pykv.open(path, create=False) as copy:
            assert dict(copy.items()) == wanted | {b"in the log": b"v"}
            assert dict(copy.namespace("users").items()) == {b"k": b"v"}
            assert copy.verify().ok
            copy[b"own"] = b"1"
        # And back, from memory to the disk.
        with kind.open(path) as copy:
            copy.checkpoint(tmp_path / "back")
        with pykv.open(tmp_path / "back", create=False) as back:
            assert dict(back.items()) == wanted | {b"in the log": b"v", b"own": b"1"}
            assert back.verify().ok
