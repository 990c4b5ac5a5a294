"""The mark of a conversion is read as it was written, and refused where it was not."""

from pathlib import Path

import pytest

import pykv
from pykv.engine.convert.mark import Mark, Place

MARK = Mark("lsm", "/some/where", {"store_id": 7}, 12, b"\xff\x00", "users", False)


def test_a_mark_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = Place(tmp_path / "db")
    assert place.read() is None
    place.make(MARK)
    assert place.read() == MARK


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2, "last_key": null}', "\xff"])
def test_a_mark_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    place = Place(tmp_path / "db")
    place.make(MARK)
    (place.work / "MARK").write_text(text, encoding="latin-1")
    with pytest.raises(pykv.FormatError, match="MARK is no mark of a conversion"):
        place.read()


def test_a_conversion_is_made_where_nothing_is_or_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    Place(tmp_path / "empty").make(MARK)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(FileExistsError):
        Place(tmp_path / "full").make(MARK)
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["mine"]


def test_finishing_moves_everything_but_the_lock_and_may_be_repeated(tmp_path: Path) -> None:
    place = Place(tmp_path / "db")
    place.make(MARK)
    place.data.mkdir()
    for name in ("LOCK", "MANIFEST", "00000001.log"):
        (place.data / name).write_text(name, encoding="ascii")
    (place.data / "00000001.log").replace(place.path / "00000001.log")
    place.finish(MARK)
    assert sorted(each.name for each in place.path.iterdir()) == ["00000001.log", "MANIFEST"]


def test_taking_back_leaves_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path / "db")
    place.make(MARK)
    place.take_back()
    assert not place.path.exists()


def test_a_directory_that_cannot_go_hides_no_failure(tmp_path: Path) -> None:
    """Where the target had been opened once, its lock stayed, and OSError took the place of what
    had ended the conversion."""
    place = Place(tmp_path / "db")
    place.path.mkdir()
    (place.path / "LOCK").touch()
    place.make(MARK)
    place.take_back()
    assert [each.name for each in place.path.iterdir()] == ["LOCK"]
    place.make(MARK)
    assert place.read() == MARK
