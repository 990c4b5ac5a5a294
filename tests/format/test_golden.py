"""Databases that earlier versions wrote open, hold what they held, and can be written on.

They stand in tests/format/golden/, as write_golden.py made them, and never change.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.format.decode_manifest import decode_manifest
from tests.format.golden_text import Golden, decode, encode, of_store
from tests.format.lsm_files import named_rows, read_lsm
from tests.format.write_golden import FAR_US, PLACE

import pykv

VERSIONS = sorted(each for each in PLACE.iterdir() if each.is_dir())
STORES = [
    each for place in VERSIONS for each in sorted(place.iterdir()) if (each / "MANIFEST").exists()
]
LSM_STORES = [each for each in STORES if (each / "LSM").exists()]
BACKUPS = [each for place in VERSIONS for each in sorted(place.glob("backups.*.txt"))]


def name_of(path: Path) -> str:
    """The version, and what it wrote."""
    return f"{path.parent.name}/{path.name}"


def bytes_of(path: Path) -> dict[str, bytes]:
    """Every file of a directory."""
    return {
        each.relative_to(path).as_posix(): each.read_bytes()
        for each in sorted(path.rglob("*"))
        if each.is_file()
    }


def expected(path: Path) -> Golden:
    """What the text beside a store says."""
    return decode(path.with_name(f"{path.name}.txt"))


def check(db: pykv.Store, golden: Golden, *, feed: bool = True) -> None:
    """Rows, dates, namespaces, sequences, changes and pins, and that nothing is damaged."""
    found = of_store(db, feed=feed)
    assert found.rows == golden.rows
    assert found == (golden if feed else replace(golden, history_floor=0, changes=[]))
    assert all(db.get(key) == value for key, (_, value) in golden.rows[None].items())
    assert db.verify().ok


def check_opening(db: pykv.Store, path: Path) -> None:
    """That what is only there to make an open fast was of use; a store reads on without it."""
    stats = db.stats()
    assert stats["clean_open"] == (not path.name.endswith("-killed"))
    assert stats.get("recovered_from_image", False) == (path / "KEYDIR").exists()


@pytest.mark.parametrize("path", STORES, ids=name_of)
def test_a_store_of_an_earlier_version_is_read_where_it_stands(path: Path) -> None:
    before = bytes_of(path)
    with pykv.open(path, read_only=True) as db:
        check(db, expected(path), feed=False)
        check_opening(db, path)
    assert bytes_of(path) == before


@pytest.mark.parametrize("path", STORES, ids=name_of)
def test_a_store_of_an_earlier_version_is_opened_and_written_on(path: Path, tmp_path: Path) -> None:
    golden = expected(path)
    shutil.copytree(path, tmp_path / "db")
    with pykv.open(tmp_path / "db") as db:
        check(db, golden)
        check_opening(db, path)
        db.put(b"new", b"value")
        assert db.last_seq > golden.last_seq
        db.compact()
        golden.rows[None][b"new"] = 0, b"value"
        assert of_store(db).rows == golden.rows
    with pykv.open(tmp_path / "db", read_only=True) as db:
        assert of_store(db, feed=False).rows == golden.rows
        assert db.verify().ok


@pytest.mark.parametrize("path", LSM_STORES, ids=name_of)
def test_the_pages_tell_the_rows_of_an_lsm_store(path: Path) -> None:
    """By the readers written from them, and with the sequence that the change feed has."""
    golden = expected(path)
    files = read_lsm(path)
    found = named_rows(files)
    assert {
        name: {key: (row.deadline, row.value) for key, row in rows.items()}
        for name, rows in found.items()
    } == golden.rows
    puts = [each for each in golden.changes if each[1:3] == ("put", None)]
    last = {key: sequence for sequence, _, _, key, _ in puts}
    sequences = {key: row.sequence for key, row in found[None].items()}
    assert sequences == {key: last[key] for key in golden.rows[None]}


@pytest.mark.parametrize("text", BACKUPS, ids=name_of)
def test_a_backup_of_an_earlier_version_is_restored(text: Path, tmp_path: Path) -> None:
    golden = decode(text)
    number = int(text.suffixes[-2][1:])
    shutil.copytree(text.parent / "backups", tmp_path / "backups")
    assert number in [each.version for each in pykv.backups(tmp_path / "backups")]
    assert pykv.verify_backup(tmp_path / "backups", number).ok
    pykv.restore(tmp_path / "backups", tmp_path / "db", number)
    with pykv.open(tmp_path / "db") as db:
        found = of_store(db)
        assert (found.rows, found.last_seq) == (golden.rows, golden.last_seq)
        assert db.verify().ok
        assert isinstance(db, pykv.DiskStore)
        db.backup(tmp_path / "backups")
    assert bytes_of(text.parent / "backups").items() <= bytes_of(tmp_path / "backups").items()


@pytest.mark.parametrize("place", VERSIONS, ids=lambda place: place.name)
def test_the_databases_have_a_file_of_every_kind(place: Path) -> None:
    """So that the tests above say something about each."""
    killed = read_lsm(place / "lsm-killed")
    assert len({entry["level"] for entry in killed.manifest.tables}) == 2
    assert killed.manifest.ranges
    assert killed.manifest.pins
    assert killed.manifest.values
    assert len(killed.tail()) >= 5
    assert not killed.manifest.numbers["clean"]
    assert (place / "bitcask" / "KEYDIR").exists()
    for name in ("bitcask", "bitcask-killed", "bitcask-names", "bitcask-names-killed"):
        manifest = decode_manifest((place / name / "MANIFEST").read_bytes())
        assert manifest.numbers["clean"] == (not name.endswith("killed"))
        assert {entry["kind"] for entry in manifest.entries} == {1, 2}
        assert list((place / name).glob("*.hint"))
    assert expected(place / "bitcask").rows[None][b"dated"][0] == FAR_US


def test_the_text_of_a_database_comes_back(tmp_path: Path) -> None:
    """Whatever the bytes: empty, a dash, a space, and those that mean something in the text."""
    golden = Golden(7, 3, {"pin": 1}, {None: {b"": (0, b"-"), b"a b%": (1, b"")}, "n": {}})
    golden.changes = [(1, "put", 5, b"''", b""), (2, "clear", None, b"", None)]
    (tmp_path / "text").write_text(encode(golden), "ascii")
    assert decode(tmp_path / "text") == golden
