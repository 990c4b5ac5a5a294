"""The ordered part of the quickstart finds what is out of order, and nothing else."""

from typing import Any

import pytest

import pykv
from pykv.cli.quickstart_order import differences, prefixes_of

KEYS = [b"\0child/1", b"a", b"a.b", b"a/", b"a/b", b"a/b/c", b"a0", b"b/x", b"b/y", b"\xff/z"]


class Faulty:
    """A store with order and one method that lies."""

    def __init__(self, db: pykv.Memory, name: str, lie: Any) -> None:
        self._db = db
        setattr(self, name, lie)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def test_prefixes_are_the_directories_of_files() -> None:
    assert prefixes_of([b"a/b/c", b"a/b/d", b"x", b"y/z"]) == [b"a/b/", b"y/"]


@pytest.mark.parametrize("keys", [KEYS, KEYS[:1], []])
def test_a_store_in_order_has_no_differences(keys: list[bytes]) -> None:
    with pykv.open(engine="memory") as db:
        db.update(dict.fromkeys(keys, b"v"))
        assert differences(db, sorted(keys)) == []


@pytest.mark.parametrize(
    ("name", "lie", "words"),
    [
        ("scan_keys", lambda **how: iter(KEYS[:3]), "a scan is not in order"),
        ("scan_keys", lambda **how: iter(KEYS), "a scan backwards is not the same"),
        ("scan_keys", lambda **how: iter(KEYS), "the rows below b'a/' are not those stored"),
        ("first", lambda: (b"b", b"v"), "the first and the last key"),
        ("last", lambda: None, "the first and the last key"),
        ("count", lambda prefix: 1, "the rows below b'a/' are not 3"),
        ("floor", lambda key: None, "the neighbours of b'a' are not"),
        ("ceiling", lambda key: (key, b"v"), "the neighbours of b'a\\x00' are not"),
    ],
)
def test_a_lie_is_found(name: str, lie: Any, words: str) -> None:
    with pykv.open(engine="memory") as db:
        db.update(dict.fromkeys(KEYS, b"v"))
        faulty: Any = Faulty(db, name, lie)
        assert words in "; ".join(differences(faulty, KEYS))
