"""Damage to the files of a store that is closed: kinds of it, and what may be seen of it."""

import contextlib
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pykv.errors import CorruptionError, Error, FormatError, IOFailedError
from tests.engine.native_kinds import Kind

ROWS = 100
SECTOR_BYTES = 512
REFUSALS = (CorruptionError, FormatError, FileNotFoundError, IOFailedError)
Rows = dict[bytes, bytes]


@dataclass
class Written:
    """A closed store: what it holds, and every value that a key ever had."""

    path: Path
    rows: Rows = field(default_factory=dict)
    values: dict[bytes, set[bytes]] = field(default_factory=dict)

    def put(self, db: Any, rows: Rows) -> None:
        db.update(rows)
        self.rows |= rows
        for key, value in rows.items():
            self.values.setdefault(key, set()).add(value)


def options_of(kind: Kind) -> dict[str, Any]:
    """Options under which a store of a hundred rows has files of every kind."""
    if kind.name == "bitcask":
        return dict(kind.lazy) | {"segment_bytes": 65_536}
    return dict(kind.small) | {"background_threads": 0, "compression": "none"}


def write(kind: Kind, path: Path) -> Written:
    """A store with files of every kind of its engine: tables and value segments, or segments that
    are merged and sealed, hints and the image of the directory."""
    written = Written(path)
    with kind.open(path, **options_of(kind)) as db:
        written.put(db, {b"%04d" % i: b"first %d " % i * 20 for i in range(ROWS)})
        written.put(db, {b"large %d" % i: b"%d " % i * 1_000 for i in range(10)})
        db.flush()
        for i in range(0, ROWS, 7):
            del db[b"%04d" % i]
            del written.rows[b"%04d" % i]
        db.compact()
        written.put(db, {b"%04d" % i: b"second %d " % i * 20 for i in range(0, ROWS, 3)})
        written.put(db, {b"large %d" % i: b"%d+" % i * 1_000 for i in range(4)})
        db.flush()
    return written


def files_of(path: Path) -> list[Path]:
    """All files with bytes in them, but the lock, whose content is for people."""
    files = (each for each in path.rglob("*") if each.is_file() and each.name != "LOCK")
    return sorted(each for each in files if each.stat().st_size > 0)


# ---- kinds of damage: each takes bytes and chance and gives other bytes, or None: no file ----


def flip(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def empty(data: bytes, rng: random.Random) -> bytes:
    return b""


def sector(data: bytes, rng: random.Random, fill: Callable[[int], bytes]) -> bytes:
    begin = rng.randrange(0, len(data), SECTOR_BYTES)
    end = min(begin + SECTOR_BYTES, len(data))
    return data[:begin] + fill(end - begin) + data[end:]


def zero(data: bytes, rng: random.Random) -> bytes:
    return sector(data, rng, bytes)


def garble(data: bytes, rng: random.Random) -> bytes:
    return sector(data, rng, rng.randbytes)


def swap(data: bytes, rng: random.Random) -> bytes:
    """Two sectors stand in each other's place."""
    places = range(0, len(data) - SECTOR_BYTES + 1, SECTOR_BYTES)
    if len(places) < 2:
        return garble(data, rng)
    first, second = sorted(rng.sample(places, 2))
    return (
        data[:first]
        + data[second : second + SECTOR_BYTES]
        + data[first + SECTOR_BYTES : second]
        + data[first : first + SECTOR_BYTES]
        + data[second + SECTOR_BYTES :]
    )


def lengthen(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(rng.randrange(1, 5_000))


def remove(data: bytes, rng: random.Random) -> None:
    return None


DAMAGES = [flip, cut, empty, zero, garble, swap, lengthen, remove]


def damage_copy(
    written: Written, file: Path, what: Callable[..., bytes | None], rng: random.Random
) -> Path:
    """A copy of the store with that file damaged."""
    copy = written.path.with_name("damaged")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(written.path, copy)
    target = copy / file.relative_to(written.path)
    data = what(file.read_bytes(), rng)
    if data is None:
        target.unlink()
    else:
        target.write_bytes(data)
    return copy


# ---- what may be seen ----


def read(db: Any, written: Written) -> bool:
    """Reads every key and scans; False: something was refused as damaged."""
    whole = True
    for key in [*written.values, b"never written"]:
        try:
            assert db.get(key) == written.rows.get(key), key
        except CorruptionError:
            whole = False
    try:
        assert dict(db.items()) == written.rows
    except CorruptionError:
        whole = False
    return whole


def use(kind: Kind, path: Path, written: Written, read_only: bool) -> str:
    """Opens a damaged store and reads all of it. Returns the error of a store that does not open,
    "" if it did: then every row is right, or refused, and verify says so."""
    try:
        db = kind.open(path, read_only=read_only)
    except REFUSALS as error:
        return str(error)
    try:
        whole = read(db, written)
        assert whole or not db.verify().ok, "verify passes over what was refused"
    finally:
        # Who may write finds damage too where a close merges, flushes or writes its image.
        with contextlib.suppress(*(() if read_only else (Error,))):
            db.close()
    return ""
