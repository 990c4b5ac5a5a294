"""Turns of threads: what is called meanwhile waits, and what is called inside is refused."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.turn import Turn
from tests.crash.processes import in_child


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.table"


def test_one_thread_has_the_turn_until_its_block_ends() -> None:
    turn = Turn("a test")
    inside = threading.Event()
    order: list[str] = []

    def wait_for_it() -> None:
        inside.wait()
        turn.refuse_inside()
        with turn.taken():
            order.append("second")

    other = threading.Thread(target=wait_for_it)
    other.start()
    with suppress(ZeroDivisionError), turn.taken():
        inside.set()
        other.join(0.05)
        order.append("first")
        with pytest.raises(RuntimeError, match="in the middle of a test"):
            turn.taken()
        raise ZeroDivisionError
    other.join()
    assert order == ["first", "second"]
    turn.refuse_inside()


@pytest.mark.parametrize("end", [pykv.TableWriter.abandon, pykv.TableWriter.finish])
def test_what_another_thread_calls_meanwhile_waits(file: Path, end: Any) -> None:
    """abandon() freed the writer that add_many of another thread was in: the core went on for ever
    in freed memory."""
    writer = pykv.TableWriter(file)
    began = threading.Event()

    def end_it() -> None:
        began.wait()
        assert len(writer) >= 512
        end(writer)

    other = threading.Thread(target=end_it)
    other.start()

    def rows_until_refused() -> Iterator[tuple[bytes, bytes]]:
        for number in range(10_000_000):
            yield b"%08d" % number, b"v" * 100
            if number == 512:
                began.set()

    with pytest.raises(pykv.ClosedError):
        writer.add_many(rows_until_refused())
    other.join()
    assert file.exists() == (end is pykv.TableWriter.finish)


def test_a_handler_in_the_middle_of_a_call_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = pykv.TableWriter(file)
    live = pykv.TableWriter._writer

    def interrupted(self: pykv.TableWriter) -> Any:
        for attempt in (self.abandon, self.finish, lambda: self.add(b"b", b""), lambda: len(self)):
            with pytest.raises(RuntimeError, match="in the middle of a call of the writer"):
                attempt()
        return live(self)

    with monkeypatch.context() as patched:
        patched.setattr(pykv.TableWriter, "_writer", interrupted)
        writer.add(b"a", b"1")
    writer.add(b"b", b"2")
    assert len(writer) == 2
    writer.finish()


def test_a_table_writer_in_a_child_is_refused_though_another_thread_had_its_turn(
    file: Path,
) -> None:
    writer = pykv.TableWriter(file)
    held, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with writer._turn.taken():
            held.set()
            ended.wait()

    other = threading.Thread(target=hold)
    other.start()
    held.wait()

    def use() -> None:
        with pytest.raises(pykv.ForkedError):
            writer.add(b"a", b"1")

    assert in_child(use) == 0
    ended.set()
    other.join()
    writer.abandon()
