"""Locks of files, and what a forked child has of them."""

import os
import signal
import time
from pathlib import Path

import pytest

from pykv.engine.file_lock import FileLock
from tests.crash.processes import fork, in_child, wait_for


def is_free(path: Path) -> bool:
    try:
        FileLock(path).release()
    except BlockingIOError:
        return False
    return True


def test_one_holds_it_until_it_is_released(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    lock.write(b"text")
    assert not is_free(tmp_path / "lock")
    lock.release()
    lock.release()
    assert is_free(tmp_path / "lock")
    assert (tmp_path / "lock").read_bytes() == b"text"


def test_those_that_share_it_keep_others_away(tmp_path: Path) -> None:
    locks = [FileLock(tmp_path / "lock", shared=True) for _ in range(2)]
    assert not is_free(tmp_path / "lock")
    for lock in locks:
        lock.release()
    assert is_free(tmp_path / "lock")


def test_an_attempt_leaves_no_file_open(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(BlockingIOError):
        FileLock(tmp_path / "lock")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    lock.release()


@pytest.mark.parametrize("releases", [True, False])
def test_a_child_that_lives_on_does_not_hold_it(tmp_path: Path, releases: bool) -> None:
    lock = FileLock(tmp_path / "lock")
    child = fork(lambda: time.sleep(60))
    try:
        if releases:
            lock.release()
        else:
            os.close(lock._descriptor)  # as the death of the process does
            lock._descriptor = -1
            time.sleep(0.2)
        assert is_free(tmp_path / "lock")
    finally:
        os.kill(child, signal.SIGKILL)
        wait_for(child)


def test_a_child_releases_nothing_of_its_parent(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert in_child(lock.release) == 0
    assert not is_free(tmp_path / "lock")
    lock.release()
