"""The namespace of the quickstart goes in one step with its space, and one that stays is found."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import pykv
from pykv.cli.quickstart_contents import Contents, DifferenceError, Expected
from pykv.cli.quickstart_namespace import Dropped, fill_and_drop

ROWS = {b"%d" % number: random.Random(number).randbytes(1_000) for number in range(200)}
EXPECTED = Expected({key: Contents.of(value) for key, value in ROWS.items()})


@pytest.fixture(params=["bitcask", "lsm"])
def db(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[pykv.Store]:
    path = tmp_path / "store"
    with pykv.open(path, engine=request.param, background_threads=0) as opened:
        if not pykv.supports(opened, "namespaces"):
            pytest.skip(f"{request.param} has no namespaces")
        opened.update(ROWS)
        opened.flush()
        yield opened


def test_a_drop_is_told_with_its_time_and_its_space() -> None:
    told = Dropped(key_count=2_000, seconds=0.0004, bytes_before=35_200, bytes_after=17_700)
    assert told.text() == "a namespace of 2,000 keys in 0.4 ms: 35.2 kB on disk to 17.7 kB"


def test_the_space_of_a_namespace_comes_back(db: pykv.Store) -> None:
    dropped = fill_and_drop(db, EXPECTED)
    assert dropped.key_count == 200
    assert dropped.bytes_before - dropped.bytes_after > 180_000
    assert db.namespaces() == []
    assert dict(db.items()) == ROWS


def test_a_namespace_that_stays_is_found(db: pykv.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(db), "drop_namespace", lambda self, name: None)
    with pytest.raises(DifferenceError, match="is there after its drop"):
        fill_and_drop(db, EXPECTED)


def test_space_that_stays_is_found(db: pykv.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(db), "compact", lambda self: None)
    with pytest.raises(DifferenceError, match="kB of the namespace did not come back"):
        fill_and_drop(db, EXPECTED)


def test_a_copy_that_is_not_one_is_found(db: pykv.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.namespace("copy", create=True) as copy:
        copy.put(b"from before", b"")
    with pytest.raises(DifferenceError, match="b'from before' should not be there"):
        fill_and_drop(db, EXPECTED)
