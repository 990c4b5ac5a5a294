"""The exception tree: bases, attributes, texts, pickling."""

import copy
import inspect
import pickle
from pathlib import Path

import pytest

from pykv import errors
from pykv.errors import Damage, Error

CLASSES = sorted(
    (
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, Error)
    ),
    key=lambda cls: cls.__name__,
)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_takes_a_message_and_a_path(cls: type[Error]) -> None:
    error = cls("what happened", path=Path("data"))
    assert error.path == Path("data")
    assert str(error).startswith("what happened")
    assert cls().path is None


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_described_in_one_sentence(cls: type[Error]) -> None:
    text = inspect.getdoc(cls)
    assert text is not None
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls.hint])
def test_the_hint_follows_the_message(cls: type[Error]) -> None:
    assert str(cls("it broke")) == f"it broke. {cls.hint}"
    assert str(cls()) == cls.hint
    assert cls.hint.endswith(".")


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_survives_pickle_and_copy(cls: type[Error]) -> None:
    error = cls("what happened", path=Path("data"))
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is cls
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.ClosedError, ValueError),
        (errors.IOFailedError, OSError),
        (errors.NoSpaceError, errors.IOFailedError),
        (errors.InvalidOptionError, ValueError),
        (errors.KeyTooLargeError, ValueError),
        (errors.ValueTooLargeError, ValueError),
        (errors.BatchTooLargeError, ValueError),
        (errors.NotSupportedError, NotImplementedError),
    ],
)
def test_errors_are_also_what_python_calls_them(cls: type[Error], base: type) -> None:
    assert issubclass(cls, base)


def test_corruption_carries_its_damages() -> None:
    damage = Damage(Path("data/000001.log"), 4096, "header checksum", expected=1, got=2)
    error = errors.CorruptionError("bad record", damages=[damage])
    assert error.damages == (damage,)
    assert pickle.loads(pickle.dumps(error)).damages == (damage,)


def test_a_damage_reads_as_where_and_what() -> None:
    damage = Damage(Path("data/000001.log"), 4096, "header checksum", expected=1, got=2)
    assert str(damage) == "data/000001.log at byte 4096: header checksum (expected 1, got 2)"
    assert str(Damage(None, 0, "rows out of order")) == "memory at byte 0: rows out of order"


def test_locked_carries_path_and_process() -> None:
    error = errors.LockedError("held", path=Path("data"), pid=42)
    assert (error.path, error.pid) == (Path("data"), 42)


def test_io_failure_carries_what_the_system_said() -> None:
    error = errors.NoSpaceError("write failed", path=Path("data/000001.log"), errno=28)
    assert (error.errno, error.strerror, error.filename) == (28, "write failed", "data/000001.log")
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.errno, twin.filename) == (28, "data/000001.log")
    assert errors.IOFailedError("write failed").errno is None
