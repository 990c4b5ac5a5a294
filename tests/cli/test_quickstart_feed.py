"""The change feed of the quickstart follows to the end, and finds a feed that lies."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.cli.quickstart_contents import Contents, DifferenceError, Expected
from pykv.cli.quickstart_feed import Followed, followed

Feed = Iterator[pykv.Change]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[pykv.Store]:
    with pykv.open(tmp_path / "followed", engine="bitcask") as opened:
        opened.put(b"old", b"1")
        yield opened


def follow(db: pykv.Store, rounds: int = 1) -> Followed:
    expected = Expected({b"old": Contents.of(b"1")})
    with followed(db, expected) as result:
        for number in range(rounds):
            db.put(b"%d" % number, b"new")
            expected.files[b"%d" % number] = Contents.of(b"new")
            db.sync()
        db.delete(b"old")
        del expected.files[b"old"]
    return result


def test_every_change_is_followed_and_counted(db: pykv.Store) -> None:
    result = follow(db, rounds=50)
    assert result.change_count == 51
    assert result.seconds > 0.0
    assert result.text().startswith("51 changes by another thread as they were written, ")


def test_a_feed_without_changes_has_no_rate() -> None:
    assert "/s" not in Followed().text()


def _with_kind(feed: Feed, kind: str) -> Feed:
    return (change._replace(kind=kind) for change in feed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (lambda feed: islice(feed, 0), "the feed ends with change 1, not 3"),
        (lambda feed: islice(feed, 1, None), "b'0' is not in the feed as it was written"),
        (lambda feed: (each._replace(value=b"x") for each in feed), "b'0' is not in the feed"),
        (lambda feed: _with_kind(feed, "clear"), "the feed has a clear, which nobody wrote"),
    ],
)
def test_a_feed_that_lies_is_found(
    db: pykv.Store, monkeypatch: pytest.MonkeyPatch, lie: Callable[[Feed], Feed], words: str
) -> None:
    honest: Any = pykv.Bitcask.changes

    def lying(self: pykv.Store, since: int, **how: Any) -> Feed:
        db.sync()
        return lie(honest(self, since, **how))

    monkeypatch.setattr(pykv.Bitcask, "changes", lying)
    with pytest.raises(DifferenceError, match=words):
        follow(db)


def test_the_thread_ends_with_a_block_that_fails(db: pykv.Store) -> None:
    with pytest.raises(KeyError), followed(db, Expected({b"old": Contents.of(b"1")})):
        raise KeyError
    assert db.stats()["open_scan_count"] == 0
