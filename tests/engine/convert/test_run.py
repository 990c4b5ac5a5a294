"""A conversion makes a database with the same rows, or goes on where it was interrupted."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.convert import mark, run
from pykv.engine.dated_rows import export_rows, write_rows
from tests.crash.processes import fork, wait_for

COUNT = 5_000
ENGINES = ["bitcask", "lsm"]


def key(number: int) -> bytes:
    return b"%06d" % (number * 7919 % 1_000_003)


def fill(db: pykv.Store, count: int = COUNT) -> None:
    db.put_many((key(i), b"v" * (i % 50)) for i in range(count))
    db.put_many([(key(i), b"kept") for i in range(10)], ttl=10_000)
    db.delete_many([key(i) for i in range(20, 40)])


@pytest.fixture(params=ENGINES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with pykv.open(tmp_path / "source", engine=request.param) as db:
        fill(db)
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the mark be written with every chunk."""
    monkeypatch.setattr(run, "MARK_BYTES", 1)


def order_of(row: pykv.DatedRow) -> tuple[str, bytes]:
    return row.namespace or "", row.key


def rows_of(path: Path) -> list[Any]:
    with pykv.open(path, read_only=True) as db:
        return sorted(export_rows(db), key=order_of)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_rows_come_with_their_deadlines(source: Path, target: Path, engine: str) -> None:
    before = rows_of(source)
    told: list[tuple[int, int]] = []
    made = pykv.convert(source, target, engine=engine, progress=lambda *each: told.append(each))
    assert rows_of(target) == before == rows_of(source)
    assert made.row_count == len(before) == COUNT - 20
    assert made.byte_count == sum(len(row.key) + len(row.value) for row in before)
    assert made.resumed_row_count == 0
    assert told == sorted(told)
    assert {path.name for path in target.iterdir()}.isdisjoint({".convert", "CHECKPOINT.tmp"})
    with pykv.open(target) as db:
        assert db.stats()["engine"] == engine
        assert db.verify().ok


def test_there_and_back_comes_to_the_same_digest(source: Path, tmp_path: Path) -> None:
    there = pykv.convert(source, tmp_path / "there", engine="lsm", compression="none")
    back = pykv.convert(tmp_path / "there", tmp_path / "back", engine="bitcask")
    assert there.digest == back.digest


def test_an_open_store_is_converted_too(target: Path) -> None:
    with pykv.open(engine="memory") as db:
        fill(db, 100)
        pykv.convert(db, target, engine="lsm")
        assert rows_of(target) == sorted(export_rows(db), key=order_of)


def test_a_converted_empty_store_is_empty(tmp_path: Path) -> None:
    with pykv.open(engine="memory") as db:
        assert pykv.convert(db, tmp_path / "db", engine="bitcask").row_count == 0
    assert rows_of(tmp_path / "db") == []


def test_a_store_that_is_written_to_meanwhile_is_told_and_nothing_stays(target: Path) -> None:
    with pykv.open(engine="memory") as db:
        fill(db)

        def write(_done: int, _total: int) -> None:
            db[b"more"] = b""

        with pytest.raises(pykv.UnfinishedError, match="was written to"):
            pykv.convert(db, target, engine="lsm", progress=write)
    assert not target.exists()


