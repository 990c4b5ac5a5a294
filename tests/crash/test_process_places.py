"""Directories that are odd, shared, moved or not ours: the named error, and nothing lost."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.processes import fork, in_child, mounted, wait_for, wait_until
from tests.engine.native_kinds import Kind

import pykv
from pykv.errors import LockedError, ReadOnlyError

NOBODY = 65_534


@pytest.fixture
def owned(kind: Kind, tmp_path: Path) -> Path:
    """A store of root that others may read and not write, in a place that they may reach."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else, who has fewer permissions")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o005)
    with kind.open(tmp_path / "db") as db:
        db.update({b"%d" % i: b"v" for i in range(1_000)})
    (tmp_path / "db").chmod(0o555)
    for each in (tmp_path / "db").iterdir():
        each.chmod(0o444)
    return tmp_path / "db"


def become_nobody() -> None:
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def test_without_permission_to_write_a_store_can_be_read(kind: Kind, owned: Path) -> None:
    before = {each.name: each.read_bytes() for each in owned.iterdir()}

    def work() -> None:
        become_nobody()
        with pytest.raises(PermissionError) as caught:
            kind.open(owned)
        assert str(owned) in str(caught.value)
        with kind.open(owned, read_only=True) as db:
            assert len(dict(db.items())) == 1_000
            assert db.verify().ok
            with pytest.raises(ReadOnlyError):
                db[b"k"] = b"v"

    assert in_child(work) == 0
    assert {each.name: each.read_bytes() for each in owned.iterdir()} == before


def test_without_permission_to_read_it_is_a_permission_error(kind: Kind, owned: Path) -> None:
    owned.chmod(0o700)

    def work() -> None:
        become_nobody()
        for read_only in (False, True):
            with pytest.raises(PermissionError):
                kind.open(owned, read_only=read_only)

    assert in_child(work) == 0


def test_without_permission_nothing_is_made(kind: Kind, owned: Path) -> None:
    def work() -> None:
        become_nobody()
        with pytest.raises(PermissionError):
            kind.open(owned / "below" / "it")

    assert in_child(work) == 0
    assert not (owned / "below").exists()


def test_what_may_be_written_and_not_read_takes_stores_checkpoints_and_tables(
    kind: Kind, owned: Path
) -> None:
    """The first open there once failed, the second did not, and a checkpoint always did."""
    place = owned.parent / "shared"
    place.mkdir()
    place.chmod(0o1733)

    def work() -> None:
        become_nobody()
        with kind.open(place / "db") as db:
            db[b"k"] = b"v"
            db.checkpoint(place / "copy")
            with pytest.raises(FileExistsError):
                db.checkpoint(place / "copy")
        with pykv.open(place / "copy") as copy:
            assert dict(copy.items()) == {b"k": b"v"}
        with pykv.TableWriter(place / "table") as writer:
            writer.add(b"k", b"v")
        pykv.destroy(place / "copy")

    assert in_child(work) == 0
    assert sorted(each.name for each in place.iterdir()) == ["db", "table"]


@pytest.fixture
def read_only_disk(kind: Kind, tmp_path: Path) -> Iterator[Path]:
    """A store on a file system that is mounted read-only, and that was left open by its writer."""
    place = tmp_path / "disk"
    with mounted(place, "-t", "tmpfs", "tmpfs") as done:
        if not done:
            pytest.skip("a tmpfs can only be mounted by root, with the mount command")

        def work() -> None:
            db = kind.open(place / "db", **kind.small)
            db.update({b"%d" % i: b"v" * 100 for i in range(2_000)})
            os._exit(0)

        assert in_child(work) == 0
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        yield place


def test_a_read_only_mount_can_be_read_and_not_opened_to_write(
    kind: Kind, read_only_disk: Path
) -> None:
    with pytest.raises((ReadOnlyError, OSError)) as caught:
        kind.open(read_only_disk / "db")
    assert "Read-only" in str(caught.value) or "read_only" in str(caught.value)
    with kind.open(read_only_disk / "db", read_only=True) as db:
        assert len(dict(db.items())) == 2_000
        assert db.verify().ok
    with pytest.raises((ReadOnlyError, OSError)):
        kind.open(read_only_disk / "new")


# ---- two openers ----


def hold(kind: Kind, path: Path, pipe: int) -> None:
    db = kind.open(path)
    db[b"k"] = b"held"
    os.write(pipe, b"open")
    time.sleep(60)


