"""Statuses of the core as exceptions: one for each, with its detail."""

import errno
from pathlib import Path
from typing import Any

import pytest

from pykv import errors
from pykv._native import Handle, ffi, lib, status

EXPECTED: dict[str, type[Exception]] = {
    "PYKV_NOT_FOUND": KeyError,
    "PYKV_WOULD_BLOCK": errors.InternalError,
    "PYKV_TIMED_OUT": TimeoutError,
    "PYKV_INVALID_ARGUMENT": errors.InvalidOptionError,
    "PYKV_KEY_TOO_LARGE": errors.KeyTooLargeError,
    "PYKV_VALUE_TOO_LARGE": errors.ValueTooLargeError,
    "PYKV_BATCH_TOO_LARGE": errors.BatchTooLargeError,
    "PYKV_CORRUPTION": errors.CorruptionError,
    "PYKV_LOCKED": errors.LockedError,
    "PYKV_READ_ONLY": errors.ReadOnlyError,
    "PYKV_REPLACED": errors.ReplacedError,
    "PYKV_CLOSED": errors.ClosedError,
    "PYKV_FORKED": errors.ForkedError,
    "PYKV_IO_FAILED": errors.IOFailedError,
    "PYKV_NO_SPACE": errors.NoSpaceError,
    "PYKV_STORE_FAILED": errors.StoreFailedError,
    "PYKV_COMMIT_UNKNOWN": errors.CommitUnknownError,
    "PYKV_FORMAT": errors.FormatError,
    "PYKV_NOT_SUPPORTED": errors.NotSupportedError,
    "PYKV_NO_MEMORY": MemoryError,
    "PYKV_INTERNAL": errors.InternalError,
    "PYKV_PATH_NOT_FOUND": FileNotFoundError,
    "PYKV_PATH_EXISTS": FileExistsError,
    "PYKV_NO_PERMISSION": PermissionError,
    "PYKV_NOT_A_DIRECTORY": NotADirectoryError,
    "PYKV_HISTORY_GONE": errors.HistoryGoneError,
    "PYKV_SNAPSHOT_GONE": errors.SnapshotGoneError,
}


class Failures:
    """A library whose last error is what a test says it is."""

    def __init__(self, **fields: object) -> None:
        self.error: Any = ffi.new("pykv_error *", fields)

    def __getattr__(self, name: str) -> Any:
        return getattr(lib, name)

    def pykv_last_error(self) -> Any:
        """As the function of the core."""
        return self.error


@pytest.fixture
def failure(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the exception of a status with fields of pykv_error."""

    def make(number: int, **fields: object) -> Exception:
        monkeypatch.setattr(status, "lib", Failures(**fields))
        return status.error_of(number)

    return make


def test_every_status_of_the_header_is_expected_here() -> None:
    names = set(ffi.typeof("pykv_status").elements.values())
    assert names == {"PYKV_OK", *EXPECTED}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_status_is_an_exception_with_the_words_of_the_core(failure: Any, name: str) -> None:
    error = failure(getattr(lib, name), text=b"the words")
    assert type(error) is EXPECTED[name]
    assert "the words" in str(error)


def test_an_unknown_status_is_an_internal_error(failure: Any) -> None:
    error = failure(999, text=b"the words")
    assert type(error) is errors.InternalError
    assert "999" in str(error)


def test_a_failure_without_words_has_the_name_of_its_status(failure: Any) -> None:
    assert "corruption" in str(failure(lib.PYKV_CORRUPTION))


def test_check_raises_for_everything_but_success() -> None:
    status.check(lib.PYKV_OK)
    with pytest.raises(errors.ClosedError):
        status.check(lib.PYKV_CLOSED)


def test_corruption_carries_the_damage(failure: Any) -> None:
    error = failure(
        lib.PYKV_CORRUPTION,
        text=b"/d/x: the check of a record is wrong",
        path=b"/d/x",
        offset=4096,
        expected=7,
        got=9,
    )
    assert error.path == Path("/d/x")
    (damage,) = error.damages
    assert damage == errors.Damage(Path("/d/x"), 4096, "the check of a record is wrong", 7, 9)


@pytest.mark.parametrize(("owner", "pid"), [(0, None), (4711, 4711)])
def test_a_lock_names_its_owner(failure: Any, owner: int, pid: int | None) -> None:
    error = failure(lib.PYKV_LOCKED, text=b"held", path=b"/d", owner_pid=owner)
    assert (error.path, error.pid) == (Path("/d"), pid)


def test_failed_input_and_output_carry_errno(failure: Any) -> None:
    error = failure(lib.PYKV_IO_FAILED, text=b"x", path=b"/d/x", system_errno=errno.EIO)
    assert (error.errno, error.filename) == (errno.EIO, "/d/x")
    assert failure(lib.PYKV_IO_FAILED, text=b"x").errno is None
    assert failure(lib.PYKV_NO_SPACE, text=b"x", system_errno=errno.EDQUOT).errno == errno.EDQUOT
    assert failure(lib.PYKV_NO_SPACE, text=b"x").errno == errno.ENOSPC


def test_trouble_with_a_path_reads_like_python_s_own(failure: Any) -> None:
    error = failure(
        lib.PYKV_PATH_NOT_FOUND,
        text=b"/d: cannot open: No such file or directory (errno 2)",
        path=b"/d",
        system_errno=errno.ENOENT,
    )
    assert str(error) == "[Errno 2] cannot open: No such file or directory: '/d'"
    assert (error.errno, error.filename) == (errno.ENOENT, "/d")


def test_a_path_of_any_bytes_survives(failure: Any) -> None:
    error = failure(lib.PYKV_LOCKED, text=b"/\xff is held", path=b"/\xff")
    assert bytes(error.path) == b"/\xff"


def test_real_paths_in_real_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError) as missing:
        Handle(tmp_path / "absent", {"must_exist": 1})
    assert missing.value.filename == str(tmp_path / "absent")
    with pytest.raises(NotADirectoryError) as file:
        Handle(tmp_path / "file", {})
    assert file.value.filename == str(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        Handle(tmp_path / "file" / "below", {})
    with pytest.raises(errors.InvalidOptionError, match="segment_bytes"):
        Handle(tmp_path / "db", {"segment_bytes": 1})
    with pytest.raises(OSError, match="name too long"):
        Handle(tmp_path / ("n" * 300), {})