def test_what_ends_it_is_told_where_the_directory_was_there_before(target: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    target.mkdir()
    (target / "LOCK").touch()
    with pykv.open(engine="memory") as db:
        fill(db)
        with pytest.raises(KeyboardInterrupt):
            pykv.convert(db, target, engine="lsm", progress=stop)
        assert [each.name for each in target.iterdir()] == ["LOCK"]
        assert pykv.convert(db, target, engine="lsm").row_count == COUNT - 20


def test_nothing_is_touched_where_something_is(source: Path, target: Path) -> None:
    with pykv.open(target) as db:
        db[b"mine"] = b"1"
    with pytest.raises(FileExistsError):
        pykv.convert(source, target, engine="lsm")
    assert rows_of(target) == [(b"mine", b"1", 0, None)]


def test_an_engine_that_keeps_nothing_is_refused(source: Path, target: Path) -> None:
    with pytest.raises(pykv.InvalidOptionError):
        pykv.convert(source, target, engine="memory")
    assert not target.exists()


def test_a_missing_source_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pykv.convert(tmp_path / "none", tmp_path / "target", engine="lsm")
    assert not (tmp_path / "target").exists()


def test_a_difference_is_found(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "write_rows", lambda db, puts, sync: write_rows(db, puts[1:], sync))
    with pytest.raises(pykv.CorruptionError, match="digest"):
        pykv.convert(source, target, engine="lsm")
    with pytest.raises(pykv.UnfinishedError):
        pykv.open(target)


# ---- interrupted ----


def killed_at(place: int) -> Callable[..., None]:
    def end(done: int, _total: int) -> None:
        if done >= place:
            os.kill(os.getpid(), signal.SIGKILL)

    return end


def kill(work: Callable[[], object]) -> None:
    assert wait_for(fork(work)) == -signal.SIGKILL


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_killed_goes_on(source: Path, target: Path, engine: str) -> None:
    before = rows_of(source)
    kill(lambda: pykv.convert(source, target, engine=engine, progress=killed_at(2_000)))
    for refused in (pykv.open, pykv.repair):
        with pytest.raises(pykv.UnfinishedError, match=r"pykv.convert\(\).*pykv.destroy\(\)"):
            refused(target)
    kill(lambda: pykv.convert(source, target, engine=engine, progress=killed_at(4_000)))
    made = pykv.convert(source, target, engine=engine)
    assert 1_000 < made.resumed_row_count < COUNT
    assert rows_of(target) == before


@pytest.mark.usefixtures("often")
def test_what_was_killed_while_it_was_compared_goes_on(source: Path, target: Path) -> None:
    kill(lambda: pykv.convert(source, target, engine="lsm", progress=killed_at(2 * COUNT)))
    assert pykv.convert(source, target, engine="lsm").resumed_row_count >= COUNT - 1_020
    assert rows_of(target) == rows_of(source)


@pytest.mark.usefixtures("often")
def test_an_interrupted_one_can_be_destroyed(source: Path, target: Path) -> None:
    kill(lambda: pykv.convert(source, target, engine="lsm", progress=killed_at(2_000)))
    pykv.destroy(target)
    assert not target.exists()


def destroy_until(target: Path, calls: int) -> None:
    dying = Dying(calls)
    for owner, name in ((shutil, "rmtree"), (Path, "unlink"), (Path, "rmdir")):
        setattr(owner, name, dying.before(getattr(owner, name)))
    pykv.destroy(target)


@pytest.mark.usefixtures("often")
def test_a_death_while_it_is_destroyed_leaves_what_can_be_destroyed_or_begun_anew(
    source: Path, tmp_path: Path
) -> None:
    for calls in range(1, 100):
        target = tmp_path / f"{calls}"
        kill(partial(pykv.convert, source, target, engine="lsm", progress=killed_at(2_000)))
        if wait_for(fork(partial(destroy_until, target, calls))) == 0:
            break
        again = tmp_path / f"{calls}-again"
        shutil.copytree(target, again)
        if any(target.iterdir()):
            pykv.destroy(target)
            assert not target.exists()
        pykv.convert(source, again, engine="lsm")
        assert rows_of(again) == rows_of(source)
    assert calls > 3
    assert not target.exists()


@pytest.mark.usefixtures("often")
def test_what_was_copied_stays_where_going_on_lacks_a_package(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_arguments: object, **_options: object) -> None:
        raise pykv.NotSupportedError("a package is not here")

    kill(lambda: pykv.convert(source, target, engine="lsm", progress=killed_at(2_000)))
    with monkeypatch.context() as patched:
        patched.setattr(run, "_fill", lacking)
        with pytest.raises(pykv.NotSupportedError):
            pykv.convert(source, target, engine="lsm")
    assert pykv.convert(source, target, engine="lsm").resumed_row_count > 0


def test_an_option_that_is_not_known_makes_nothing(source: Path, target: Path) -> None:
    with pytest.raises(TypeError, match="compresion"):
        pykv.convert(source, target, engine="lsm", compresion="zstd")
    assert not target.exists()


@pytest.mark.usefixtures("often")
def test_it_does_not_go_on_with_another_source_or_engine(source: Path, target: Path) -> None:
    kill(lambda: pykv.convert(source, target, engine="lsm", progress=killed_at(2_000)))
    with pytest.raises(pykv.UnfinishedError, match="to engine 'lsm'"):
        pykv.convert(source, target, engine="bitcask")
    with pykv.open(engine="memory") as db, pytest.raises(pykv.UnfinishedError, match="else"):
        pykv.convert(db, target, engine="lsm")
    with pykv.open(source) as db:
        db[b"one more"] = b""
    with pytest.raises(pykv.UnfinishedError, match="has changed since"):
        pykv.convert(source, target, engine="lsm")


def test_two_at_once_do_not_meet(source: Path, target: Path) -> None:
    def again(_done: int, _total: int) -> None:
        with pytest.raises(pykv.LockedError):
            pykv.convert(source, target, engine="lsm")
        with pytest.raises(pykv.LockedError):
            pykv.destroy(target)

    pykv.convert(source, target, engine="lsm", progress=again)
    assert rows_of(target) == rows_of(source)


class Dying:
    """Stands before functions of the mark and of Path; the process dies at the k-th call."""

    def __init__(self, left: int) -> None:
        self.left = left

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **named)

        return called