def test_a_second_process_learns_who_holds_the_store_and_gets_it_when_that_dies(
    kind: Kind,
    tmp_path: Path,
) -> None:
    out, into = os.pipe()
    holder = fork(lambda: hold(kind, tmp_path / "db", into))
    assert os.read(out, 10) == b"open"
    with pytest.raises(LockedError, match=str(holder)) as caught:
        kind.open(tmp_path / "db")
    assert caught.value.pid == holder
    with kind.open(tmp_path / "db", read_only=True) as reader:
        assert reader[b"k"] == b"held"
    os.kill(holder, signal.SIGKILL)
    assert wait_for(holder) == -signal.SIGKILL
    os.close(out)
    os.close(into)
    with kind.open(tmp_path / "db") as db:
        assert db[b"k"] == b"held"


def test_one_process_opens_a_store_once_whatever_its_name(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db") as db:
        (tmp_path / "link").symlink_to("db")
        others = [tmp_path / "link", tmp_path / "db" / ".." / "db", Path(os.path.relpath(db.path))]
        for other in others:
            with pytest.raises(LockedError, match="this process"):
                kind.open(other)
        db[b"k"] = b"v"
    with kind.open(tmp_path / "link") as db:
        assert db[b"k"] == b"v"


def test_many_processes_open_at_once_and_one_gets_it(kind: Kind, tmp_path: Path) -> None:
    out, into = os.pipe()
    start = time.monotonic() + 0.5

    def work() -> None:
        time.sleep(max(start - time.monotonic(), 0))
        try:
            db = kind.open(tmp_path / "db")
        except LockedError:
            os.write(into, b"L")
            return
        os.write(into, b"O")
        time.sleep(1)
        db.close()

    children = [fork(work) for _ in range(8)]
    assert [wait_for(child) for child in children] == [0] * 8
    assert sorted(os.read(out, 100)) == sorted(b"L" * 7 + b"O")
    os.close(out)
    os.close(into)


def test_a_reader_shows_the_state_at_its_open_beside_a_busy_writer(
    kind: Kind, tmp_path: Path
) -> None:
    options = {**kind.small, "space_amplification_max": 1.1}
    with kind.open(tmp_path / "db", **options) as db:
        for round_ in range(30):
            rows = {b"%03d" % i: b"%d " % round_ * 50 for i in range(300)}
            db.update(rows)
            with kind.open(tmp_path / "db", read_only=True) as reader:
                db.update(dict.fromkeys(rows, b"later" * 50))
                db.compact()
                assert dict(reader.items()) == rows
                assert reader.get_many(list(rows)) == list(rows.values())


# ---- moved and removed ----


def test_a_store_that_is_renamed_while_open_stays_one_store(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db", **kind.small) as db:
        db.update({b"%d" % i: b"v" * 100 for i in range(1_000)})
        (tmp_path / "db").rename(tmp_path / "moved")
        db.update({b"%d" % i: b"w" * 100 for i in range(2_000)})
        db.compact()
        assert not (tmp_path / "db").exists()
        with pytest.raises(LockedError):
            kind.open(tmp_path / "moved")
        with kind.open(tmp_path / "db") as other:
            assert len(other) == 0
    with kind.open(tmp_path / "moved") as db:
        assert dict(db.items()) == {b"%d" % i: b"w" * 100 for i in range(2_000)}


def test_a_store_whose_directory_is_removed_says_so_and_harms_nobody(
    kind: Kind, tmp_path: Path
) -> None:
    db = kind.open(tmp_path / "db", **kind.small)
    db[b"k"] = b"v"
    while (tmp_path / "db").exists():
        # A background thread may put a file into it meanwhile.
        shutil.rmtree(tmp_path / "db", ignore_errors=True)
    with kind.open(tmp_path / "db") as other:
        other[b"k"] = b"other"
        with pytest.raises(OSError, match=r"/db"):
            db.put_many((b"%d" % number, bytes(1_000)) for number in range(100_000))
        with contextlib.suppress(OSError):
            db.close()
        assert db.closed
        assert dict(other.items()) == {b"k": b"other"}


# ---- locks ----


def test_a_lock_is_free_soon_after_its_holder_was_killed(kind: Kind, tmp_path: Path) -> None:
    out, into = os.pipe()
    holder = fork(lambda: hold(kind, tmp_path / "db", into))
    assert os.read(out, 10) == b"open"
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: can_open(kind, tmp_path / "db"))
    wait_for(holder)
    os.close(out)
    os.close(into)


def can_open(kind: Kind, path: Path) -> bool:
    try:
        kind.open(path).close()
    except LockedError:
        return False
    return True
