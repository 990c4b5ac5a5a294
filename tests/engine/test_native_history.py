"""Pins of a native store's history, and what is no pin."""

from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.native_history import PINS_MAX
from pykv.errors import HistoryGoneError, NotSupportedError

SMALL: dict[str, Any] = {"engine": "lsm", "memtable_bytes": 1 << 16}


def fill(db: Any, begin: int, end: int) -> None:
    db.put_many((b"%06d" % i, b"v" * 100) for i in range(begin, end))


def test_a_pin_keeps_changes_over_closes_until_it_is_removed(tmp_path: Path) -> None:
    with pykv.open(tmp_path, **SMALL) as db:
        fill(db, 0, 1000)
        db.pin_history("copy", 500)
        fill(db, 1000, 3000)
    with pykv.open(tmp_path, **SMALL) as db:
        assert db.history_pins() == (pykv.HistoryPin("copy", 500, None, None, False),)
        assert [change.seq for change in db.changes(500)] == list(range(501, 3001))
        db.pin_history("copy", 2999)
        assert db.stats()["history_floor"] > 1000
        db.unpin_history("copy")
        assert db.history_pins() == ()
        assert db.stats()["history_floor"] == 3001
        with pytest.raises(KeyError, match="copy"):
            db.unpin_history("copy")


def test_a_pin_gives_way_at_its_limit_and_says_so(tmp_path: Path) -> None:
    with pykv.open(tmp_path, **SMALL) as db:
        fill(db, 0, 1)
        db.pin_history("slow", 0, bytes_max=200_000)
        db.pin_history("late", 1, seconds_max=0.001)
        fill(db, 1, 5000)
        db.flush()
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
        (("a", 0), {"bytes_max": 1.5}, TypeError),
        (("a", 0), {"seconds_max": 0}, ValueError),
    ],
)
def test_what_is_no_pin_is_refused(
    tmp_path: Path, arguments: tuple[Any, ...], limits: dict[str, Any], error: type[Exception]
) -> None:
    with pykv.open(tmp_path, **SMALL) as db:
        with pytest.raises(error):
            db.pin_history(*arguments, **limits)
        assert db.history_pins() == ()


def test_there_is_an_end_to_pins(tmp_path: Path) -> None:
    with pykv.open(tmp_path, **SMALL) as db:
        for number in range(PINS_MAX):
            db.pin_history(str(number), 0)
        with pytest.raises(NotSupportedError, match="16 pins"):
            db.pin_history("more", 0)
