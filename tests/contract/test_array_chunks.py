"""The chunks of `put_arrays` and `delete_arrays`."""

from typing import Any

import numpy as np


def test_chunks_are_no_larger_than_the_option_for_batches(make_store: Any) -> None:
    """Rows that put_many takes were a BatchTooLargeError, with a part of them written."""
    db = make_store(batch_bytes_max=65_536)
    keys = np.arange(2_000, dtype=">u8")
    values = np.full((2_000, 100), 7, np.uint8)
    db.put_arrays(keys, values)
    assert dict(db.items()) == dict.fromkeys(keys.view("V8").tolist(), bytes([7] * 100))
    db.put_arrays(keys[:2], np.zeros((2, 65_536), np.uint8))
    assert {len(value) for value in db.get_arrays(keys[:3]).to_list()} == {65_536, 100}
    long_keys = np.zeros((2_000, 100), np.uint8)
    long_keys[:, 92:] = keys.view(np.uint8).reshape(2_000, 8)
    db.put_arrays(long_keys, np.zeros(2_000, "V1"))
    db.delete_arrays(long_keys)
    assert len(db) == 2_000
