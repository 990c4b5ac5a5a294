"""What the quickstart expects of a store, and how it tells what differs."""

import pytest

import pykv
from pykv.cli import quickstart_contents
from pykv.cli.quickstart_contents import (
    Contents,
    DifferenceError,
    Expected,
    check_all,
    fail_on,
    groups,
)
from pykv.cli.quickstart_report import Work


def test_the_first_differences_are_listed_and_the_others_counted() -> None:
    with pykv.open(engine="memory") as db:
        expected = Expected({b"%02d" % number: Contents.of(b"x") for number in range(12)})
        with pytest.raises(DifferenceError, match="b'09' is missing; and 2 more"):
            check_all(db, expected, Work())


def test_nothing_that_was_found_is_no_failure() -> None:
    fail_on([])


def test_reading_back_counts_what_it_read() -> None:
    with pykv.open(engine="memory") as db:
        db.update({b"a": b"123", b"b": b"45"})
        work = Work()
        check_all(db, Expected({b"a": Contents.of(b"123"), b"b": Contents.of(b"45")}), work)
        assert (work.file_count, work.byte_count) == (2, 5)


def test_a_copy_stays_as_it_was() -> None:
    expected = Expected({b"a": Contents.of(b"1")}, 7)
    copy = expected.copy()
    del expected.files[b"a"]
    assert copy == Expected({b"a": Contents.of(b"1")}, 7)


def test_groups_are_small_in_files_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quickstart_contents, "GROUP_FILES", 3)
    monkeypatch.setattr(quickstart_contents, "GROUP_BYTES", 10)
    sizes = [1, 1, 1, 1, 9, 20, 5, 5]
    assert list(groups(sizes, lambda size: size)) == [[1, 1, 1], [1, 9], [20], [5, 5]]
