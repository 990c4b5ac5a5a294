"""Writes the golden databases of this version of pykv: python -m tests.format.write_golden

They stand in tests/format/golden/ under the version that wrote them, each beside a text that says
what is in it. Every later version opens them: what stands there is never written again. A release
that changes a durable format adds its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.format.golden_text import Golden, encode, of_store

import pykv

PLACE = Path(__file__).parent / "golden"
#: 2500-01-01T00:00:00Z.
FAR_US = 16_725_225_600_000_000
#: What whoever opens a database makes again.
LEFT_OUT = shutil.ignore_patterns("LOCK", "READERS", "*.tmp")
COMMON: dict[str, Any] = {"background_threads": 0, "log_sink": "pwrite", "compression": "none"}


class Writer:
    """Writes to a store and to a dict, and compares the two."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.golden = Golden()

    def put(self, key: bytes, value: bytes, name: str | None = None) -> None:
        """Sets key in the namespace, which is made if it is not there."""
        target = self.db if name is None else self.db.namespace(name, create=True)
        target.put(key, value)
        self.golden.rows.setdefault(name, {})[key] = 0, value

    def put_dated(self, key: bytes, value: bytes) -> None:
        """Sets key until the year 2500."""
        pykv.import_rows(self.db, [pykv.DatedRow(key, value, FAR_US, None)])
        self.golden.rows[None][key] = FAR_US, value

    def batch(self, puts: dict[bytes, bytes], deletes: list[bytes]) -> None:
        """Writes all of it at once."""
        with self.db.batch() as batch:
            for key, value in puts.items():
                batch.put(key, value)
            for key in deletes:
                batch.delete(key)
        self.golden.rows[None] |= {key: (0, value) for key, value in puts.items()}
        for key in deletes:
            self.golden.rows[None].pop(key, None)

    def delete(self, key: bytes) -> None:
        """Removes key."""
        self.db.delete(key)
        self.golden.rows[None].pop(key, None)

    def delete_range(self, start: bytes, stop: bytes) -> None:
        """Removes the keys from start on and before stop."""
        self.db.delete_range(start, stop)
        rows = self.golden.rows[None]
        self.golden.rows[None] = {k: v for k, v in rows.items() if not start <= k < stop}

    def told(self) -> Golden:
        """What the store says, once its rows were found to be those of the dict."""
        found = of_store(self.db)
        assert found.rows == self.golden.rows
        return found


def write_lsm(writer: Writer) -> None:
    """Tables in two levels, values of their own, range deletes, a namespace, a pin, and a log."""
    db = writer.db
    db.pin_history("search", 0)
    for number in range(120):
        writer.put(b"key %03d" % (number % 80), b"%d " % number * 4)
    writer.put(b"large", bytes(range(256)) * 2)
    writer.put_dated(b"dated", b"until 2500")
    writer.put(b"ada", b"1", "users")
    writer.put(b"large", b"of a namespace " * 30, "users")
    writer.delete_range(b"key 010", b"key 020")
    db.compact()
    writer.put(b"key 001", b"newer")
    writer.delete(b"key 002")
    writer.put(b"\xff\xfe", b"a key that begins with FF")
    writer.delete_range(b"key 030", b"key 035")
    writer.put(b"", b"the empty key")
    db.flush()
    writer.put(b"log 1", b"in the log alone")
    writer.batch({b"log 2": b"", b"log 3": b"x" * 450}, [b"key 004"])
    writer.delete_range(b"key 040", b"key 045")
    db.sync()
    writer.put(b"log 4", b"not synced")


def write_bitcask(writer: Writer) -> None:
    """Merged, sealed and active segments, tombstones and a date; a close makes an image of it."""
    db = writer.db
    for number in range(120):
        writer.put(b"key %03d" % (number % 80), b"%d " % number * 4)
    writer.put_dated(b"dated", b"until 2500")
    writer.put(b"", b"the empty key")
    db.flush()
    writer.delete(b"key 002")
    db.compact()
    for number in range(20):
        writer.put(b"later %03d" % number, b"%d" % number)
    writer.delete(b"key 003")
    db.flush()
    writer.batch({b"log 1": b"", b"log 2": b"x" * 450}, [b"key 004"])
    db.sync()
    writer.put(b"log 3", b"not synced")


def write_bitcask_names(writer: Writer) -> None:
    """Namespaces, merged and not; a store that has one has no image."""
    for number in range(20):
        writer.put(b"key %03d" % number, b"%d" % number)
        writer.put(b"key %03d" % number, b"%d of users" % number, "users")
    writer.db.namespace("gone", create=True).put(b"key", b"gone too")
    writer.db.drop_namespace("gone")
    writer.db.flush()
    writer.db.compact()
    writer.put(b"log 1", b"1")
    writer.put(b"log 1", b"1 of users", "users")
    writer.put(b"log 1", b"1 of others", "others")


def write_store(
    place: Path, name: str, write: Callable[[Writer], None], engine: str, **options: Any
) -> None:
    """The store as its close leaves it, and as a kill does: a copy of the files of an open one."""
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "db"
        with pykv.open(path, engine=engine, **COMMON, **options) as db:
            writer = Writer(db)
            write(writer)
            golden = writer.told()
            shutil.copytree(path, place / f"{name}-killed", ignore=LEFT_OUT)
        shutil.copytree(path, place / name, ignore=LEFT_OUT)
    for each in (name, f"{name}-killed"):
        (place / f"{each}.txt").write_text(encode(golden), "ascii")


def write_backups(place: Path) -> None:
    """A repository of two versions of one store."""
    with tempfile.TemporaryDirectory() as work:
        with pykv.open(Path(work) / "db", engine="lsm", **COMMON) as db:
            writer = Writer(db)
            for number in range(50):
                writer.put(b"key %03d" % number, b"%d" % number)
            db.backup(Path(work) / "backups")
            golden = [writer.told()]
            writer.put(b"key 001", b"of version 2")
            writer.delete(b"key 002")
            db.backup(Path(work) / "backups")
            golden.append(writer.told())
        shutil.copytree(Path(work) / "backups", place / "backups", ignore=LEFT_OUT)
    for number, each in enumerate(golden, 1):
        each.changes.clear()  # A copy has none.
        (place / f"backups.{number}.txt").write_text(encode(each), "ascii")


def main() -> None:
    """Refuses to write where there are databases of this version."""
    place = PLACE / version("pykv")
    place.mkdir(parents=True)
    write_store(place, "lsm", write_lsm, "lsm", value_log_bytes_min=400)
    write_store(place, "bitcask", write_bitcask, "bitcask", segment_bytes=65_536)
    write_store(place, "bitcask-names", write_bitcask_names, "bitcask", segment_bytes=65_536)
    write_backups(place)


if __name__ == "__main__":
    main()
