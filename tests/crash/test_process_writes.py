"""The writes of the writing processes come to the same in a store and in a dict."""

import random
from itertools import islice
from pathlib import Path

import pytest
from tests.crash.process_rows import (
    MixedAnswersError,
    Rows,
    contents,
    differences,
    followed,
    without_pins,
)
from tests.crash.process_writes import Write, copies_in, kinds_of, options_of, writes_of
from tests.engine.native_kinds import Kind


def writes_of_all_kinds(kind: Kind, count: int) -> list[Write]:
    """So many writes, with more of the rare kinds than the processes make."""
    found: dict[str, list[Write]] = {}
    for write in islice(writes_of(kind, "of all kinds"), 20 * count):
        found.setdefault(write.kind, []).append(write)
    each = count // len(kinds_of(kind))
    chosen = [write for writes in found.values() for write in writes[:each]]
    random.Random(1).shuffle(chosen)
    return chosen


def test_a_store_holds_what_the_dict_says(kind: Kind, tmp_path: Path) -> None:
    rows: Rows = {}
    pinned: dict[bytes, Rows] = {}
    with kind.open(tmp_path / "db", **options_of(random.Random(3), kind.name)) as db:
        for write in writes_of_all_kinds(kind, 200):
            write.apply(rows)
            write.perform(db)
            if write.pin:
                pinned[write.pin] = dict(rows)
        found = contents(db)
        assert found == rows, differences(found, [rows])
        pins = db.history_pins()
        assert pins
        for pin in pins:
            before = pinned[b"%d" % pin.bytes_max]
            assert followed(db, pin.since, before) == without_pins(rows)
    assert 0 < len(copies_in(tmp_path)) <= 2


def test_a_difference_is_seen(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db") as db:
        space = db.namespace("3", create=True)
        space.put(b"17", b"v", ttl=10_000 * 3_600)
        said = {b"namespace 3": b"", b"17 in 3": contents(db)[b"17 in 3"]}
        assert contents(db) == said
        assert said[b"17 in 3"].endswith(b": v")
        space.touch(b"17", 10_001 * 3_600)
        assert "another value [b'17 in 3']" in differences(contents(db), [said])
        db.drop_namespace("3")
        assert "missing [b'namespace 3', b'17 in 3']" in differences(contents(db), [said])
        db.pin_history("0", 0, bytes_max=77)
        assert contents(db) == {b"pin 0": b"77"}


def test_a_store_whose_answers_differ_is_seen(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db") as db, pytest.MonkeyPatch.context() as patch:
        db[b"17"] = b"v"
        patch.setattr(type(db), "get_many", lambda _self, _keys: [b"w"])
        with pytest.raises(MixedAnswersError, match="get_many"):
            contents(db)
