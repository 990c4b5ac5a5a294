"""The Bitcask store with a wrong byte on disk: reading, verifying, repairing, destroying."""

from pathlib import Path

import pytest

import pykv
from pykv.errors import CorruptionError, FormatError
from tests.engine.bitcask_files import Make, segments
from tests.engine.store_files import rows


def damaged(path: Path, make: Make) -> tuple[Path, int]:
    """A closed store with one wrong byte in the middle of its only file of records."""
    with make() as db:
        db.update(rows(2_000))
    (file,) = segments(path)[:1]
    (file,) = [each for each in segments(path) if b"key 001000" in each.read_bytes()]
    data = bytearray(file.read_bytes())
    place = data.index(rows(2_000)[b"key 001000"])
    data[place] ^= 1
    file.write_bytes(data)
    return file, place


def test_a_wrong_byte_is_an_error_that_names_the_place(path: Path, make: Make) -> None:
    file, place = damaged(path, make)
    db = make(read_only=True)
    with pytest.raises(CorruptionError, match="pykv repair") as caught:
        db.get(b"key 001000")
    (damage,) = caught.value.damages
    assert damage.path == file
    assert abs(damage.offset - place) < 200
    assert db.get(b"key 000999") == rows(2_000)[b"key 000999"]


def test_verify_lists_a_wrong_byte_and_does_not_raise(path: Path, make: Make) -> None:
    file, place = damaged(path, make)
    report = make(read_only=True).verify()
    assert not report.ok
    assert report.damage_count == len(report.damages) >= 1
    assert report.damages[0].path == file
    assert abs(report.damages[0].offset - place) < 200


def test_repair_saves_every_other_record(path: Path, make: Make) -> None:
    damaged(path, make)
    report = pykv.repair(path)
    assert report.kept_record_count == 1_999
    expected = rows(2_000)
    del expected[b"key 001000"]
    db = make()
    assert dict(db.items()) == expected
    assert db.verify().ok


def test_there_is_nothing_to_repair_or_destroy_elsewhere(tmp_path: Path) -> None:
    for call in (pykv.repair, pykv.destroy):
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "absent")
        with pytest.raises(FormatError):
            call(tmp_path)
