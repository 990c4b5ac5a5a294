"""Stores with damage on disk, on both engines: reading, verifying, repairing, destroying."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

import pykv
from pykv.errors import CorruptionError, FormatError
from tests.engine.damage import (
    DAMAGES,
    Written,
    cut,
    damage_copy,
    files_of,
    flip,
    options_of,
    remove,
    use,
    write,
    zero,
)
from tests.engine.native_kinds import KINDS, Kind
from tests.engine.store_files import rows

PLACE_BYTES = 8_192  # of a block that is damaged as a whole
Damage = Callable[..., bytes | None]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def with_wrong_byte(kind: Kind, path: Path) -> tuple[Path, int]:
    """A closed store with one wrong byte in a value; the file, and where in it."""
    with kind.open(path, **options_of(kind)) as db:
        db.update(rows(2_000))
        db.compact()
    value = rows(2_000)[b"key 001000"]
    (file,) = [each for each in files_of(path) if value in each.read_bytes()]
    data = bytearray(file.read_bytes())
    place = data.index(value)
    data[place] ^= 1
    file.write_bytes(data)
    return file, place


def test_a_wrong_byte_is_an_error_that_names_the_place(kind: Kind, path: Path) -> None:
    file, place = with_wrong_byte(kind, path)
    with kind.open(path, read_only=True) as db:
        with pytest.raises(CorruptionError, match="pykv repair") as caught:
            db.get(b"key 001000")
        (damage,) = caught.value.damages
        assert damage.path == file
        assert abs(damage.offset - place) < PLACE_BYTES
        assert db.get(b"key 000001") == rows(2)[b"key 000001"]


def test_verify_lists_a_wrong_byte_and_does_not_raise(kind: Kind, path: Path) -> None:
    file, place = with_wrong_byte(kind, path)
    with kind.open(path, read_only=True) as db:
        report = db.verify()
        assert not report.ok
        assert report.damage_count == len(report.damages) >= 1
        places = [each.offset for each in report.damages if each.path == file]
        assert any(abs(each - place) < PLACE_BYTES for each in places)


def test_repair_saves_what_is_not_in_the_damaged_block(kind: Kind, path: Path) -> None:
    with_wrong_byte(kind, path)
    report = pykv.repair(path)
    expected = rows(2_000)
    with kind.open(path) as db:
        kept = dict(db.items())
        assert db.verify().ok
    assert report.kept_record_count == len(kept)
    assert b"key 001000" not in kept
    assert kept.items() <= expected.items()
    # A Bitcask checks each record, an LSM store each block.
    assert len(kept) == 1_999 if kind.name == "bitcask" else len(kept) > 1_700


@pytest.fixture
def written(kind: Kind, path: Path) -> Written:
    return write(kind, path)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_any_damage_to_any_file_is_an_error_or_harmless(
    kind: Kind, written: Written, damage: Damage, rng: random.Random
) -> None:
    for file in files_of(written.path):
        copy = damage_copy(written, file, damage, rng)
        for read_only in (True, False):
            error = use(kind, copy, written, read_only)
            assert not error or file.name in error or "no database" in error, error


@pytest.mark.parametrize("damage", [flip, cut, zero, remove], ids=lambda damage: damage.__name__)
def test_repair_shows_no_row_that_was_never_written(
    kind: Kind, written: Written, damage: Damage, rng: random.Random
) -> None:
    for file in files_of(written.path):
        copy = damage_copy(written, file, damage, rng)
        report = pykv.repair(copy)
        with kind.open(copy) as db:
            kept = dict(db.items())
            assert db.verify().ok
        assert len(kept) == report.kept_record_count
        for key, value in kept.items():
            assert value in written.values[key]
        if report.ok:
            assert kept == written.rows


def path_of(tmp_path: Path, size: int) -> Path:
    """A path of that many bytes."""
    path = tmp_path
    while size - len(bytes(path)) > 250:
        path /= "d" * 100
    path /= "d" * (size - len(bytes(path)) - 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def make_without_manifest(kind: Kind, path: Path) -> dict[bytes, bytes]:
    with kind.open(path) as db:
        db.update(rows(100))
    (path / "MANIFEST").unlink()
    return rows(100)


@pytest.mark.parametrize("size", [502, 512, 600])
def test_repair_of_a_store_with_a_long_path_touches_no_other(
    kind: Kind, tmp_path: Path, size: int
) -> None:
    """The path of repairing/ was once cut at 511 bytes, and a store that was there destroyed."""
    path = path_of(tmp_path, size)
    expected = make_without_manifest(kind, path)
    other = Path(str(path / "repairing")[:511])
    with kind.open(other) as db:
        db[b"other"] = b"store"
    assert pykv.repair(path).kept_record_count == len(expected)
    with kind.open(path) as db:
        assert dict(db.items()) == expected
    assert not (path / "repairing").exists()
    with kind.open(other) as db:
        assert dict(db.items()) == {b"other": b"store"}


def test_an_unfinished_repair_at_a_long_path_begins_again(kind: Kind, tmp_path: Path) -> None:
    path = path_of(tmp_path, 600)
    expected = make_without_manifest(kind, path)
    with kind.open(path / "repairing") as db:
        db[b"unfinished"] = b"repair"
    pykv.repair(path)
    with kind.open(path) as db:
        assert dict(db.items()) == expected
    assert not (path / "repairing").exists()


def test_there_is_nothing_to_repair_or_destroy_elsewhere(tmp_path: Path) -> None:
    for call in (pykv.repair, pykv.destroy):
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "absent")
        with pytest.raises(FormatError):
            call(tmp_path)


def test_a_damaged_record_is_told_once_and_where_it_is(tmp_path: Path) -> None:
    """A scan named the beginning of the batch, its own place as "got" and a size as "expected"."""
    with pykv.open(tmp_path / "db", engine="bitcask") as db:
        db.put_many((b"%06d" % i, b"v" * 100) for i in range(3_000))
    log = tmp_path / "db" / "00000001.log"
    data = bytearray(log.read_bytes())
    at = data.index(b"001500" + b"v" * 100)
    data[at + 50] ^= 1
    log.write_bytes(data)
    with pykv.open(tmp_path / "db", read_only=True) as db:
        with pytest.raises(pykv.CorruptionError) as scanned:
            list(db.scan())
        with pytest.raises(pykv.CorruptionError) as got:
            db.get(b"001500")
        verified = db.verify().damages[0]
    for one in (*scanned.value.damages, *got.value.damages, verified):
        assert one.path == log
        assert one.text == "the body check of a record fails"
        assert at - 48 <= one.offset < at
        assert str(one).count(str(log)) == 1
    assert (verified.expected, verified.got) == (
        got.value.damages[0].expected,
        got.value.damages[0].got,
    )
