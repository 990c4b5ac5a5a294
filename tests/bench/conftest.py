"""Results made by hand, for the tests of what is computed from them."""

from collections.abc import Callable

import pytest

from benches.results import Results

Samples = dict[str, dict[str, list[float]]]


@pytest.fixture
def make_results() -> Callable[..., Results]:
    """A maker of results with given samples; every engine has a million keys but sqlite3."""

    def make(samples: Samples, *, keys: int = 1_000_000, pykv_engine: str = "bitcask") -> Results:
        names = ("lmdb", "plyvel", "rocksdict", "sqlite3", "dict", "pykv")
        return Results(
            pykv_engine=pykv_engine,
            made="2026-01-31T00:00:00+00:00",
            rounds=3,
            seed=1,
            budget_bytes=256 << 20,
            key_counts={name: 50_000 if name == "sqlite3" else keys for name in names},
            machine={
                "cpu": "a processor",
                "cores": "2",
                "memory": "24 GiB",
                "system": "Linux 6.1",
                "file system": "ext4",
                "python": "CPython 3.11.7",
            },
            samples=samples,
        )

    return make
