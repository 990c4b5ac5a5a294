"""Checkpoints and links beside each other."""

import errno
from pathlib import Path

import pytest

import pykv
from benches.checkpoints import checkpoint_ms, link_all


def test_the_raw_way_of_a_checkpoint_gives_every_file_a_second_name(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "a").write_bytes(b"1")
    link_all(source, target)
    assert (target / "a").samefile(source / "a")
    with pytest.raises(FileExistsError) as raised:
        link_all(source, target)
    assert raised.value.errno == errno.EEXIST


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_both_ways_are_timed_and_leave_nothing(tmp_path: Path, engine: str) -> None:
    with pykv.open(tmp_path / "store", engine=engine) as db:
        db.put_many((b"%d" % number, b"v") for number in range(100))
        ours, raw = checkpoint_ms(db, tmp_path / "store", tmp_path)
        assert ours > 0
        assert raw > 0
        assert len(db) == 100
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
