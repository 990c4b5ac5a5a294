"""The data every engine is measured on: seeded, made outside the timed regions.

Keys are 16 random bytes, so the order in which they are made is random byte order. A value is
100 bytes, of which the first half is random and the second half is one repeated byte. Every list
handed out holds fresh objects that lie in memory in the order of use, as the keys of a program
that has just read them from somewhere do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

KEY_BYTES = 16
VALUE_BYTES = 100
VALUE_RANDOM_BYTES = 50
VALUE_FILL = 0x2E
BATCH_PAIRS = 1000
GROUP_KEYS = 100
SEEK_ROWS = 100
ZIPF_EXPONENT = 0.99

_ROWS_A_CHUNK = 65_536

# Streams of one seed: each kind of data has its own generator, so that asking for one kind does
# not change another.
_STREAM_KEYS = 0
_STREAM_MISSING = 1
_STREAM_SAMPLE = 2
_STREAM_ZIPF = 3
_STREAM_VALUES = 16

Bytes2D = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]


class Workload:
    """Keys, values and orders of access for `key_count` keys. Equal arguments give equal data."""

    def __init__(self, key_count: int, seed: int = 1) -> None:
        """Draws the keys. ValueError if there is not at least one."""
        if key_count < 1:
            raise ValueError(f"key_count is {key_count}, must be at least 1")
        self.key_count = key_count
        self.seed = seed
        self._matrix: Bytes2D = self._random(_STREAM_KEYS).integers(
            0, 256, (key_count, KEY_BYTES), dtype=np.uint8
        )

    def keys(self, count: int | None = None) -> list[bytes]:
        """The first `count` keys (default all) in the order in which they are inserted."""
        return split(self._matrix[:count].tobytes(), KEY_BYTES)

    def values(self, count: int | None = None, version: int = 0) -> list[bytes]:
        """`count` values (default one a key). Another `version` gives other values."""
        rows = self.key_count if count is None else count
        random = self._random(_STREAM_VALUES + version)
        values: list[bytes] = []
        for first in range(0, rows, _ROWS_A_CHUNK):
            chunk_rows = min(_ROWS_A_CHUNK, rows - first)
            chunk = np.full((chunk_rows, VALUE_BYTES), VALUE_FILL, dtype=np.uint8)
            chunk[:, :VALUE_RANDOM_BYTES] = random.integers(
                0, 256, (chunk_rows, VALUE_RANDOM_BYTES), dtype=np.uint8
            )
            values.extend(split(chunk.tobytes(), VALUE_BYTES))
        return values

    def sample_indices(self, count: int) -> Indices:
        """Positions of `count` keys in random order, each key at most once until all were used."""
        random = self._random(_STREAM_SAMPLE)
        rounds = -(-count // self.key_count)
        orders: Indices = np.concatenate(
            [random.permutation(self.key_count) for _ in range(rounds)]
        )
        return orders[:count]

    def zipf_indices(self, count: int) -> Indices:
        """Positions of `count` keys, zipfian (exponent 0.99), the popular ones anywhere."""
        random = self._random(_STREAM_ZIPF)
        weights = 1.0 / np.arange(1, self.key_count + 1, dtype=np.float64) ** ZIPF_EXPONENT
        bounds = np.cumsum(weights)
        ranks = np.searchsorted(bounds, random.random(count) * bounds[-1], side="right")
        scattered: Indices = random.permutation(self.key_count)
        chosen: Indices = scattered[np.minimum(ranks, self.key_count - 1)]
        return chosen

    def keys_at(self, indices: Indices) -> list[bytes]:
        """Fresh key objects for the positions, in their order."""
        return split(self._matrix[indices].tobytes(), KEY_BYTES)

    def missing_keys(self, count: int) -> list[bytes]:
        """`count` keys that are not in the store, spread over the whole key space."""
        random = self._random(_STREAM_MISSING)
        present = set(self.keys())
        missing: list[bytes] = []
        while len(missing) < count:
            block = random.integers(0, 256, (count - len(missing), KEY_BYTES), dtype=np.uint8)
            missing.extend(key for key in split(block.tobytes(), KEY_BYTES) if key not in present)
        return missing

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, stream))


def split(block: bytes, width: int) -> list[bytes]:
    """Cuts `block` into pieces of `width` bytes."""
    return [block[first : first + width] for first in range(0, len(block), width)]


def batches(keys: list[bytes], values: list[bytes]) -> list[list[tuple[bytes, bytes]]]:
    """Pairs in batches of `BATCH_PAIRS`; the last one may be shorter."""
    pairs = list(zip(keys, values, strict=True))
    return [pairs[first : first + BATCH_PAIRS] for first in range(0, len(pairs), BATCH_PAIRS)]


def matrix(items: list[bytes]) -> Bytes2D:
    """Items of the same length as the lines of an array."""
    return np.frombuffer(b"".join(items), np.uint8).reshape(len(items), -1)


def array_batches(*columns: list[bytes]) -> list[tuple[Bytes2D, ...]]:
    """The lines of each column in batches of `BATCH_PAIRS`; the last one may be shorter."""
    arrays = [matrix(column) for column in columns]
    firsts = range(0, len(columns[0]), BATCH_PAIRS)
    return [tuple(each[first : first + BATCH_PAIRS] for each in arrays) for first in firsts]


def groups(keys: list[bytes]) -> list[list[bytes]]:
    """Keys in groups of `GROUP_KEYS`; what does not fill a group is left out."""
    whole = len(keys) - len(keys) % GROUP_KEYS
    return [keys[first : first + GROUP_KEYS] for first in range(0, whole, GROUP_KEYS)]
