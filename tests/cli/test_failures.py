"""Every exception ends in one line and one exit code."""

import errno
from pathlib import Path

import click
import pytest

from pykv import errors
from pykv.cli.coding import CodingError
from pykv.cli.failures import Exit, Failure, failure_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CorruptionError("broken"), Exit.CORRUPTION),
        (errors.KeyTooLargeError("long"), Exit.USAGE),
        (errors.NotSupportedError("no order"), Exit.USAGE),
        (errors.InvalidOptionError("no engine 'x'"), Exit.USAGE),
        (CodingError("not hex"), Exit.USAGE),
        (click.BadParameter("bad"), Exit.USAGE),
        (errors.FormatError("newer"), Exit.FAILED),
        (errors.LockedError("held", pid=7), Exit.FAILED),
        (errors.NoSpaceError("full"), Exit.FAILED),
        (PermissionError(errno.EACCES, "no", "/x"), Exit.FAILED),
        (MemoryError(), Exit.FAILED),
        (ZeroDivisionError("a fault"), Exit.FAILED),
    ],
)
def test_an_exception_has_its_exit_code(error: Exception, code: Exit) -> None:
    failure = failure_of(error)
    assert failure.code == code
    assert failure.message
    assert "\n" not in failure.message


def test_the_message_says_what_to_do() -> None:
    held = failure_of(errors.LockedError("/x: held", pid=7)).message
    assert held == "/x: held (process 7). Stop the process that has it open, or wait for it."
    assert "(process 7)" not in failure_of(errors.LockedError("held by process 7", pid=7)).message
    missing = FileNotFoundError(errno.ENOENT, "No such file", "/x")
    assert failure_of(missing).message == "/x: No such file. Check the path."
    assert "Free some space" in failure_of(errors.NoSpaceError("full")).message
    assert "report" in failure_of(ZeroDivisionError("a fault")).message
    assert "read_only" not in failure_of(errors.ReadOnlyError("/x: read-only")).message


def test_a_message_is_put_on_one_line() -> None:
    assert Failure("two\nlines  and\tspace").message == "two lines and space"


def test_a_failure_is_taken_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure("this went wrong", Exit.NOT_FOUND)
    assert failure_of(failure) is failure
    failure.show()
    assert capsys.readouterr().err == "pykv: this went wrong\n"


def test_every_error_of_pykv_is_known(tmp_path: Path) -> None:
    """None of them is reported as a fault of the program."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    kinds = [each for each in kinds if issubclass(each, errors.Error)]
    assert len(kinds) > 15
    for kind in kinds:
        assert "fault of pykv" not in failure_of(kind("text", path=tmp_path)).message
