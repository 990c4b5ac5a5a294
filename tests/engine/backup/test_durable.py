"""Files that are there as a whole, and errors of the system in our words."""

import errno
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import pykv
from pykv.engine.backup.durable import (
    CHUNK_BYTES,
    check_of,
    copy_synced,
    crc32c,
    make_directory,
    told_as_ours,
    write_whole,
)
from tests.crash.processes import in_child


def test_a_copy_tells_its_length_and_check(tmp_path: Path) -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 128)
    (tmp_path / "one").write_bytes(data)
    told: list[int] = []
    assert copy_synced(tmp_path / "one", tmp_path / "two", told.append) == (len(data), crc32c(data))
    assert (tmp_path / "two").read_bytes() == data
    assert sum(told) == len(data)
    assert check_of(tmp_path / "two", told.append) == (len(data), crc32c(data))
    with pytest.raises(FileExistsError):
        copy_synced(tmp_path / "one", tmp_path / "two", told.append)


def test_the_check_is_that_of_the_formats() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"56789", crc32c(b"1234")) == 0xE3069283


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for data in (b"long text", b"short"):
        write_whole(tmp_path / "file", data)
        assert (tmp_path / "file").read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def short_of_room(work: Callable[[], object]) -> int:
    """Whether a child fails with an error of ours that names the file, whose disk is nearly full:
    the system takes a part of what is written."""

    def attempt() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with pytest.raises(pykv.NoSpaceError, match="file: ") as raised, told_as_ours():
            work()
        assert raised.value.path is not None
        assert raised.value.path.name == "file"

    return in_child(attempt)


def test_what_is_written_in_part_is_no_file(tmp_path: Path) -> None:
    # A backup reported success once, whose version had half of its list.
    write_whole(tmp_path / "file", b"before")
    assert short_of_room(lambda: write_whole(tmp_path / "file", bytes(250))) == 0
    assert (tmp_path / "file").read_bytes() == b"before"


def test_a_copy_in_part_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(250))
    assert short_of_room(lambda: copy_synced(tmp_path / "one", tmp_path / "file", str)) == 0


def test_a_directory_must_be_new(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, pykv.NoSpaceError),
        (errno.EDQUOT, pykv.NoSpaceError),
        (errno.EIO, pykv.IOFailedError),
        (errno.EACCES, PermissionError),
        (errno.ENOENT, FileNotFoundError),
    ],
)
def test_the_system_is_told_in_our_words(number: int, kind: type[OSError]) -> None:
    with pytest.raises(kind) as caught, told_as_ours():
        raise OSError(number, os.strerror(number), "place")
    assert caught.value.errno == number
    assert caught.value.filename == "place"
