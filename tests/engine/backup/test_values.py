"""Backups of a store whose large values stand in value segments."""

from pathlib import Path
from typing import Any

import pytest

import pykv
from tests.engine.backup.backup_places import restored

VALUE_BYTES = 2_000
OPTIONS: dict[str, Any] = {
    "engine": "lsm",
    "value_log_bytes_min": 1_000,
    "compression": "none",
    "background_threads": 0,
}
Rows = dict[bytes, bytes]


def rows_of(first: int, last: int) -> Rows:
    """Rows whose values depend on both numbers."""
    return {
        b"%05d" % each: b"%04d%04d" % (each, last) * (VALUE_BYTES // 8)
        for each in range(first, last)
    }


def segments(repository: Path) -> list[Path]:
    return sorted((repository / "files").glob("*.val"))


def test_value_segments_are_copied_once_and_restored_with_both_versions(
    tmp_path: Path, repository: Path
) -> None:
    first, second = rows_of(0, 300), rows_of(200, 500)
    with pykv.open(tmp_path / "db", **OPTIONS) as db:
        db.update(first)
        db.backup(repository)
        copied = segments(repository)
        written = [path.stat().st_mtime_ns for path in copied]
        copied_bytes = sum(path.stat().st_size for path in copied)
        assert copied_bytes > len(first) * VALUE_BYTES
        db.update(second)
        version = db.backup(repository)
        assert len(list((tmp_path / "db").glob("*.val"))) == len(segments(repository))
    assert [path.stat().st_mtime_ns for path in copied] == written
    assert len(segments(repository)) > len(copied)
    assert version.byte_count - copied_bytes >= version.new_byte_count > len(second) * VALUE_BYTES
    assert pykv.verify_backup(repository).ok
    assert restored(repository, tmp_path / "1", 1) == first
    assert restored(repository, tmp_path / "2", 2) == first | second


@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_a_flipped_byte_of_a_value_segment_is_found_and_never_restored(
    tmp_path: Path, repository: Path, place: float
) -> None:
    with pykv.open(tmp_path / "db", **OPTIONS) as db:
        db.update(rows_of(0, 100))
        db.backup(repository)
    segment = segments(repository)[0]
    data = bytearray(segment.read_bytes())
    data[int(len(data) * place)] ^= 1
    segment.write_bytes(data)
    assert [each.path for each in pykv.verify_backup(repository).damages] == [segment]
    with pytest.raises(pykv.CorruptionError, match=segment.name):
        pykv.restore(repository, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
