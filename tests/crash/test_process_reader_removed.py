"""A directory that is removed whole under open readers: named errors, old rows, and no leak."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.crash.processes import in_child
from tests.engine.native_kinds import Kind

from pykv.errors import ClosedError, IOFailedError, ReplacedError

ROWS = {b"%04d" % number: b"%04d" % number * 100 for number in range(2_000)}
REFRESHES = 200


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture(params=["flushed", "in the log"])
def path(request: pytest.FixtureRequest, kind: Kind, tmp_path: Path) -> Path:
    """A closed store, or one whose writer died with rows in the log."""

    def write() -> None:
        db = kind.open(tmp_path / "db", **kind.small)
        db.update(ROWS)
        db.namespace("space", create=True).put(b"k", b"v")
        if request.param == "flushed":
            db.close()
        os._exit(0)

    assert in_child(write) == 0
    return tmp_path / "db"


@pytest.fixture
def reader(kind: Kind, path: Path) -> Iterator[Any]:
    """A reader of a directory that is gone."""
    with kind.open(path, read_only=True) as db:
        assert len(dict(db.items())) == len(ROWS)
        subprocess.run(["rm", "-rf", str(path)], check=True)
        yield db


def refresh(db: Any) -> None:
    """What a refresh says where nothing is left."""
    with pytest.raises(ReplacedError) as caught:
        db.refresh()
    assert caught.value.path == db.path
    assert str(db.path) in str(caught.value)


def test_what_was_shown_can_still_be_read(reader: Any) -> None:
    last = reader.last_seq
    with reader.snapshot() as kept:
        for _ in range(3):
            refresh(reader)
            assert reader.last_seq == last
            assert dict(reader.items()) == dict(kept.items()) == ROWS
            assert reader.get_many(list(ROWS)) == list(ROWS.values())
            assert bytes(reader.get_view(b"0007")) == ROWS[b"0007"]
            assert reader.namespace("space")[b"k"] == b"v"
    assert reader.state == "read-only"


def test_what_needs_the_files_names_them_or_works(reader: Any) -> None:
    """A verification opens files again."""
    failure = None
    try:
        report = reader.verify()
        assert report.ok or all(reader.path in each.path.parents for each in report.damages)
    except (IOFailedError, FileNotFoundError, ReplacedError) as error:
        failure = error
    assert failure is None or str(reader.path) in str(failure)
    assert reader.stats()["state"] == "read-only"
    reader.close()
    with pytest.raises(ClosedError):
        reader.refresh()


def test_many_refreshes_keep_neither_memory_nor_descriptors(reader: Any) -> None:
    for _ in range(20):
        refresh(reader)
    files, memory = descriptors(), resident_bytes()
    for _ in range(REFRESHES):
        refresh(reader)
    assert descriptors() == files
    assert resident_bytes() - memory < 1 << 20
    assert reader.get_many(list(ROWS)) == list(ROWS.values())


def test_another_database_in_its_place_is_not_shown(kind: Kind, reader: Any) -> None:
    with kind.open(reader.path) as other:
        other[b"other"] = b"v"
        for _ in range(3):
            refresh(reader)
        assert b"other" not in reader
        assert dict(reader.items()) == ROWS
        with kind.open(reader.path, read_only=True) as fresh:
            assert list(fresh) == [b"other"]


def test_one_that_is_removed_while_it_is_opened_again_and_again_leaks_nothing(
    kind: Kind, path: Path
) -> None:
    """Openings fail by name from then on."""
    for _ in range(5):
        kind.open(path, read_only=True).close()
    subprocess.run(["rm", "-rf", str(path)], check=True)
    files = descriptors()
    for _ in range(REFRESHES):
        with pytest.raises(FileNotFoundError):
            kind.open(path, read_only=True)
    assert descriptors() == files
    assert not path.exists()
