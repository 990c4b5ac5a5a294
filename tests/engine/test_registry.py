"""The registry of engines: names, entry points, detection, and the functions over it."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

import pykv
from pykv.engine.registry import Engine, engine_of, find_engine
from pykv.errors import FormatError, InvalidOptionError, NotSupportedError
from pykv.options import BitcaskOptions
from pykv.store import Report
from tests.contract import minimal_store


class FakeBitcask:
    """Stands in for the engine that new directories get, and records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Path | None]] = []
        self.refuses = False

    def open(self, path: Path | None, options: BitcaskOptions) -> pykv.Memory:
        assert isinstance(options, BitcaskOptions)
        self.asked.append(("open", path))
        return pykv.Memory(path)

    def detect(self, path: Path) -> bool:
        if self.refuses:
            raise FormatError("not ours", path=path)
        return (path / "fake").exists()

    def repair(self, path: Path) -> Report:
        self.asked.append(("repair", path))
        return Report(kept_record_count=7)

    def destroy(self, path: Path) -> None:
        self.asked.append(("destroy", path))


@pytest.fixture(autouse=True)
def bitcask(monkeypatch: pytest.MonkeyPatch) -> FakeBitcask:
    fake = FakeBitcask()
    module = ModuleType("pykv.engine.bitcask")
    module.__dict__["ENGINE"] = Engine(
        name="bitcask",
        options=BitcaskOptions,
        open=fake.open,
        detect=fake.detect,
        repair=fake.repair,
        destroy=fake.destroy,
    )
    monkeypatch.setitem(sys.modules, "pykv.engine.bitcask", module)
    return fake


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution on the path that registers the engine "minimal" and something broken."""
    info = tmp_path / "site" / "minimal-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: minimal\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pykv.engines]\nminimal = tests.contract.minimal_store:ENGINE\nwrong = os:getcwd\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def test_a_new_directory_gets_an_lsm_store(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pykv.open(tmp_path / name) as db:
            assert isinstance(db, pykv.Lsm)


def test_an_engine_by_name_is_asked_without_a_look_at_the_directory(
    bitcask: FakeBitcask, tmp_path: Path
) -> None:
    bitcask.refuses = True
    pykv.open(tmp_path, engine="bitcask", segment_bytes=1 << 20).close()
    assert bitcask.asked == [("open", tmp_path)]


@pytest.mark.parametrize("form", [str, os.fsencode, Path])
def test_a_path_is_text_bytes_or_path_like(
    bitcask: FakeBitcask, tmp_path: Path, form: type
) -> None:
    pykv.open(form(tmp_path / "db"), engine="bitcask").close()
    assert bitcask.asked == [("open", tmp_path / "db")]


def test_a_path_with_a_null_byte_is_refused(bitcask: FakeBitcask) -> None:
    with pytest.raises(ValueError, match="null byte"):
        pykv.open("a\0b")
    assert bitcask.asked == []


def test_a_path_of_another_type_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        pykv.open(5)  # type: ignore[call-overload]


def test_only_memory_needs_no_path() -> None:
    with pytest.raises(TypeError, match="engine 'lsm' needs the path of a directory"):
        pykv.open()  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="needs the path"):
        pykv.open(None, engine="bitcask")  # type: ignore[call-overload]


def test_an_unknown_engine_names_the_near_miss() -> None:
    with pytest.raises(InvalidOptionError, match="'bitcsk': did you mean 'bitcask'"):
        pykv.open("data", engine="bitcsk")


def test_an_unknown_option_names_engine_and_near_miss(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'lsm' has no option 'memtable_byte': did you mean"):
        pykv.open(tmp_path / "db", memtable_byte=1)
    assert not (tmp_path / "db").exists()


@pytest.mark.usefixtures("installed")
class TestRegisteredEngine:
    def test_it_is_opened_by_its_name(self, tmp_path: Path) -> None:
        with pykv.open(tmp_path / "db", engine="minimal", durability="sync") as db:
            db[b"k"] = b"v"
            assert isinstance(db, minimal_store.Minimal)

    def test_its_directory_is_opened_without_a_name(self, tmp_path: Path) -> None:
        with pykv.open(tmp_path / "db", engine="minimal") as db:
            db[b"k"] = b"v"
        with pykv.open(tmp_path / "db") as db:
            assert db[b"k"] == b"v"

    def test_it_may_know_what_another_engine_refuses(
        self, bitcask: FakeBitcask, tmp_path: Path
    ) -> None:
        pykv.open(tmp_path / "db", engine="minimal").close()
        bitcask.refuses = True
        assert engine_of(tmp_path / "db") is minimal_store.ENGINE

    def test_its_name_is_among_those_listed(self) -> None:
        with pytest.raises(
            InvalidOptionError,
            match="bitcask, leveldb, lmdb, lsm, memory, minimal, rocksdb, sqlite, wrong",
        ):
            pykv.open("data", engine="qqq")

    def test_what_is_no_engine_is_a_type_error(self) -> None:
        with pytest.raises(TypeError, match=r"'wrong' of pykv\.engines must be .*Engine"):
            find_engine("wrong")

    def test_it_need_not_repair_or_destroy(self, tmp_path: Path) -> None:
        pykv.open(tmp_path / "db", engine="minimal").close()
        with pytest.raises(NotSupportedError, match="'minimal' cannot repair"):
            pykv.repair(tmp_path / "db")
        with pytest.raises(NotSupportedError, match="'minimal' cannot destroy"):
            pykv.destroy(tmp_path / "db")


def test_files_that_no_engine_knows_are_refused_by_the_first(
    bitcask: FakeBitcask, tmp_path: Path
) -> None:
    (tmp_path / "alien").write_text("x")
    bitcask.refuses = True
    with pytest.raises(FormatError, match="not ours"):
        pykv.open(tmp_path)
    assert bitcask.asked == []


def test_repair_and_destroy_reach_the_engine_of_the_directory(
    bitcask: FakeBitcask, tmp_path: Path
) -> None:
    (tmp_path / "fake").touch()
    assert pykv.repair(tmp_path).kept_record_count == 7
    pykv.destroy(str(tmp_path))
    assert bitcask.asked == [("repair", tmp_path), ("destroy", tmp_path)]


def test_repair_and_destroy_want_a_database(bitcask: FakeBitcask, tmp_path: Path) -> None:
    for call in (pykv.repair, pykv.destroy):
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "absent")
        with pytest.raises(FormatError, match="no database of a known engine"):
            call(tmp_path)
    assert bitcask.asked == []
