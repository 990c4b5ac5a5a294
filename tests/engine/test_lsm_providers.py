"""An LSM database and the providers of zstd: each reads and goes on with what any of them wrote."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pykv
from pykv.engine.lsm import Lsm
from pykv.errors import NotSupportedError
from pykv.options import LsmOptions
from tests.native.zstd_providers import PROVIDERS, give_back, provide, take_away

KIB = 1024
LARGE_BYTES = 2 * KIB


def options(compression: str | None) -> LsmOptions:
    """Small tables in two levels, and large values in segments."""
    return LsmOptions(
        compression=compression,  # type: ignore[arg-type]
        memtable_bytes=64 * KIB,
        table_bytes=64 * KIB,
        block_bytes=KIB,
        value_log_bytes_min=LARGE_BYTES,
        background_threads=0,
    )


PACKED = options("zstd")


@pytest.fixture(autouse=True)
def _usual() -> Iterator[None]:
    """The usual provider after a test."""
    yield
    give_back()


@pytest.fixture
def without_zstd(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes the provider away; nothing finds another one."""

    def take() -> None:
        take_away()
        for module in ("lsm", "native"):
            monkeypatch.setattr(f"pykv.engine.{module}.provide_zstd", lambda: None)

    return take


def rows(first: int, last: int) -> dict[bytes, bytes]:
    """Values of both sizes that compress well and that do not, short ones and empty ones."""
    rng = random.Random(first)
    made = {}
    for number in range(first, last):
        text = b"row %d, " % number
        large = rng.randbytes(LARGE_BYTES) if number % 2 else text * (LARGE_BYTES // 4)
        small = [text * 20, rng.randbytes(150), text, b""][number % 4]
        made[b"key-%06d" % number] = large if number % 10 < 2 else small
    return made


def write(path: Path, chosen: LsmOptions) -> dict[bytes, bytes]:
    """Rows in level 0, in the last level and in value segments."""
    wanted = rows(0, 600)
    with Lsm(path, chosen) as db:
        db.put_many(wanted.items())
        db.compact()
        wanted |= rows(400, 700)
        db.put_many(rows(400, 700).items())
        db.flush()
        levels = db.stats()["level_bytes"]
        assert levels[0] > 0
        assert sum(levels[1:]) > 0
    assert list(path.glob("*.val"))
    return wanted


def check_all(db: Lsm, wanted: dict[bytes, bytes]) -> None:
    assert dict(db.items()) == wanted
    assert db.get_many(list(wanted)) == list(wanted.values())
    assert all(db[key] == value for key, value in list(wanted.items())[::37])
    assert db.verify().ok


@pytest.mark.parametrize("writer", PROVIDERS)
@pytest.mark.parametrize("reader", PROVIDERS)
def test_what_one_provider_wrote_is_read_and_compacted_with_every_other(
    tmp_path: Path, writer: str, reader: str
) -> None:
    provide(writer)
    wanted = write(tmp_path, PACKED)
    provide(reader)
    with Lsm(tmp_path, PACKED) as db:
        check_all(db, wanted)
        wanted |= rows(200, 300)
        db.put_many(rows(200, 300).items())
        db.compact()
        check_all(db, wanted)
    assert pykv.repair(tmp_path).ok
    provide(writer)
    with Lsm(tmp_path, PACKED) as db:
        check_all(db, wanted)


WAYS: dict[str, Callable[[Lsm], object]] = {
    "items": lambda db: list(db.items()),
    "get": lambda db: [db[key] for key in rows(0, 500)],
    "get_many": lambda db: db.get_many(list(rows(0, 500))),
    "verify": Lsm.verify,
    "compact": Lsm.compact,
}


@pytest.mark.parametrize("way", WAYS)
def test_without_a_provider_the_error_names_the_codec(
    tmp_path: Path, way: str, without_zstd: Callable[[], None]
) -> None:
    provide("wheel")
    wanted = write(tmp_path, PACKED)
    without_zstd()
    with pytest.raises(NotSupportedError, match="codec 2"), Lsm(tmp_path) as db:
        WAYS[way](db)
    provide("wheel")
    with Lsm(tmp_path, PACKED) as db:
        check_all(db, wanted)


def test_without_a_provider_nothing_is_repaired(
    tmp_path: Path, without_zstd: Callable[[], None]
) -> None:
    provide("wheel")
    wanted = write(tmp_path, PACKED)
    without_zstd()
    with pytest.raises(NotSupportedError, match="codec 2"):
        pykv.repair(tmp_path)
    provide("wheel")
    with Lsm(tmp_path, PACKED) as db:
        check_all(db, wanted)


def test_a_repair_finds_a_provider_by_itself(tmp_path: Path) -> None:
    """It asked nobody but the system, so a database was not repaired with the wheel alone."""
    wanted = write(tmp_path, PACKED)
    take_away()
    assert pykv.repair(tmp_path).ok
    with Lsm(tmp_path, PACKED) as db:
        check_all(db, wanted)


@pytest.mark.parametrize("reader", PROVIDERS)
def test_what_was_written_without_a_provider_is_not_compressed_and_read_with_every_one(
    tmp_path: Path, reader: str, without_zstd: Callable[[], None]
) -> None:
    without_zstd()
    wanted = write(tmp_path, options(None))
    with Lsm(tmp_path) as db:
        check_all(db, wanted)
    provide(reader)
    with Lsm(tmp_path, PACKED) as db:
        check_all(db, wanted)
        db.compact()
        check_all(db, wanted)
