"""Files that an LSM store wrote decode as docs/format/ says, by the readers written from the pages.

The pages are "lsm_manifest", "segment", "record", "table" and "value_segment". The readers share no
code with the core, so agreement means that a stranger could read a database from the pages alone.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.format.decode import CLEAR, DELETE, INGEST, PUT, RANGE_DELETE, crc32c
from tests.format.decode_table import may_contain, tag_of
from tests.format.decode_value_segment import POINTER, are_refs, pointer_fields, refs_fields
from tests.format.lsm_files import (
    LsmFiles,
    delete_of,
    is_delete,
    named_rows,
    newest,
    read_lsm,
    version_of,
)

import pykv

KINDS = ["closed", "killed", "killed behind a clear"]

Rows = dict[str | None, dict[bytes, tuple[bytes, int]]]


@dataclass
class Stored:
    """The files of a store, and its rows with their deadlines by namespace, as pykv tells them."""

    kind: str
    files: LsmFiles
    rows: Rows
    last_sequence: int
    plain: bool


def write_names(db: Any) -> None:
    """A namespace with rows, and one that was dropped."""
    users = db.namespace("users", create=True)
    users.put(b"ada", b"1")
    users.put(b"large", bytes(range(250)))
    db.namespace("gone", create=True).put(b"k", b"v")
    db.drop_namespace("gone")


def write_tables(db: Any, table: Path) -> None:
    """Tables in two levels, one of them ingested, with value segments and deleted ranges."""
    for number in range(60):
        db.put(b"key %03d" % (number % 40), b"%d " % number * 5)
    db.put(b"large", b"x" * 300)
    db.put(b"expires", b"late", ttl=1e9)
    db.delete_range(b"key 010", b"key 015")
    db.compact()
    db.put(b"key 001", b"new")
    db.put(b"\xff\x00z", b"a key that begins with FF")
    db.delete(b"key 002")
    db.delete_range(b"key 020", b"key 022")
    db.flush()
    with pykv.TableWriter(table, compression="none") as writer:
        writer.add(b"key 030", b"ingested")
        writer.add(b"key 0305", b"ingested too")
    db.ingest([table])


def write_log(db: Any, *, clear: bool) -> None:
    """What stands in the log alone unless the store is closed: every kind of record."""
    if clear:
        db.clear()
        db.put(b"key 001", b"after the clear")
    with db.batch() as batch:
        batch.put(b"last 1", b"1")
        batch.put(b"last 2", b"2" * 300)
        batch.delete(b"key 003")
    db.put(b"key 005", b"newer", ttl=1e9, sync=True)
    db.delete_range(b"key 025", b"key 027")
    db.put(b"key 026", b"behind the range delete")


def rows_of(db: Any) -> Rows:
    """Values and deadlines by namespace and key."""
    rows: Rows = {None: {}} | {name: {} for name in db.namespaces()}
    for row in pykv.export_rows(db):
        rows[row.namespace][row.key] = row.value, row.deadline_us
    return rows


@pytest.fixture(scope="module", params=["none", "zstd"])
def compression(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module", params=KINDS)
def stored(
    request: pytest.FixtureRequest, compression: str, tmp_path_factory: pytest.TempPathFactory
) -> Stored:
    """A store that was closed, or a copy of the files of an open one: what a kill leaves."""
    place = tmp_path_factory.mktemp("lsm")
    clear = request.param == "killed behind a clear"
    options: dict[str, Any] = {
        "compression": compression,
        "memtable_bytes": 65_536,
        "value_log_bytes_min": 200,
        "background_threads": 0,
        "history_bytes": 1 << 20,
    }
    with pykv.open(place / "db", engine="lsm", **options) as db:
        if not clear:  # that of a store with namespaces is a range delete
            write_names(db)
        write_tables(db, place / "table")
        db.pin_history("search", 1)
        write_log(db, clear=clear)
        rows, last = rows_of(db), db.last_seq
        shutil.copytree(place / "db", place / "killed")
    path = place / ("db" if request.param == "closed" else "killed")
    return Stored(request.param, read_lsm(path), rows, last, compression == "none")


def test_tables_values_and_logs_add_up_to_the_rows(stored: Stored) -> None:
    """The whole way from the manifest to the values, deadlines and namespaces."""
    found = named_rows(stored.files)
    assert {
        name: {key: (row.value, row.deadline) for key, row in rows.items()}
        for name, rows in found.items()
    } == stored.rows
    assert len(stored.rows[None]) >= 4


def test_the_store_was_left_as_it_is_called(stored: Stored) -> None:
    """So that the other tests say something about each kind of file and record."""
    files = stored.files
    kinds = {each.numbers["kind"] for each in files.records()}
    assert {PUT, DELETE, RANGE_DELETE, INGEST} <= kinds
    assert bool(files.manifest.numbers["clean"]) == (stored.kind == "closed") == (not files.tail())
    assert (CLEAR in kinds) == (stored.kind == "killed behind a clear")
    if stored.kind != "killed behind a clear":
        assert len({entry["level"] for entry in files.manifest.tables}) == 2
        assert files.manifest.ranges
        assert files.values


def test_the_logs_are_every_write_from_the_first_on(stored: Stored) -> None:
    """A pin kept them all: together they come to the rows but for those that were ingested."""
    files = stored.files
    sequences = [each.numbers["sequence"] for each in files.records()]
    assert sequences == list(range(1, stored.last_sequence + 1))
    records = list(files.records())
    versions = (version_of(each) for each in records if each.numbers["kind"] in (PUT, DELETE))
    deletes = [delete_of(each) for each in records if is_delete(each)]
    logged = newest(versions, deletes)
    ingested = [each for each in records if each.numbers["kind"] == INGEST]
    for each in ingested:
        assert (each.texts["key"], each.texts["value"]) == (b"key 030", b"key 0305")
    for key, row in files.rows().items():
        if row.sequence not in {each.numbers["sequence"] for each in ingested}:
            assert replace(logged[key], level=row.level) == row


def check_eighths(entry: dict[str, int], deadlines: list[int]) -> None:
    """By each second at least so many entries have expired; where half have, that is known."""
    eighths = [entry[f"eighth_{eighth}"] for eighth in range(1, 8)]
    for eighth, second in enumerate(eighths, start=1):
        passed = sum(0 < deadline <= second * 1_000_000 for deadline in deadlines)
        assert not second or passed * 8 >= eighth * len(deadlines)
    assert sum(map(bool, eighths)) == min(sum(map(bool, deadlines)) * 8 // len(deadlines), 7)


def test_the_manifest_says_what_the_tables_hold(stored: Stored) -> None:
    """Sizes, checks, counts, sequences and deadlines, and which ranges none of them knows."""
    files = stored.files
    numbers = files.manifest.numbers
    for entry in files.manifest.tables:
        table = files.tables[entry["number"]]
        data = (files.path / f"{entry['number']:08x}.tbl").read_bytes()
        assert (entry["file_bytes"], entry["file_crc"]) == (len(data), crc32c(data))
        assert entry["file_id"] == table.header["file_id"]
        assert entry["entry_count"] == len(table.entries)
        assert entry["tombstone_count"] == sum(each.kind == DELETE for each in table.entries)
        assert entry["raw_bytes"] == sum(block.raw_bytes for block in table.blocks)
        versions = list(files.table_versions(entry))
        sequences = [each.sequence for each in versions]
        assert (entry["sequence_min"], entry["sequence_max"]) == (min(sequences), max(sequences))
        deadlines = [each.deadline for each in versions]
        assert entry["deadline_min_us"] == min(filter(None, deadlines), default=0)
        assert entry["deadline_max_us"] == (0 if 0 in deadlines else max(deadlines))
        check_eighths(entry, deadlines)
        for sequence, start, stop in files.deletes():
            covered = [each for each in versions if start <= each.key and each.sequence < sequence]
            covered = [each for each in covered if not stop or each.key < stop]
            assert not covered or sequence > entry["deletes_through"]
    assert numbers["flushed_sequence"] <= numbers["last_sequence"] <= stored.last_sequence


def test_what_stands_in_a_level_is_newer_than_in_a_deeper_one(stored: Stored) -> None:
    """And tables of one level from 1 on have no keys between each other's."""
    files = stored.files
    seen: dict[bytes, list[tuple[int, int]]] = {}
    for each in files.versions():
        if each.level >= 0:
            seen.setdefault(each.key, []).append((each.level, each.sequence))
    for places in seen.values():
        for (level, sequence), (deeper, older) in pairwise(sorted(places)):
            assert level == deeper or sequence > older
    for level in range(1, 7):
        inside = [entry for entry in files.manifest.tables if entry["level"] == level]
        bounds = [files.tables[entry["number"]] for entry in inside]
        ranges = sorted((table.first_key, table.last_key) for table in bounds)
        assert all(before[1] < behind[0] for before, behind in pairwise(ranges))


