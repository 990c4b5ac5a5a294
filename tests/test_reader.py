"""The protocols of what is read."""

from pykv.engine.memory import Memory
from pykv.reader import OrderedReader, OrderedSnapshot, Reader, Snapshot
from pykv.store import OrderedStore, Store


def test_stores_and_snapshots_are_readers_and_snapshots_no_stores() -> None:
    with Memory() as store, store.snapshot() as made:
        # The annotations are what mypy checks, the assertions what Python does.
        reader: Reader = store
        ordered: OrderedReader = made
        snapshot: Snapshot = made
        assert isinstance(reader, Store)
        assert isinstance(ordered, OrderedSnapshot)
        assert isinstance(snapshot, Reader)
        assert not isinstance(snapshot, OrderedStore)
        assert not isinstance({}, Reader)
