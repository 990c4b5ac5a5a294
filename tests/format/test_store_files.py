"""Files that the store wrote decode as docs/format/ says, by the readers written from the pages.

The pages are "manifest", "segment", "record", "hint" and "keydir_image". The readers share no code
with the core, so agreement means that a stranger could read a database from the pages alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.format.decode import CLEAR, DELETE, DICTIONARY, PUT, VALID, Decoded, decode_record
from tests.format.decode_hint import Entry, decode_hint
from tests.format.decode_keydir_image import decode_keydir_image
from tests.format.decode_manifest import Manifest, decode_manifest
from tests.format.decode_segment import decode_segment
from tests.format.key_hash import key_hash

import pykv

SECTOR_BYTES = 512


@dataclass
class Files:
    """A directory, its manifest, and the records of each listed segment by their offsets."""

    path: Path
    manifest: Manifest
    records: dict[int, dict[int, Decoded]]

    def rows(self) -> dict[bytes, bytes]:
        """What the records add up to: the highest sequence of a key wins."""
        clears = [each for each in self.all_records() if each.numbers["kind"] == CLEAR]
        cleared = max((each.numbers["sequence"] for each in clears), default=0)
        cleared = max(cleared, self.manifest.numbers["clear_sequence"])
        rows: dict[bytes, tuple[int, int, bytes]] = {}
        for each in self.all_records():
            sequence, kind = each.numbers["sequence"], each.numbers["kind"]
            key = each.texts["key"]
            if kind != CLEAR and sequence > cleared and sequence > rows.get(key, (0,))[0]:
                rows[key] = (sequence, kind, each.texts["value"])
        return {key: value for key, (_, kind, value) in rows.items() if kind == PUT}

    def seeds(self) -> tuple[int, int]:
        """The seeds of the key hash."""
        numbers = self.manifest.numbers
        return numbers["hash_seed_low"], numbers["hash_seed_high"]

    def all_records(self) -> list[Decoded]:
        """Every record, whatever became of its key."""
        return [each for records in self.records.values() for each in records.values()]


def write_a_store(path: Path, *, clear: bool) -> dict[bytes, bytes]:
    """A store with sealed, merged and active segments; returns its rows."""
    rows = {}
    options = {"segment_bytes": 65_536, "background_threads": 0}
    with pykv.open(path, engine="bitcask", **options) as db:
        for number in range(40):
            db.put(b"%d" % (number % 25), b"value %d" % number)
        db.flush()
        db.delete(b"3")
        if clear:
            db.clear()
        db.put_many([(b"", b"empty key"), (b"empty value", b"")], atomic=True)
        db.flush()
        db.compact()
        with db.batch() as batch:
            batch.put(b"a", b"x" * 300)
            batch.delete(b"5")
        db.put(b"last", b"\x00\xff", sync=True)
        rows = dict(db.items())
    return rows


def records_of(data: bytes, start: int, length: int, file_id: int) -> dict[int, Decoded]:
    """The records of a segment up to length; padding to a sector is passed over."""
    found = {}
    at = start
    while at < length:
        decoded = decode_record(data[at:length], file_id, at)
        if decoded.result != VALID:
            gap = -at % SECTOR_BYTES
            assert gap > 0, f"no record at {at}"
            assert data[at : at + gap] == bytes(gap), f"no record at {at}"
            at += gap
            continue
        found[at] = decoded
        at += sum(size for _, size, _ in decoded.layout)
    assert at == length
    return found


def read(path: Path) -> Files:
    """Decodes a directory from its manifest down."""
    manifest = decode_manifest((path / "MANIFEST").read_bytes())
    assert manifest.result == VALID
    records = {}
    for entry in manifest.entries:
        data = (path / f"{entry['number']:08x}.log").read_bytes()
        header = decode_segment(data)
        assert header.result == VALID
        assert header.numbers["store_id"] == manifest.numbers["store_id"]
        for name in ("number", "kind", "file_id", "birth_sequence"):
            assert header.numbers[name] == entry[name], name
        records[entry["number"]] = records_of(data, 64, entry["length"], entry["file_id"])
    return Files(path, manifest, records)


NAMES_ID = 4_294_967_294


def test_namespaces_are_found_by_the_rows_of_their_names(tmp_path: Path) -> None:
    """As "Namespaces of a Bitcask" of the record's page says."""
    with pykv.open(tmp_path / "store", engine="bitcask") as db:
        db.put(b"k", b"default")
        db.namespace("gone", create=True).put(b"k", b"1")
        db.namespace("users", create=True).put(b"k", b"2")
        db.drop_namespace("gone")
    spaces: dict[int, dict[bytes, bytes]] = {}
    for each in read(tmp_path / "store").all_records():
        numbers, key = each.numbers, each.texts["key"]
        rows = spaces.setdefault(numbers.get("namespace_id", 0), {})
        if numbers["kind"] == PUT:
            rows[key] = each.texts["value"]
        elif numbers["kind"] == DELETE:
            del rows[key]
        else:
            rows.clear()
    names = {name: int.from_bytes(value, "little") for name, value in spaces[NAMES_ID].items()}
    assert names == {b"": 2, b"users": 2}
    assert spaces == {
        NAMES_ID: spaces[NAMES_ID],
        0: {b"k": b"default"},
        1: {},
        names[b"users"]: {b"k": b"2"},
    }