def test_tags_filters_and_properties_are_those_of_the_keys(stored: Stored) -> None:
    """What a get relies on."""
    for table in stored.files.tables.values():
        for entry in table.entries:
            assert entry.tag == tag_of(table, entry.key)
            assert may_contain(table, entry.key)
        positions = [entry.position for entry in table.entries]
        assert positions == sorted(set(positions))
        assert (table.first_key, table.last_key) == (positions[0][0], positions[-1][0])
        assert table.properties["entry_count"] == len(positions)


def test_a_table_lists_the_segments_that_it_points_to(stored: Stored) -> None:
    """And the manifest lists them, with what they hold."""
    files = stored.files
    for table in files.tables.values():
        refs = refs_fields(table.attached)
        assert are_refs(refs)
        found: dict[int, list[int]] = {}
        for each in table.entries:
            if each.kind == POINTER:
                pointer = pointer_fields(each.value)
                stored_bytes = pointer.get("stored_bytes", pointer["value_bytes"])
                found.setdefault(pointer["number"], []).append(stored_bytes)
        assert {ref["number"]: (ref["count"], ref["bytes"]) for ref in refs} == {
            number: (len(sizes), sum(sizes)) for number, sizes in found.items()
        }
    for entry in files.manifest.values:
        records = files.values[entry["number"]].records.values()
        assert entry["value_count"] == len(records)
        assert entry["value_bytes"] == sum(len(each.texts["value"]) for each in records)
        assert files.values[entry["number"]].header.numbers["synced_through"] == 0
        assert any("codec" in each.numbers for each in records) != stored.plain


def test_the_pin_is_that_of_the_store(stored: Stored) -> None:
    """Its name, and what it keeps."""
    (pin,) = stored.files.manifest.pins
    assert (pin["sequence"], pin["bytes_max"], pin["until_us"]) == (1, 0, 0)
    assert pin["name"].to_bytes(64, "little").rstrip(b"\0") == b"search"
