"""History of a native store over closes and kills, its pins, and what is no pin."""

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.native_history import PINS_MAX
from pykv.errors import CorruptionError, HistoryGoneError, NotSupportedError

SMALL: dict[str, dict[str, Any]] = {
    "bitcask": {"engine": "bitcask", "segment_bytes": 1 << 16},
    "lsm": {"engine": "lsm", "memtable_bytes": 1 << 16},
}


@pytest.fixture(params=list(SMALL.values()), ids=list(SMALL))
def small(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options that let the history of a store be replaced soon."""
    options: dict[str, Any] = request.param
    return options


def replace(db: Any) -> None:
    """Ends what the store has of its log for itself."""
    if isinstance(db, pykv.Bitcask):
        db.put_many((b"%06d" % i, b"w" * 100) for i in range(5000))
        db.compact()
    db.flush()


def fill(db: Any, begin: int, end: int) -> None:
    db.put_many((b"%06d" % i, b"v" * 100) for i in range(begin, end))


def seqs(db: Any, since: int = 0) -> list[int]:
    return [change.seq for change in db.changes(since)]


def test_history_outlives_what_replaces_it_and_closes(
    tmp_path: Path, small: dict[str, Any]
) -> None:
    for _ in range(3):
        with pykv.open(tmp_path, history_bytes=1 << 30, **small) as db:
            fill(db, 0, 2000)
            replace(db)
            db.sync()
            assert seqs(db) == list(range(1, db.last_seq + 1))
            assert db.stats()["history_floor"] == 1
            assert db.stats()["history_bytes"] > 0
            last = db.last_seq
    with pykv.open(tmp_path, history_bytes=1 << 30, **small) as db:
        assert seqs(db, last - 10) == list(range(last - 9, last + 1))


def test_a_follower_of_a_log_that_was_cut_is_told(tmp_path: Path, small: dict[str, Any]) -> None:
    """It once passed over all that was written with the sequence numbers that it had read."""
    options: dict[str, Any] = {"history_bytes": 1 << 30, "background_threads": 0, **small}
    with pykv.open(tmp_path / "db", **options) as db:
        for i in range(100):
            db.put(b"%06d" % i, b"v", sync=i % 10 == 9)
        assert db.last_seq == 100
        shutil.copytree(tmp_path / "db", tmp_path / "cut")
    for log in (tmp_path / "cut").glob("*.log"):
        log.write_bytes(log.read_bytes().replace(b"000049", b"x00049"))
    with pytest.raises(CorruptionError, match="point_in_time"):
        pykv.open(tmp_path / "cut", **options)
    with pykv.open(tmp_path / "cut", recovery="point_in_time", **options) as db:
        assert sorted(db) == [b"%06d" % i for i in range(49)]
        fill(db, 50, 120)
        db.sync()
        assert seqs(db, 101) == list(range(102, db.last_seq + 1))
        for since in (30, 49, 50, 100):
            with pytest.raises(HistoryGoneError):
                seqs(db, since)


WRITER = """
import sys, pykv
db = pykv.open(sys.argv[1], history_bytes=1 << 30, **eval(sys.argv[2]))
follower = db.changes(db.last_seq, follow=True)
for number in range(1000):
    with db.batch() as batch:
        for i in range(7):
            batch.put(b"%d-%d" % (number % 10, i), b"v" * 50)
    if number % 50 == 49:
        db.sync()
        for _ in range(350):
            change = next(follower)
        print(change.seq, flush=True)
"""


def test_a_killed_follower_goes_on_behind_what_it_saw(
    tmp_path: Path, small: dict[str, Any]
) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path), repr(small)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    seen = 0
    for _ in range(5):
        seen = int(writer.stdout.readline())
    writer.kill()
    writer.communicate()
    with pykv.open(tmp_path, history_bytes=1 << 30, **small) as db:
        assert not db.stats()["clean_open"]
        rows = {change.key: change.value for change in db.changes()}
        assert rows == dict(db.items())
        assert seqs(db, seen) == list(range(seen + 1, db.last_seq + 1))
        assert list(db.changes())[-1].last


def test_a_pin_keeps_changes_over_closes_until_it_is_removed(
    tmp_path: Path, small: dict[str, Any]
) -> None:
    with pykv.open(tmp_path, **small) as db:
        fill(db, 0, 1000)
        db.pin_history("copy", 500)
        fill(db, 1000, 3000)
        replace(db)
        last = db.last_seq
    with pykv.open(tmp_path, **small) as db:
        assert db.history_pins() == (pykv.HistoryPin("copy", 500, None, None, False),)
        assert [change.seq for change in db.changes(500)] == list(range(501, last + 1))
        db.pin_history("copy", last)
        assert db.stats()["history_floor"] > 1000
        db.unpin_history("copy")
        assert db.history_pins() == ()
        replace(db)
        assert db.stats()["history_bytes"] == 0
        with pytest.raises(KeyError, match="copy"):
            db.unpin_history("copy")


def test_a_pin_gives_way_at_its_limit_and_says_so(tmp_path: Path, small: dict[str, Any]) -> None:
    with pykv.open(tmp_path, **small) as db:
        fill(db, 0, 1)
        db.pin_history("slow", 0, bytes_max=200_000)
        db.pin_history("late", 1, seconds_max=0.001)
        fill(db, 1, 5000)
        replace(db)
        late, slow = sorted(db.history_pins(), key=lambda pin: pin.name)
        assert late.gone
        assert slow.gone
        assert late.expires_at is not None
        assert slow.bytes_max == 200_000
        assert 0 < db.stats()["history_bytes"] <= 200_000
        with pytest.raises(HistoryGoneError):
            db.changes(1)


@pytest.mark.parametrize(
    ("arguments", "limits", "error"),
    [
        (("", 0), {}, ValueError),
        (("x" * 65, 0), {}, ValueError),
        (("a\0b", 0), {}, ValueError),
        ((b"a", 0), {}, TypeError),
        (("a", "1"), {}, TypeError),
        (("a", -1), {}, ValueError),
        (("a", 9), {}, HistoryGoneError),
        (("a", 0), {"bytes_max": -1}, ValueError),
        (("a", 0), {"bytes_max": 0}, ValueError),
        (("a", 0), {"bytes_max": 1 << 64}, ValueError),
        (("a", 0), {"bytes_max": 1.5}, TypeError),
        (("a", 0), {"seconds_max": 0}, ValueError),
        (("a", 0), {"seconds_max": math.inf}, ValueError),
        (("a", 0), {"seconds_max": True}, TypeError),
        (("a", 0), {"seconds_max": "x"}, TypeError),
    ],
)
def test_what_is_no_pin_is_refused(
    tmp_path: Path,
    small: dict[str, Any],
    arguments: tuple[Any, ...],
    limits: dict[str, Any],
    error: type[Exception],
) -> None:
    with pykv.open(tmp_path, **small) as db:
        with pytest.raises(error, match=next(iter(limits), None)):
            db.pin_history(*arguments, **limits)
        assert db.history_pins() == ()


def test_there_is_an_end_to_pins(tmp_path: Path, small: dict[str, Any]) -> None:
    with pykv.open(tmp_path, **small) as db:
        for number in range(PINS_MAX):
            db.pin_history(str(number), 0)
        with pytest.raises(NotSupportedError, match="16 pins"):
            db.pin_history("more", 0)
