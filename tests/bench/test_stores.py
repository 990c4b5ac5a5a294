"""Every adapter does what the row says: the loops are fast only if they are right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benches import engines
from benches.stores import BenchStore, allocated_bytes, call_each, put_each, walk
from benches.workloads import SEEK_ROWS, Workload, array_batches, batches, groups

BUDGET_BYTES = 8 << 20
KEYS = 2_000


def stores() -> list[str]:
    """The engines that can be measured here; pykv with its memory engine."""
    return [name for name in engines.ENGINES if engines.installed(name)]


@pytest.fixture(params=stores())
def store(request: pytest.FixtureRequest) -> BenchStore:
    return engines.make_store(str(request.param), BUDGET_BYTES, "memory")


@pytest.fixture
def workload() -> Workload:
    return Workload(KEYS)


def test_puts_overwrites_and_deletes_are_seen(
    store: BenchStore, workload: Workload, tmp_path: Path
) -> None:
    keys, values, others = workload.keys(), workload.values(), workload.values(version=1)
    store.open(tmp_path)
    store.put(keys, values)
    assert store.lookup(keys) == values
    assert store.row_count() == KEYS
    store.overwrite(keys[:500], others[:500])
    assert store.lookup(keys[:500]) == others[:500]
    assert store.lookup(keys[500:]) == values[500:]
    store.delete(keys[:100])
    assert store.lookup(keys[:100]) == [None] * 100
    assert store.row_count() == KEYS - 100
    store.close()


def test_a_closed_store_has_everything_when_it_is_opened_again(
    store: BenchStore, workload: Workload, tmp_path: Path
) -> None:
    if not store.has("reopen"):
        assert store.name in {"dict", "pykv"}
        return
    keys, values = workload.keys(), workload.values()
    store.open(tmp_path)
    store.put(keys, values)
    store.close()
    store.open(tmp_path)
    assert store.lookup(keys) == values
    store.close()


def test_batches_are_stored(store: BenchStore, workload: Workload, tmp_path: Path) -> None:
    keys, values = workload.keys(), workload.values()
    store.open(tmp_path)
    store.put_batch(batches(keys, values))
    assert store.lookup(keys) == values
    store.close()


def test_arrays_are_stored_and_read(store: BenchStore, workload: Workload, tmp_path: Path) -> None:
    keys, values = workload.keys(), workload.values()
    store.open(tmp_path)
    if store.takes_arrays:
        store.put_arrays([(a, b) for a, b in array_batches(keys, values)])
        assert store.lookup(keys) == values
        store.get_arrays([each for (each,) in array_batches(keys)])
        store.scan_arrays()
    else:
        calls: list[Callable[[], None]] = [
            store.scan_arrays,
            lambda: store.get_arrays([]),
            lambda: store.put_arrays([]),
        ]
        for call in calls:
            with pytest.raises(NotImplementedError, match=store.name):
                call()
    store.close()


def test_the_reading_loops_run_over_present_and_missing_keys(
    store: BenchStore, workload: Workload, tmp_path: Path
) -> None:
    keys = workload.keys()
    store.open(tmp_path)
    store.put(keys, workload.values())
    store.get(keys)
    store.get(workload.missing_keys(100))
    store.scan()
    if store.has("get_many"):
        store.get_many(groups(keys))
    if store.has("seek"):
        store.seek([b"", *keys[:20], b"\xff" * 16])
    store.close()


def test_what_a_store_lacks_is_refused(store: BenchStore, tmp_path: Path) -> None:
    store.open(tmp_path)
    if not store.has("get_many"):
        with pytest.raises(NotImplementedError, match=store.name):
            store.get_many([[b"k"]])
    if not store.has("seek"):
        with pytest.raises(NotImplementedError, match=store.name):
            store.seek([b"k"])
    store.close()


def test_mixed_puts_are_seen(store: BenchStore, workload: Workload, tmp_path: Path) -> None:
    keys, values = workload.keys(), workload.values()
    store.open(tmp_path)
    store.mixed(keys, values, keys)
    assert store.lookup(keys) == values
    store.close()


def test_synced_puts_are_stored(store: BenchStore, workload: Workload, tmp_path: Path) -> None:
    if not store.has("put_synced"):
        assert store.name in {"dict", "pykv"}
        return
    keys, values = workload.keys(20), workload.values(20)
    store.open(tmp_path, synced=True)
    store.put_synced(keys, values)
    assert store.lookup(keys) == values
    store.close()


def test_every_store_states_its_version_and_settings(store: BenchStore) -> None:
    assert store.version()
    assert store.settings()
    assert store.ram_bytes_a_key() is None


def test_allocated_bytes_leave_holes_out(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
        file.write(b"x" * 4096)
    assert 4096 <= allocated_bytes(tmp_path) < 1 << 20


def test_the_plain_loops_pass_on_every_item() -> None:
    pairs: dict[bytes, bytes] = {}
    put_each(pairs.__setitem__, [b"a", b"b"], [b"1", b"2"])
    assert pairs == {b"a": b"1", b"b": b"2"}
    seen: list[bytes] = []
    call_each(seen.append, [b"a", b"b"])
    assert seen == [b"a", b"b"]


def test_walk_takes_as_many_rows_as_a_seek_has() -> None:
    rows = iter([(b"k", b"v")] * (SEEK_ROWS + 5))
    walk(rows)
    assert sum(1 for _ in rows) == 5