def test_the_manifest_says_when_bytes_expire(tmp_path: Path) -> None:
    """Of each segment no more by any second than its records, and of each kind of rows some."""
    ttls = [None, 60, 3_600, 86_400, 30 * 86_400]
    options = {"segment_bytes": 65_536, "background_threads": 0}
    with pykv.open(tmp_path / "store", engine="bitcask", **options) as db:
        for number in range(1_000):
            db.put(b"%d" % number, b"value" * 40, ttl=ttls[number % 5])
        db.compact()
        for number in range(500):
            db.put(b"%d" % number, b"value" * 40, ttl=ttls[number % 5])
    files = read(tmp_path / "store")
    assert len(files.manifest.deadlines) == len(files.manifest.entries) > 2
    for entry, buckets in zip(files.manifest.entries, files.manifest.deadlines, strict=True):
        assert buckets["number"] == entry["number"]
        sizes = {
            offset: (each.numbers.get("deadline_us", 0), sum(size for _, size, _ in each.layout))
            for offset, each in files.records[entry["number"]].items()
        }
        told = [(buckets[f"until_{n}"], buckets[f"granules_{n}"]) for n in range(1, 8)]
        assert sum(granules > 0 for _, granules in told) == 4
        for until, _ in told:
            passed = sum(size for deadline, size in sizes.values() if 0 < deadline <= until * 10**6)
            assert sum(granules for second, granules in told if second <= until) * 8 <= passed
        assert sum(granules for _, granules in told) == entry["expiring_granules"]


