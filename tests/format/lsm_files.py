"""The files of an LSM store, read from its manifest down by the readers written from docs/format/.

The pages are "lsm_manifest", "segment", "record", "table" and "value_segment". It shares no code
with the core, and reads directories only: those of closed and those of killed stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tests.format.decode import (
    BATCH,
    BATCH_LAST,
    CLEAR,
    DELETE,
    PUT,
    RANGE_DELETE,
    VALID,
    Decoded,
    batch_crc,
    decode_record,
)
from tests.format.decode_lsm_manifest import LsmManifest, decode_lsm_manifest
from tests.format.decode_segment import HEADER_BYTES, decode_segment
from tests.format.decode_stored_key import DEFAULT, decode_namespace_row, decode_stored_key
from tests.format.decode_table import Table, check, decode_table
from tests.format.decode_value_segment import (
    POINTER,
    ValueSegment,
    decode_value_segment,
    is_pointer,
    pointer_fields,
    value_behind,
)

SECTOR_BYTES = 512


@dataclass(frozen=True)
class Version:
    """What one write made of a stored key. value None: it is absent from then on."""

    key: bytes
    sequence: int
    deadline: int
    value: bytes | None
    level: int = -1


@dataclass
class LsmFiles:
    """A directory: its manifest, and what it lists by number. tail: records that no table has."""

    path: Path
    manifest: LsmManifest
    logs: dict[int, list[Decoded]] = field(default_factory=dict)
    tables: dict[int, Table] = field(default_factory=dict)
    values: dict[int, ValueSegment] = field(default_factory=dict)

    def tail(self) -> list[Decoded]:
        """The records that are to be replayed."""
        flushed = self.manifest.numbers["flushed_sequence"]
        return [each for each in self.records() if each.numbers["sequence"] > flushed]

    def records(self) -> Iterator[Decoded]:
        """Those of all logs, in their order."""
        return chain.from_iterable(self.logs.values())

    def versions(self) -> Iterator[Version]:
        """All that tables and logs to be replayed have of any key."""
        for entry in self.manifest.tables:
            yield from self.table_versions(entry)
        for each in self.tail():
            if each.numbers["kind"] in (PUT, DELETE):
                yield version_of(each)

    def table_versions(self, entry: dict[str, int]) -> Iterator[Version]:
        """Those of the table of an entry of the manifest."""
        table = self.tables[entry["number"]]
        is_ingested = {each.sequence for each in table.entries} == {1}
        for each in table.entries:
            value = None if each.kind == DELETE else each.value
            if each.kind == POINTER:
                value = self.behind(each.value, each.key, each.sequence, each.deadline)
            sequence = entry["sequence_max"] if is_ingested else each.sequence
            yield Version(each.key, sequence, each.deadline, value, entry["level"])

    def behind(self, pointer: bytes, key: bytes, sequence: int, deadline: int) -> bytes:
        """The value to which an entry of a table points."""
        fields = pointer_fields(pointer)
        check(is_pointer(fields), "a pointer")
        record = self.values[fields["number"]].records[fields["offset"]]
        found = (
            record.texts["key"],
            record.numbers["sequence"],
            record.numbers.get("deadline_us", 0),
        )
        check(found == (key, sequence, deadline), "the record of another entry")
        return value_behind(record, fields)

    def deletes(self) -> Iterator[tuple[int, bytes, bytes]]:
        """The sequence and the bounds of each range delete; a clear is one of everything."""
        for entry, bounds in zip(self.manifest.ranges, self.manifest.bounds, strict=True):
            yield entry["sequence"], *bounds
        yield from map(delete_of, filter(is_delete, self.tail()))

    def rows(self) -> dict[bytes, Version]:
        """What is there, by stored keys: the highest sequence wins."""
        return newest(self.versions(), list(self.deletes()))


def newest(
    versions: Iterator[Version], deletes: list[tuple[int, bytes, bytes]]
) -> dict[bytes, Version]:
    """The rows that versions and range deletes come to."""
    rows: dict[bytes, Version] = {}
    for each in versions:
        if each.key not in rows or rows[each.key].sequence < each.sequence:
            rows[each.key] = each
    return {
        key: row
        for key, row in sorted(rows.items())
        if row.value is not None
        and not any(
            row.sequence < sequence and start <= key and (not stop or key < stop)
            for sequence, start, stop in deletes
        )
    }


def named_rows(files: LsmFiles) -> dict[str | None, dict[bytes, Version]]:
    """The rows by namespace, None for the default one, and by the keys that a user gave."""
    names: dict[int | None, str | None] = {DEFAULT: None}
    stored = [(decode_stored_key(key), key, row) for key, row in files.rows().items()]
    for split, key, row in stored:
        if split.id is None and split.key and row.value is not None:
            name, number = decode_namespace_row(key, row.value)
            names[number] = name.decode()
    rows: dict[str | None, dict[bytes, Version]] = {name: {} for name in names.values()}
    for split, _, row in stored:
        if split.id is not None:
            rows[names[split.id]][split.key] = row
    return rows


def version_of(record: Decoded) -> Version:
    """What a put or a delete in a log makes of its key."""
    numbers = record.numbers
    value = None if numbers["kind"] == DELETE else record.texts["value"]
    return Version(record.texts["key"], numbers["sequence"], numbers.get("deadline_us", 0), value)


def is_delete(record: Decoded) -> bool:
    """Whether a record removes keys that it does not name."""
    return record.numbers["kind"] in (RANGE_DELETE, CLEAR)


def delete_of(record: Decoded) -> tuple[int, bytes, bytes]:
    """Sequence and bounds of such a record; no upper bound is an empty one."""
    return record.numbers["sequence"], record.texts["key"], record.texts["value"]


def log_records(data: bytes, due: int) -> list[Decoded]:
    """The records of an append segment from the sequence that is due up to its end, as
    segment.md says: padding is passed over, a batch counts whole.
    """
    file_id = decode_segment(data).numbers["file_id"]
    found: list[Decoded] = []
    batch: list[Decoded] = []
    at = HEADER_BYTES
    while True:
        record = decode_record(data[at:], file_id, at)
        behind = at + -at % SECTOR_BYTES
        if record.result != VALID and not any(data[at:behind]):
            at, record = behind, decode_record(data[behind:], file_id, behind)
        numbers = record.numbers
        if record.result != VALID or numbers["sequence"] != due + len(found) + len(batch):
            return found
        at += sum(size for _, size, _ in record.layout)
        batch.append(record)
        if numbers["flags"] & BATCH_LAST:
            crcs = [each.numbers["header_crc"] for each in batch[:-1]]
            if (numbers["batch_count"], numbers["batch_crc"]) != (len(batch), batch_crc(crcs)):
                return found
        if numbers["flags"] & (BATCH | BATCH_LAST) != BATCH:
            found += batch
            batch = []


def read_lsm(path: Path) -> LsmFiles:
    """Decodes a directory. AssertionError where a file is not what the manifest says."""
    manifest = decode_lsm_manifest((path / "MANIFEST").read_bytes())
    assert manifest.result == VALID
    files = LsmFiles(path, manifest)
    for entry in manifest.logs:
        data = (path / f"{entry['number']:08x}.log").read_bytes()
        check_header(data, entry | {"kind": 1}, manifest)
        end = entry["history_end"] * 8 or len(data)
        files.logs[entry["number"]] = log_records(data[:end], entry["birth_sequence"])
    for entry in manifest.tables:
        table = decode_table((path / f"{entry['number']:08x}.tbl").read_bytes())
        assert table.result == VALID, table.why
        files.tables[entry["number"]] = table
    for entry in manifest.values:
        data = (path / f"{entry['number']:08x}.val").read_bytes()
        assert len(data) == entry["file_bytes"]
        check_header(data, {**entry, "kind": 3, "birth_sequence": 0}, manifest)
        segment = decode_value_segment(data)
        assert segment.result == VALID
        files.values[entry["number"]] = segment
    return files


def check_header(data: bytes, entry: dict[str, int], manifest: LsmManifest) -> None:
    """That a log file is the one that the manifest lists."""
    header = decode_segment(data)
    assert header.result == VALID
    assert header.numbers["store_id"] == manifest.numbers["store_id"]
    for name in ("number", "kind", "file_id", "birth_sequence"):
        assert header.numbers[name] == entry[name], name
