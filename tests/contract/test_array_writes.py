"""Writes of arrays: all is checked before anything is written, and a note says what was."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pykv.errors import KeyTooLargeError

ROWS = 3_000
TOO_LONG = 70_000


def test_the_last_of_many_keys_is_checked_before_the_first_is_written(db: Any) -> None:
    """Two chunks of 1,000 rows were written, and stayed, before the key was looked at."""
    offsets = np.append(np.arange(ROWS, dtype=np.int64) * 8, (ROWS - 1) * 8 + TOO_LONG)
    data = np.zeros(offsets[-1], np.uint8)
    data[: (ROWS - 1) * 8] = np.arange(ROWS - 1, dtype=">u8").view(np.uint8)
    db[data[:8].tobytes()] = b"before"
    sequence = db.last_seq
    calls: list[Callable[[], None]] = [
        lambda: db.put_arrays((data, offsets), np.zeros((ROWS, 1), np.uint8)),
        lambda: db.put_arrays((data, offsets), np.zeros((ROWS, 1), np.uint8), atomic=True),
        lambda: db.delete_arrays((data, offsets)),
    ]
    for call in calls:
        with pytest.raises(KeyTooLargeError, match=r"70,?000") as caught:
            call()
        assert not hasattr(caught.value, "__notes__")
    assert list(db.items()) == [(data[:8].tobytes(), b"before")]
    assert db.last_seq == sequence


@pytest.mark.needs("long_keys")
def test_keys_of_any_length_come_back(db: Any) -> None:
    lengths = [0, 3_000, 65_535]
    data = np.full(sum(lengths), ord("b"), np.uint8)
    keys = (data, np.cumsum([0, *lengths], dtype=np.int64))
    db.put_arrays(keys, np.arange(3, dtype=np.uint8).reshape(3, 1))
    assert db.get_arrays(keys).to_list() == [b"\0", b"\1", b"\2"]
    assert [db[b"b" * each] for each in lengths] == [b"\0", b"\1", b"\2"]
    db.delete_arrays(keys)
    assert len(db) == 0