def convert_until(source: Path, target: Path, calls: int) -> None:
    dying = Dying(calls)
    for name in ("sync_directory", "write_whole", "remove_file", "make_directory"):
        setattr(mark, name, dying.before(getattr(mark, name)))
    for name in ("replace", "rmdir", "mkdir", "touch"):
        setattr(Path, name, dying.before(getattr(Path, name)))
    pykv.convert(source, target, engine="lsm", background_threads=0)


def outcomes(source: Path, target: Path, first: int) -> Iterator[str]:
    """What the target is after a death at each fourth step, until a conversion lives."""
    for calls in range(first, 100, 4):
        lived = wait_for(fork(partial(convert_until, source, target, calls))) == 0
        try:
            with pykv.open(target, create=False):
                yield "whole"
        except pykv.UnfinishedError:
            yield "marked"
        except (FileNotFoundError, pykv.FormatError):
            yield "none"
        if lived:
            return
        if target.exists():
            with suppress(FileExistsError):  # It was whole, and without a mark.
                pykv.convert(source, target, engine="lsm")
            assert {each.name[0] for each in target.iterdir()} <= set("0LM.")
            assert rows_of(target) == rows_of(source)
        if target.exists():
            pykv.destroy(target)
            assert not target.exists()


@pytest.mark.parametrize("first", range(1, 5))
def test_a_death_at_any_step_leaves_nothing_or_a_mark_or_a_whole_database(
    tmp_path: Path, first: int
) -> None:
    with pykv.open(tmp_path / "source", engine="lsm") as db:
        db.update({b"a": b"1", b"b": b"2"})
    seen = list(outcomes(tmp_path / "source", tmp_path / "target", first))
    assert seen[-1] == "whole"
    assert {"none", "marked"} <= set(seen)


def fill_namespaces(db: Any) -> None:
    for name in ("\u00e9", "users", "empty", "items"):
        db.namespace(name, create=True)
    for name in ("\u00e9", "users", "items"):
        fill(db.namespace(name), 2_500)
    db.namespace("gone", create=True)[b"k"] = b"v"
    db.drop_namespace("gone")


def test_namespaces_come_with_all_of_their_rows(target: Path, tmp_path: Path) -> None:
    with pykv.open(tmp_path / "source", engine="lsm") as db:
        fill(db, 100)
        fill_namespaces(db)
        rows = sorted(export_rows(db), key=order_of)
        made = pykv.convert(db, target, engine="lsm", compression="none")
    assert made.row_count == 80 + 3 * 2_480 == len(rows)
    assert rows_of(target) == rows
    with pykv.open(target) as again:
        assert again.namespaces() == ["empty", "items", "users", "\u00e9"]
        assert pykv.convert(again, tmp_path / "other", engine="lsm").digest == made.digest
        again.drop_namespace("empty")
        assert pykv.convert(again, tmp_path / "third", engine="lsm").digest != made.digest


def test_a_conversion_goes_on_in_the_namespace_where_it_was(
    target: Path, tmp_path: Path, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pykv.open(tmp_path / "source", engine="lsm") as db:
        fill(db, 1_500)
        fill_namespaces(db)
    seen: list[mark.Mark] = []

    class StopHereError(Exception):
        pass

    def stop(place: mark.Place, now: mark.Mark) -> None:
        write(place, now)
        seen.append(now)
        if now.row_count > seen[0].row_count:
            raise StopHereError

    write = mark.Place.write
    for _ in range(20):
        monkeypatch.setattr(mark.Place, "write", stop)
        with suppress(StopHereError):
            made = pykv.convert(tmp_path / "source", target, engine="lsm")
            break
        seen[:] = seen[-1:]
    assert made.resumed_row_count > 0
    assert {each.namespace for each in seen} <= {None, "items", "users", "\u00e9"}
    assert rows_of(target) == rows_of(tmp_path / "source")


def test_an_engine_without_namespaces_takes_them_one_by_one(target: Path, tmp_path: Path) -> None:
    with pykv.open(tmp_path / "source", engine="lsm") as db:
        users = db.namespace("users", create=True)
        users[b"k"] = b"v"
        with pytest.raises(pykv.NotSupportedError, match=r"namespaces \(users\)"):
            pykv.convert(db, target, engine="sqlite")
        assert not target.exists()
        assert pykv.convert(users, target, engine="sqlite").row_count == 1
        assert rows_of(target) == [(b"k", b"v", 0, None)]
        db.drop_namespace("users")
        assert pykv.convert(db, tmp_path / "empty", engine="sqlite").row_count == 0