def test_the_share_of_tombstones_is_that_of_the_records(tmp_path: Path) -> None:
    """In a segment that was sealed, in one that is not, and in one without any."""
    with pykv.open(tmp_path / "store", engine="bitcask", background_threads=0) as db:
        for number in range(60):
            db.put(b"%d" % number, b"value")
        db.flush()
        for number in range(20):
            db.delete(b"%d" % number)
        db.namespace("users", create=True).put(b"k", b"1")
        db.namespace("users").clear()
        db.flush()
        db.delete(b"30", sync=True)
        db.delete(b"31")
    files = read(tmp_path / "store")
    shares = [entry["tombstone_share"] for entry in files.manifest.entries]
    assert [share > 0 for share in shares] == [False, True, True]
    for entry in files.manifest.entries:
        tombstones = sum(
            sum(size for _, size, _ in each.layout)
            for each in files.records[entry["number"]].values()
            if each.numbers["kind"] in (DELETE, CLEAR)
        )
        assert entry["tombstone_share"] == -(-tombstones * 65_535 // entry["length"])


def test_each_namespace_has_a_section_of_the_image(tmp_path: Path) -> None:
    """Which leads to the records of its keys; each has the same key, and another value."""
    with pykv.open(tmp_path / "store", engine="bitcask") as db:
        db.put(b"k", b"default")
        for name in ("gone", "users", "items"):
            db.namespace(name, create=True).put(b"k", name.encode())
        db.namespace("empty", create=True)
        db.drop_namespace("gone")
    files = read(tmp_path / "store")
    image = decode_keydir_image((files.path / "KEYDIR").read_bytes())
    assert image.result == VALID
    sections = {each.numbers["space_id"]: each for each in (image, *image.behind)}
    assert list(sections) == [0, 2, 3, NAMES_ID]
    bases = {segment["number"]: segment["address_base"] for segment in image.segments}
    records = {
        bases[number] + offset // 8: record
        for number, found in files.records.items()
        for offset, record in found.items()
    }
    for space_id, value in ((0, b"default"), (2, b"users"), (3, b"items")):
        addresses = sections[space_id].candidates(key_hash(b"k", *files.seeds()))
        assert [records[each].texts["value"] for each in addresses] == [value]
        assert sections[space_id].numbers["key_count"] == 1
    assert sections[NAMES_ID].numbers["key_count"] == 4


def test_a_hint_leaves_the_dictionary_out(tmp_path: Path) -> None:
    """A packed segment begins with one, which is no write."""
    words = [b"alpha", b"beta", b"gamma", b"delta", b"epsilon"]
    with pykv.open(tmp_path / "store", engine="bitcask", compression="zstd") as db:
        for number in range(3_000):
            value = b" ".join(words[(number >> shift) % 5] for shift in range(8))
            db.put(b"%06d" % number, b"%d: %s" % (number, value))
        db.compact()
    files = read(tmp_path / "store")
    packed = [
        number
        for number, records in files.records.items()
        if any(each.numbers["kind"] == DICTIONARY for each in records.values())
    ]
    assert packed
    for number in packed:
        kinds = [each.numbers["kind"] for each in files.records[number].values()]
        assert kinds[0] == DICTIONARY
        hint = decode_hint((tmp_path / "store" / f"{number:08x}.hint").read_bytes())
        assert [entry.kind for entry in hint.entries] == kinds[1:]


@pytest.fixture(scope="module", params=[False, True], ids=["without a clear", "with a clear"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Files, dict[bytes, bytes]]:
    """The files of a closed store, and its rows as pykv tells them."""
    path = tmp_path_factory.mktemp("files") / "store"
    rows = write_a_store(path, clear=request.param)
    return read(path), rows


Stored = tuple[Files, dict[bytes, bytes]]


def test_the_records_of_the_listed_segments_add_up_to_the_rows(store: Stored) -> None:
    """The whole way from the manifest to the values."""
    files, rows = store
    assert files.rows() == rows
    assert len(rows) >= 4


def test_the_manifest_says_what_the_segments_hold(store: Stored) -> None:
    """Sequences, lengths, and the state at a clean close."""
    files, _ = store
    numbers = files.manifest.numbers
    assert numbers["clean"] == 1
    highest = 0
    for entry in files.manifest.entries:
        records = files.records[entry["number"]].values()
        sequences = sorted(each.numbers["sequence"] for each in records)
        highest = max(highest, *sequences)
        assert (entry["first_sequence"], entry["last_sequence"]) == (sequences[0], sequences[-1])
        assert entry["number"] < numbers["next_number"]
    assert highest == numbers["last_sequence"]
    assert {entry["kind"] for entry in files.manifest.entries} == {1, 2}
    assert sum(not entry["sealed"] for entry in files.manifest.entries) <= 1


def test_a_hint_has_the_records_of_its_segment(store: Stored) -> None:
    """Offsets, sizes, kinds, sequences and hashes, as the pages of both say."""
    files, _ = store
    numbers = files.manifest.numbers
    hints = 0
    for entry in files.manifest.entries:
        path = files.path / f"{entry['number']:08x}.hint"
        if not path.exists():
            assert not entry["sealed"]
            continue
        hints += 1
        hint = decode_hint(path.read_bytes())
        assert hint.result == VALID
        assert hint.numbers["number"] == entry["number"]
        assert hint.numbers["file_id"] == entry["file_id"]
        assert hint.numbers["segment_length"] == entry["length"]
        assert hint.numbers["store_id"] == numbers["store_id"]
        assert hint.entries == [
            Entry(
                hash=key_hash(record.texts["key"], *files.seeds()),
                sequence=record.numbers["sequence"],
                offset=offset,
                kind=record.numbers["kind"],
                size=sum(size for _, size, _ in record.layout),
            )
            for offset, record in files.records[entry["number"]].items()
        ]
    assert hints > 0


def test_the_image_fits_the_manifest_and_leads_to_the_rows(store: Stored) -> None:
    """Every key is found by its hash, at the record that holds it."""
    files, rows = store
    image = decode_keydir_image((files.path / "KEYDIR").read_bytes())
    assert image.result == VALID
    for name in ("store_id", "merge_edit", "epoch"):
        assert image.numbers[name] == files.manifest.numbers[name], name
    assert image.numbers["sequence"] == files.manifest.numbers["last_sequence"]
    assert image.numbers["key_count"] == len(rows)
    bases = {segment["number"]: segment["address_base"] for segment in image.segments}
    records = {
        bases[number] + offset // 8: record
        for number, found in files.records.items()
        for offset, record in found.items()
    }
    for key, value in rows.items():
        addresses = image.candidates(key_hash(key, *files.seeds()))
        texts = [records[address].texts for address in addresses]
        assert {"key": key, "value": value} in texts


def test_every_kind_of_record_was_met(store: Stored) -> None:
    """So that the tests above say something about each."""
    files, _ = store
    kinds = {
        each.numbers["kind"] for records in files.records.values() for each in records.values()
    }
    assert PUT in kinds
    assert DELETE in kinds or CLEAR in kinds
